# tests/unit: one program per line, sorted.
unit_tests += tests/unit/test_kit
unit_tests += tests/unit/test_event
unit_tests += tests/unit/test_json
unit_tests += tests/unit/test_schema
unit_tests += tests/unit/test_schema_builder
if WITH_BRIDGE
unit_tests += tests/unit/test_node_record
unit_tests += tests/unit/test_security
unit_tests += tests/unit/test_space_path
endif
unit_tests += tests/unit/test_counters_file
unit_tests += tests/unit/test_topology
unit_tests += tests/unit/test_value
