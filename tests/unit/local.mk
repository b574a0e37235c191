# tests/unit: one program per line, sorted.
unit_tests += tests/unit/test_kit
unit_tests += tests/unit/test_actor_names
unit_tests += tests/unit/test_actor_table
unit_tests += tests/unit/test_event
unit_tests += tests/unit/test_json
unit_tests += tests/unit/test_schema
unit_tests += tests/unit/test_schema_builder
unit_tests += tests/unit/test_clock
unit_tests += tests/unit/test_foreign_payload
unit_tests += tests/unit/test_hash_table
unit_tests += tests/unit/test_heap
unit_tests += tests/unit/test_id
unit_tests += tests/unit/test_list
unit_tests += tests/unit/test_status
unit_tests += tests/unit/test_text
unit_tests += tests/unit/test_text_pool
unit_tests += tests/unit/test_thread_masks
unit_tests += tests/unit/test_timer_heap
unit_tests += tests/unit/test_utf8
unit_tests += tests/unit/test_name_cache
unit_tests += tests/unit/test_overflow
unit_tests += tests/unit/test_topic
unit_tests += tests/unit/test_topic_index
unit_tests += tests/unit/test_topic_mosquitto
unit_tests += tests/unit/test_topic_overlap
unit_tests += tests/unit/test_topic_set
unit_tests += tests/unit/test_usable_cores
unit_tests += tests/unit/test_send
if WITH_BRIDGE
unit_tests += tests/unit/test_app_options
unit_tests += tests/unit/test_attach
unit_tests += tests/unit/test_rename
unit_tests += tests/unit/test_node_record
unit_tests += tests/unit/test_security
unit_tests += tests/unit/test_shm_area
unit_tests += tests/unit/test_shm_hostile
unit_tests += tests/unit/test_shm_liar
unit_tests += tests/unit/test_shm_link
unit_tests += tests/unit/test_shm_pool
unit_tests += tests/unit/test_shm_pool_end
unit_tests += tests/unit/test_shm_pool_liar
unit_tests += tests/unit/test_shm_ring
unit_tests += tests/unit/test_shm_view
unit_tests += tests/unit/test_origins
unit_tests += tests/unit/test_node_directory
unit_tests += tests/unit/test_private_file
unit_tests += tests/unit/test_space_path
endif
unit_tests += tests/unit/test_counters_file
unit_tests += tests/unit/test_topology
unit_tests += tests/unit/test_value

tests_unit_test_topic_mosquitto_CPPFLAGS = $(AM_CPPFLAGS) $(MOSQUITTO_CFLAGS)
tests_unit_test_topic_mosquitto_LDADD = $(test_ldadd) $(MOSQUITTO_LIBS)
unit_tests += tests/unit/test_counters_place
unit_tests += tests/unit/test_counters_reader
unit_tests += tests/unit/test_link_counters
unit_tests += tests/unit/test_streak
if HAVE_CXX
unit_tests += tests/unit/test_event_cxx
tests_unit_test_event_cxx_SOURCES = tests/unit/test_event_cxx.cc
endif
if WITH_BRIDGE
unit_tests += tests/unit/test_encoder
unit_tests += tests/unit/test_envelope
unit_tests += tests/unit/test_channels
unit_tests += tests/unit/test_payload
unit_tests += tests/unit/test_alike
unit_tests += tests/unit/test_batch
unit_tests += tests/unit/test_handover
unit_tests += tests/unit/test_pace
unit_tests += tests/unit/test_peer
unit_tests += tests/unit/test_peer_lists
unit_tests += tests/unit/test_peer_native
unit_tests += tests/unit/test_peer_past
unit_tests += tests/unit/test_peer_patterns
unit_tests += tests/unit/test_peer_silence
unit_tests += tests/unit/test_peer_window
unit_tests += tests/unit/test_refusals
unit_tests += tests/unit/test_source
unit_tests += tests/unit/test_survey
endif
tests_unit_test_payload_CPPFLAGS = $(AM_CPPFLAGS) $(MSGPACK_CFLAGS)
tests_unit_test_payload_LDADD = $(test_ldadd) $(MSGPACK_LIBS)
tests_unit_test_node_directory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=openat
tests_unit_test_channels_SOURCES = tests/unit/test_channels.c tests/lib/peer_pair.c tests/lib/peer_pair.h
tests_unit_test_peer_SOURCES = tests/unit/test_peer.c $(narrow_pair_sources)
tests_unit_test_peer_lists_SOURCES = tests/unit/test_peer_lists.c $(narrow_pair_sources)
tests_unit_test_peer_native_SOURCES = tests/unit/test_peer_native.c $(narrow_pair_sources)
tests_unit_test_peer_past_SOURCES = tests/unit/test_peer_past.c $(narrow_pair_sources)
tests_unit_test_peer_patterns_SOURCES = tests/unit/test_peer_patterns.c $(narrow_pair_sources)
tests_unit_test_peer_silence_SOURCES = tests/unit/test_peer_silence.c $(narrow_pair_sources)
tests_unit_test_peer_window_SOURCES = tests/unit/test_peer_window.c $(narrow_pair_sources)
tests_unit_test_survey_SOURCES = tests/unit/test_survey.c $(narrow_pair_sources)
narrow_pair_sources = tests/lib/narrow_pair.c tests/lib/narrow_pair.h tests/lib/peer_pair.c tests/lib/peer_pair.h
tests_unit_test_refusals_SOURCES = tests/unit/test_refusals.c tests/lib/peer_pair.c tests/lib/peer_pair.h
unit_tests += tests/unit/test_broker
unit_tests += tests/unit/test_mailbox
unit_tests += tests/unit/test_placement_note
unit_tests += tests/unit/test_pool
unit_tests += tests/unit/test_ring
unit_tests += tests/unit/test_streams
unit_tests += tests/unit/test_wakeup
tests_unit_test_shm_area_SOURCES = tests/unit/test_shm_area.c $(shm_pair_sources)
# Its system calls fail on request.
tests_unit_test_shm_area_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=memfd_create,--wrap=ftruncate,--wrap=fallocate,--wrap=pwrite \
	-Wl,--wrap=mmap,--wrap=madvise,--wrap=fcntl
tests_unit_test_shm_hostile_SOURCES = tests/unit/test_shm_hostile.c $(shm_pair_sources)
tests_unit_test_shm_ring_SOURCES = tests/unit/test_shm_ring.c $(shm_pair_sources)
tests_unit_test_shm_liar_SOURCES = tests/unit/test_shm_liar.c $(shm_ends_sources)
tests_unit_test_shm_link_SOURCES = tests/unit/test_shm_link.c $(shm_ends_sources)
shm_ends_sources = tests/lib/shm_ends.c tests/lib/shm_ends.h
tests_unit_test_shm_pool_SOURCES = tests/unit/test_shm_pool.c $(pool_scene_sources)
tests_unit_test_shm_pool_end_SOURCES = tests/unit/test_shm_pool_end.c $(pool_scene_sources)
tests_unit_test_shm_pool_liar_SOURCES = tests/unit/test_shm_pool_liar.c $(pool_scene_sources)
tests_unit_test_shm_view_SOURCES = tests/unit/test_shm_view.c $(pool_scene_sources)
pool_scene_sources = tests/lib/pool_scene.c tests/lib/pool_scene.h
shm_pair_sources = tests/lib/shm_pair.c tests/lib/shm_pair.h
