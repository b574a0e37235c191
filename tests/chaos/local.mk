# tests/chaos: one program per line, sorted: chaos_tests += tests/chaos/test_NOUN
if WITH_BRIDGE
chaos_tests += tests/chaos/test_cuts
chaos_tests += tests/chaos/test_deaths
chaos_tests += tests/chaos/test_hostile
chaos_tests += tests/chaos/test_pool_deaths
chaos_tests += tests/chaos/test_pool_ends
chaos_tests += tests/chaos/test_shm_chaos
chaos_tests += tests/chaos/test_shm_deaths
chaos_tests += tests/chaos/test_shm_holds
chaos_tests += tests/chaos/test_shm_scribbler
chaos_tests += tests/chaos/test_stopped
chaos_tests += tests/chaos/test_store_deaths
check_scripts += tests/chaos/shm_without_room.sh
check_LTLIBRARIES += tests/chaos/libmaiko-bridge-faults.la
endif
bridge_life_sources = tests/lib/bridge_end.c tests/lib/bridge_end.h tests/lib/bridge_life.c tests/lib/bridge_life.h
tests_chaos_test_cuts_SOURCES = tests/chaos/test_cuts.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_chaos_test_deaths_SOURCES = tests/chaos/test_deaths.c $(bridge_life_sources)
tests_chaos_test_hostile_SOURCES = tests/chaos/test_hostile.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_chaos_test_shm_holds_SOURCES = tests/chaos/test_shm_holds.c $(bridge_life_sources)
tests_chaos_test_shm_scribbler_SOURCES = tests/chaos/test_shm_scribbler.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_chaos_test_stopped_SOURCES = tests/chaos/test_stopped.c tests/lib/bridge_end.c tests/lib/bridge_end.h
gallery_sources = tests/lib/gallery.c tests/lib/gallery.h
tests_chaos_test_pool_deaths_SOURCES = tests/chaos/test_pool_deaths.c $(gallery_sources) tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_chaos_test_pool_deaths_LDADD = $(fault_ldadd)
tests_chaos_test_pool_ends_SOURCES = tests/chaos/test_pool_ends.c $(pool_scene_sources)
tests_chaos_test_pool_ends_LDADD = $(fault_ldadd)
tests_chaos_test_shm_chaos_SOURCES = tests/chaos/test_shm_chaos.c $(bridge_life_sources)
tests_chaos_test_shm_chaos_LDADD = $(fault_ldadd)
tests_chaos_test_store_deaths_SOURCES = tests/chaos/test_store_deaths.c $(gallery_sources)
tests_chaos_test_store_deaths_LDADD = $(fault_ldadd)
tests_chaos_test_shm_deaths_SOURCES = tests/chaos/test_shm_deaths.c $(shm_pair_sources)
tests_chaos_test_shm_deaths_LDADD = $(fault_ldadd)

# The bridge once more, with fault points (bridge/shm/shm_fault.h).
fault_ldadd = tests/lib/libtestkit.la tests/chaos/libmaiko-bridge-faults.la tests/lib/libtestkit.la libmaiko/libmaiko-core.la $(CUNIT_LIBS)
tests_chaos_libmaiko_bridge_faults_la_SOURCES = $(bridge_sources)
tests_chaos_libmaiko_bridge_faults_la_CPPFLAGS = $(bridge_libmaiko_bridge_core_la_CPPFLAGS) -DMAIKO_FAULT_POINTS
tests_chaos_libmaiko_bridge_faults_la_CFLAGS = $(AM_CFLAGS) $(LIBRARY_CFLAGS)
tests_chaos_libmaiko_bridge_faults_la_LIBADD = $(JSON_LIBS) $(INIH_LIBS) $(ZMQ_LIBS) $(MSGPACK_LIBS)
