# tests/sim: one program per line, sorted: sim_tests += tests/sim/test_NOUN
