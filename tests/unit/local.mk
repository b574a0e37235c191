# tests/unit: one program per line, sorted.
unit_tests += tests/unit/test_kit
