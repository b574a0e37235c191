# tests/sim: one program per line, sorted: sim_tests += tests/sim/test_NOUN
sim_tests += tests/sim/test_ends
sim_tests += tests/sim/test_last_values
sim_tests += tests/sim/test_rings
sim_tests += tests/sim/test_runtime
sim_tests += tests/sim/test_scenarios
tests_sim_test_runtime_SOURCES = tests/sim/test_runtime.c tests/sim/performer.c tests/sim/troupe.c tests/sim/troupe.h tests/sim/troupe_check.c
tests_sim_test_ends_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=world_end_cycles,--wrap=actor_check_end
if WITH_BRIDGE
sim_tests += tests/sim/test_links
sim_tests += tests/sim/test_relays
endif
tests_sim_test_links_SOURCES = tests/sim/test_links.c tests/sim/network.c tests/sim/network.h tests/sim/world.c tests/sim/world.h \
    tests/sim/world_state.h tests/sim/promises.c tests/sim/promises.h
tests_sim_test_relays_SOURCES = tests/sim/test_relays.c tests/sim/mesh.c tests/sim/mesh.h tests/sim/network.c tests/sim/network.h
if WITH_CUNIT
structure_scripts += tests/sim/mutants.sh
structure_scripts += tests/sim/same_run.sh
endif
if WITH_CUNIT
if WITH_BRIDGE
structure_scripts += tests/sim/link_mutants.sh
endif
endif
