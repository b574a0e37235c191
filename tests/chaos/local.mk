# tests/chaos: one program per line, sorted: chaos_tests += tests/chaos/test_NOUN
