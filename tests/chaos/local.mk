# tests/chaos: one program per line, sorted: chaos_tests += tests/chaos/test_NOUN
if WITH_BRIDGE
chaos_tests += tests/chaos/test_cuts
chaos_tests += tests/chaos/test_deaths
chaos_tests += tests/chaos/test_hostile
chaos_tests += tests/chaos/test_stopped
endif
tests_chaos_test_cuts_SOURCES = tests/chaos/test_cuts.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_chaos_test_deaths_SOURCES = tests/chaos/test_deaths.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_chaos_test_hostile_SOURCES = tests/chaos/test_hostile.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_chaos_test_stopped_SOURCES = tests/chaos/test_stopped.c tests/lib/bridge_end.c tests/lib/bridge_end.h
