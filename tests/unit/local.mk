# tests/unit: one program per line, sorted.
unit_tests += tests/unit/test_kit
unit_tests += tests/unit/test_event
unit_tests += tests/unit/test_schema
