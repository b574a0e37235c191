# One target per decoder: fuzz_targets += tests/fuzz/fuzz_NOUN.  Corpus: tests/fuzz/corpus/fuzz_NOUN/*, replayed by make check.
# `make fuzz FUZZ_SECONDS=60` in a tree configured with --enable-fuzzers CC=clang searches for more, each time elsewhere unless
# FUZZ_FLAGS=-seed=NUMBER.

EXTRA_DIST += tests/fuzz/corpus
fuzz_ldadd = $(test_ldadd)
if WITH_FUZZERS
fuzz_ldflags = -fsanitize=fuzzer
else
fuzz_ldflags =
fuzz_ldadd += tests/fuzz/libreplay.la
check_LTLIBRARIES += tests/fuzz/libreplay.la
endif
tests_fuzz_libreplay_la_SOURCES = tests/fuzz/replay.c

FUZZ_SECONDS = 10
.PHONY: fuzz
fuzz: $(fuzz_targets)
	@set -e; for target in $(fuzz_targets); do \
	    name=$${target##*/}; found=fuzz-found/$$name; $(MKDIR_P) $$found; \
	    ./$$target -max_total_time=$(FUZZ_SECONDS) $(FUZZ_FLAGS) -max_len=65536 -artifact_prefix=$$found/ $$found $(srcdir)/tests/fuzz/corpus/$$name; \
	done

# How much of each decoder the corpora reach, in a tree configured with --enable-coverage.
EXTRA_DIST += tests/fuzz/coverage.sh tests/fuzz/decoders.txt
.PHONY: coverage-fuzz
coverage-fuzz: $(fuzz_targets)
	$(AM_V_GEN)$(SHELL) $(srcdir)/tests/fuzz/coverage.sh $(srcdir) $(fuzz_targets)

fuzz_targets += tests/fuzz/fuzz_topic
tests_fuzz_fuzz_topic_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_topic_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
fuzz_targets += tests/fuzz/fuzz_json
tests_fuzz_fuzz_json_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_json_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
fuzz_targets += tests/fuzz/fuzz_schema
tests_fuzz_fuzz_schema_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_schema_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)

fuzz_targets += tests/fuzz/fuzz_builder
tests_fuzz_fuzz_builder_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_builder_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
fuzz_targets += tests/fuzz/fuzz_counters
tests_fuzz_fuzz_counters_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_counters_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)

if WITH_BRIDGE
fuzz_targets += tests/fuzz/fuzz_allow
fuzz_targets += tests/fuzz/fuzz_control
fuzz_targets += tests/fuzz/fuzz_endpoint
fuzz_targets += tests/fuzz/fuzz_envelope
fuzz_targets += tests/fuzz/fuzz_frame
fuzz_targets += tests/fuzz/fuzz_key_text
fuzz_targets += tests/fuzz/fuzz_native
fuzz_targets += tests/fuzz/fuzz_node_record
fuzz_targets += tests/fuzz/fuzz_options
fuzz_targets += tests/fuzz/fuzz_peer
fuzz_targets += tests/fuzz/fuzz_session
fuzz_targets += tests/fuzz/fuzz_shm_link
fuzz_targets += tests/fuzz/fuzz_shm_pool
fuzz_targets += tests/fuzz/fuzz_shm_reader
fuzz_targets += tests/fuzz/fuzz_shm_writer
endif
tests_fuzz_fuzz_envelope_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_envelope_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_frame_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_frame_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_peer_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_peer_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_shm_pool_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_shm_pool_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_shm_reader_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_shm_reader_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_shm_writer_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_shm_writer_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_allow_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_allow_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_control_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_control_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_endpoint_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_endpoint_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_key_text_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_key_text_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_native_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_native_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_node_record_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_node_record_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_options_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_options_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_session_SOURCES = tests/fuzz/fuzz_session.c tests/fuzz/session_frames.c tests/fuzz/session_play.h
tests_fuzz_fuzz_session_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_session_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
tests_fuzz_fuzz_shm_link_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_shm_link_LDFLAGS = $(AM_LDFLAGS) $(fuzz_ldflags)
