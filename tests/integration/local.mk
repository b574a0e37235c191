# tests/integration: one program per line, sorted: integration_tests += tests/integration/test_NOUN
integration_tests += tests/integration/test_actor_features
integration_tests += tests/integration/test_bad_input
integration_tests += tests/integration/test_behaviour_flow
integration_tests += tests/integration/test_behaviour_life
integration_tests += tests/integration/test_errors
integration_tests += tests/integration/test_fork
integration_tests += tests/integration/test_host
integration_tests += tests/integration/test_import
integration_tests += tests/integration/test_import_run
integration_tests += tests/integration/test_dead_letters
integration_tests += tests/integration/test_dedicated
integration_tests += tests/integration/test_destructors
integration_tests += tests/integration/test_lifecycle
integration_tests += tests/integration/test_mailbox_bytes
integration_tests += tests/integration/test_offline
integration_tests += tests/integration/test_placement
integration_tests += tests/integration/test_patient_poll
integration_tests += tests/integration/test_poll
integration_tests += tests/integration/test_reserve
integration_tests += tests/integration/test_rooms
integration_tests += tests/integration/test_sends
integration_tests += tests/integration/test_signals
integration_tests += tests/integration/test_state_table
integration_tests += tests/integration/test_stop_deadline
integration_tests += tests/integration/test_stop_memory
integration_tests += tests/integration/test_stop_report
integration_tests += tests/integration/test_subscription_order
integration_tests += tests/integration/test_topic_names
if WITH_BRIDGE
integration_tests += tests/integration/test_app
integration_tests += tests/integration/test_attach
integration_tests += tests/integration/test_stop_order
integration_tests += tests/integration/test_books
integration_tests += tests/integration/test_bridge
integration_tests += tests/integration/test_bridge_heap
integration_tests += tests/integration/test_bridge_memory
integration_tests += tests/integration/test_circle
integration_tests += tests/integration/test_echo
integration_tests += tests/integration/test_held_senders
integration_tests += tests/integration/test_import_wait
integration_tests += tests/integration/test_in_place
integration_tests += tests/integration/test_key_rotation
integration_tests += tests/integration/test_endpoint_race
integration_tests += tests/integration/test_keypair
integration_tests += tests/integration/test_link_flow
integration_tests += tests/integration/test_link_spin
integration_tests += tests/integration/test_publish
integration_tests += tests/integration/test_python_peer
integration_tests += tests/integration/test_peer_keys
integration_tests += tests/integration/test_changed_access
integration_tests += tests/integration/test_strangers
integration_tests += tests/integration/test_node_name
integration_tests += tests/integration/test_peer_reports
integration_tests += tests/integration/test_departures
integration_tests += tests/integration/test_door_refusals
integration_tests += tests/integration/test_peer_stopped
integration_tests += tests/integration/test_peer_words
integration_tests += tests/integration/test_refused_events
integration_tests += tests/integration/test_retry_times
integration_tests += tests/integration/test_relay
integration_tests += tests/integration/test_relay_end
integration_tests += tests/integration/test_shortage
integration_tests += tests/integration/test_space
integration_tests += tests/integration/test_space_group
integration_tests += tests/integration/test_take
integration_tests += tests/integration/test_terminal
integration_tests += tests/integration/test_versions
integration_tests += tests/integration/test_weather_memory
integration_tests += tests/integration/test_window
integration_tests += tests/integration/test_dials
integration_tests += tests/integration/test_handshakes
integration_tests += tests/integration/test_zmq_port
integration_tests += tests/integration/test_zmq_endings
integration_tests += tests/integration/test_zmq_port_keys
integration_tests += tests/integration/test_zmq_memory
integration_tests += tests/integration/test_zmq_spare
endif

EXTRA_DIST += tests/integration/python_peer.py

tests_integration_test_window_SOURCES = tests/integration/test_window.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_integration_test_zmq_port_SOURCES = tests/integration/test_zmq_port.c tests/lib/port_end.c tests/lib/port_end.h
tests_integration_test_zmq_endings_SOURCES = tests/integration/test_zmq_endings.c tests/lib/port_end.c tests/lib/port_end.h
tests_integration_test_zmq_port_keys_SOURCES = tests/integration/test_zmq_port_keys.c tests/lib/port_end.c tests/lib/port_end.h
tests_integration_test_zmq_memory_SOURCES = tests/integration/test_zmq_memory.c tests/lib/port_end.c tests/lib/port_end.h
tests_integration_test_zmq_spare_SOURCES = tests/integration/test_zmq_spare.c tests/lib/port_end.c tests/lib/port_end.h
tests_integration_test_attach_SOURCES = tests/integration/test_attach.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_integration_test_held_senders_SOURCES = tests/integration/test_held_senders.c tests/lib/bridge_end.c \
	tests/lib/bridge_end.h
tests_integration_test_import_wait_SOURCES = tests/integration/test_import_wait.c tests/lib/bridge_end.c \
	tests/lib/bridge_end.h
tests_integration_test_in_place_SOURCES = tests/integration/test_in_place.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_integration_test_link_flow_SOURCES = tests/integration/test_link_flow.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_integration_test_link_spin_SOURCES = tests/integration/test_link_spin.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_integration_test_space_group_SOURCES = tests/integration/test_space_group.c tests/lib/bridge_end.c \
	tests/lib/bridge_end.h
tests_integration_test_stop_order_SOURCES = tests/integration/test_stop_order.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_integration_test_publish_SOURCES = tests/integration/test_publish.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_integration_test_relay_end_SOURCES = tests/integration/test_relay_end.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_integration_test_bridge_SOURCES = tests/integration/test_bridge.c tests/lib/bridge_end.c tests/lib/bridge_end.h
tests_integration_test_key_rotation_SOURCES = tests/integration/test_key_rotation.c tests/lib/bridge_end.c \
	tests/lib/bridge_end.h
tests_integration_test_peer_keys_SOURCES = tests/integration/test_peer_keys.c $(keyring_sources)
tests_integration_test_changed_access_SOURCES = tests/integration/test_changed_access.c $(keyring_sources)
keyring_sources = tests/lib/keyring.c tests/lib/keyring.h $(report_end_sources)
tests_integration_test_peer_reports_SOURCES = tests/integration/test_peer_reports.c $(report_end_sources)
tests_integration_test_strangers_SOURCES = tests/integration/test_strangers.c $(report_end_sources)
tests_integration_test_node_name_SOURCES = tests/integration/test_node_name.c $(report_end_sources)
tests_integration_test_shortage_SOURCES = tests/integration/test_shortage.c $(report_end_sources)
tests_integration_test_departures_SOURCES = tests/integration/test_departures.c $(report_end_sources)
tests_integration_test_peer_stopped_SOURCES = tests/integration/test_peer_stopped.c $(report_end_sources)
tests_integration_test_peer_words_SOURCES = tests/integration/test_peer_words.c tests/lib/raw_link.c tests/lib/raw_link.h \
	$(keyring_sources)
tests_integration_test_refused_events_SOURCES = tests/integration/test_refused_events.c $(report_end_sources)
tests_integration_test_retry_times_SOURCES = tests/integration/test_retry_times.c tests/lib/raw_link.c tests/lib/raw_link.h \
	$(report_end_sources)
tests_integration_test_door_refusals_SOURCES = tests/integration/test_door_refusals.c tests/lib/raw_link.c \
	tests/lib/raw_link.h $(report_end_sources)
report_end_sources = tests/lib/report_end.c tests/lib/report_end.h

# Examples: scripts that compare what they print.
check_scripts += tests/integration/example_arbitrage.sh
check_scripts += tests/integration/example_backpressure.sh
check_scripts += tests/integration/example_gateway.sh
check_scripts += tests/integration/example_guesser.sh
check_scripts += tests/integration/example_hello.sh
check_scripts += tests/integration/example_pingpong.sh
check_scripts += tests/integration/example_poll_loop.sh
check_scripts += tests/integration/example_weather.sh
integration_tests += tests/integration/test_counters
integration_tests += tests/integration/test_storm
integration_tests += tests/integration/test_threads
tests_integration_test_threads_SOURCES = tests/integration/test_threads.c tests/sim/performer.c tests/sim/troupe.c \
	tests/sim/troupe.h tests/sim/troupe_check.c

if WITH_BRIDGE
check_scripts += tests/integration/example_weather_split.sh
check_scripts += tests/integration/space_without_room.sh tests/integration/space_pid_namespaces.sh
check_scripts += tests/integration/tool_echo.sh
check_scripts += tests/integration/tool_maiko.sh
check_scripts += tests/integration/tool_topics.sh
check_scripts += tests/integration/tool_space_group.sh
endif
