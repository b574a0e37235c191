# tests/bench: the driver and the programs it measures (row.h says how they fit together).  Nothing here is part of make check.
# The driver, the report and every subject are built by make bench only; peers that are not installed are left out and noted.

bench_programs += \
	tests/bench/driver \
	tests/bench/baselines/bare_work \
	tests/bench/baselines/call \
	tests/bench/baselines/minimal \
	tests/bench/baselines/mutex_queue \
	tests/bench/baselines/pingpong \
	tests/bench/baselines/ring \
	tests/bench/baselines/shared_ring

EXTRA_LTLIBRARIES = tests/bench/lib/libbench.la
tests_bench_lib_libbench_la_SOURCES = \
	tests/bench/lib/bulk.c \
	tests/bench/lib/bulk.h \
	tests/bench/lib/daemon.c \
	tests/bench/lib/daemon.h \
	tests/bench/lib/futex.h \
	tests/bench/lib/json.c \
	tests/bench/lib/json.h \
	tests/bench/lib/machine.c \
	tests/bench/lib/machine.h \
	tests/bench/lib/payload.h \
	tests/bench/lib/port.c \
	tests/bench/lib/port.h \
	tests/bench/lib/run.c \
	tests/bench/lib/run.h \
	tests/bench/lib/spsc.h \
	tests/bench/lib/subject.c \
	tests/bench/lib/subject.h \
	tests/bench/lib/team.c \
	tests/bench/lib/team.h \
	tests/bench/lib/work.c \
	tests/bench/lib/work.h

bench_ldadd = tests/bench/lib/libbench.la -lm

tests_bench_driver_SOURCES = \
	tests/bench/constants.c \
	tests/bench/contest.c \
	tests/bench/contest.h \
	tests/bench/driver.c \
	tests/bench/lines.c \
	tests/bench/lines.h \
	tests/bench/row.h \
	tests/bench/rows_actors.c \
	tests/bench/rows_links.c \
	tests/bench/rows_shell.c \
	tests/bench/rows_trouble.c
tests_bench_driver_LDADD = $(bench_ldadd)
tests_bench_baselines_bare_work_LDADD = $(bench_ldadd)
tests_bench_baselines_call_LDADD = $(bench_ldadd)
tests_bench_baselines_minimal_SOURCES = \
	tests/bench/baselines/minimal.c \
	tests/bench/baselines/minimal.h \
	tests/bench/baselines/minimal_rows.c
tests_bench_baselines_minimal_LDADD = $(bench_ldadd)
tests_bench_baselines_mutex_queue_LDADD = $(bench_ldadd)
tests_bench_baselines_pingpong_LDADD = $(bench_ldadd)
tests_bench_baselines_ring_LDADD = $(bench_ldadd)
tests_bench_baselines_shared_ring_LDADD = $(bench_ldadd)


# libmaiko itself, and once more with counters compiled out: what counting costs is the ratio of the two.
bench_programs += tests/bench/actors tests/bench/actors_uncounted
bench_actors_sources = \
	tests/bench/actors.c \
	tests/bench/actors.h \
	tests/bench/actors_flow.c \
	tests/bench/actors_many.c \
	tests/bench/actors_work.c
tests_bench_actors_SOURCES = $(bench_actors_sources)
tests_bench_actors_LDADD = $(bench_ldadd) libmaiko/libmaiko-core.la
tests_bench_actors_uncounted_SOURCES = $(bench_actors_sources)
tests_bench_actors_uncounted_LDADD = $(bench_ldadd) tests/bench/libuncounted.la
EXTRA_LTLIBRARIES += tests/bench/libuncounted.la
tests_bench_libuncounted_la_SOURCES = $(core_sources)
tests_bench_libuncounted_la_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_CFLAGS) -DMAIKO_NO_COUNTERS
tests_bench_libuncounted_la_CFLAGS = $(AM_CFLAGS) $(LIBRARY_CFLAGS)
tests_bench_libuncounted_la_LIBADD = $(JSON_LIBS)

# Both in eight orders of their objects: where the linker puts a function is worth more than what counting costs.
bench_layouts = tests/bench/layouts/stamp
$(bench_layouts): tests/bench/layouts.sh tests/bench/actors$(EXEEXT) tests/bench/actors_uncounted$(EXEEXT)
	$(AM_V_GEN)for pair in libmaiko/.libs/libmaiko-core.a:actors tests/bench/.libs/libuncounted.a:actors_uncounted; do \
		$(SHELL) $(srcdir)/tests/bench/layouts.sh 8 "$${pair%%:*}" "tests/bench/layouts/$${pair#*:}" \
			$(CC) $(AM_CFLAGS) $(CFLAGS) $(AM_LDFLAGS) $(LDFLAGS) $(tests_bench_actors_OBJECTS) \
			-Wl,--start-group tests/bench/lib/.libs/libbench.a $(LIBS) $(JSON_LIBS) -lm -lpthread -Wl,--end-group || exit 1; \
	done; \
	touch $@
CLEANFILES += tests/bench/layouts/actors-[0-9] tests/bench/layouts/actors_uncounted-[0-9] $(bench_layouts)
EXTRA_DIST += tests/bench/layouts.sh

# Peers.
tests_bench_baselines_zmq_inproc_CPPFLAGS = $(AM_CPPFLAGS) $(ZMQ_CFLAGS)
tests_bench_baselines_zmq_inproc_LDADD = $(bench_ldadd) $(ZMQ_LIBS)
tests_bench_baselines_zmq_wire_CPPFLAGS = $(AM_CPPFLAGS) $(ZMQ_CFLAGS) $(MSGPACK_CFLAGS)
tests_bench_baselines_zmq_wire_LDADD = $(bench_ldadd) $(ZMQ_LIBS) $(MSGPACK_LIBS)
tests_bench_baselines_cyclone_CPPFLAGS = $(AM_CPPFLAGS) $(CYCLONE_CFLAGS)
tests_bench_baselines_cyclone_LDADD = $(bench_ldadd) $(CYCLONE_LIBS)
tests_bench_baselines_nng_ipc_LDADD = $(bench_ldadd) -lnng
tests_bench_baselines_nng_inproc_LDADD = $(bench_ldadd) -lnng
bench_broker_sources = tests/bench/baselines/broker.c tests/bench/baselines/broker.h
tests_bench_baselines_redis_SOURCES = tests/bench/baselines/redis.c $(bench_broker_sources)
tests_bench_baselines_redis_LDADD = $(bench_ldadd) -lhiredis
tests_bench_baselines_mosquitto_SOURCES = tests/bench/baselines/mosquitto.c $(bench_broker_sources)
tests_bench_baselines_mosquitto_CPPFLAGS = $(AM_CPPFLAGS) $(MOSQUITTO_CFLAGS)
tests_bench_baselines_mosquitto_LDADD = $(bench_ldadd) $(MOSQUITTO_LIBS)
tests_bench_baselines_caf_SOURCES = tests/bench/baselines/caf.cc
tests_bench_baselines_caf_LDADD = -lcaf_core
tests_bench_shm_ring_LDADD = $(bench_ldadd) bridge/libmaiko-bridge-core.la libmaiko/libmaiko-core.la
tests_bench_trouble_SOURCES = \
	tests/bench/trouble.c \
	tests/bench/trouble.h \
	tests/bench/trouble_nodes.c
tests_bench_trouble_LDADD = $(bench_ldadd) bridge/libmaiko-bridge-core.la libmaiko/libmaiko-core.la
tests_bench_shell_LDADD = $(bench_ldadd) bridge/libmaiko-bridge-core.la libmaiko/libmaiko-core.la
tests_bench_links_LDADD = $(bench_ldadd) bridge/libmaiko-bridge-core.la libmaiko/libmaiko-core.la
if WITH_BRIDGE
bench_programs += tests/bench/links tests/bench/shm_ring tests/bench/trouble
bench_programs += tests/bench/baselines/zmq_inproc tests/bench/baselines/zmq_wire
if WITH_TOOLS
bench_programs += tests/bench/shell
EXTRA_tests_bench_shell_DEPENDENCIES = tools/maiko$(EXEEXT)
endif
endif
if WITH_NNG
bench_programs += tests/bench/baselines/nng_inproc tests/bench/baselines/nng_ipc
endif
if WITH_HIREDIS
bench_programs += tests/bench/baselines/redis
endif
if WITH_MOSQUITTO
bench_programs += tests/bench/baselines/mosquitto
endif
if WITH_CYCLONE
bench_programs += tests/bench/baselines/cyclone
endif
if WITH_CAF
bench_programs += tests/bench/baselines/caf
endif

EXTRA_DIST += tests/bench/baselines/actors.erl tests/bench/report.py tests/bench/measured.svg
CLEANFILES += tests/bench/results.json tests/bench/REPORT.md tests/bench/figures.svg

# BENCH_FLAGS are the driver's: --rows W1,W4 --runs 9 --seconds 1
# bench-readme: the whole run, then table and plot into the README of the source tree.  For a quiet machine.
.PHONY: bench bench-quick bench-readme bench-run bench-programs
bench-programs: $(bench_programs) $(bench_layouts)
bench: bench-run
bench-quick:
	@$(MAKE) $(AM_MAKEFLAGS) bench-run BENCH_FLAGS='--quick $(BENCH_FLAGS)'
bench-run: $(bench_programs) $(bench_layouts)
	@status=0; \
	tests/bench/driver --programs tests/bench --sources $(srcdir)/tests/bench $(BENCH_FLAGS) >tests/bench/results.json || status=$$?; \
	$(PYTHON3) $(srcdir)/tests/bench/report.py tests/bench/results.json tests/bench/REPORT.md tests/bench/figures.svg || status=$$?; \
	echo "tests/bench/REPORT.md, tests/bench/figures.svg, tests/bench/results.json"; \
	exit $$status

# Also after a run in which something failed: table and plot say what.
bench-readme: $(bench_programs) $(bench_layouts)
	@status=0; \
	$(MAKE) $(AM_MAKEFLAGS) bench-run || status=$$?; \
	$(PYTHON3) $(srcdir)/tests/bench/report.py tests/bench/results.json tests/bench/REPORT.md $(srcdir)/tests/bench/measured.svg \
		$(srcdir)/README.md || status=$$?; \
	exit $$status

# Preloaded into what is counted.
EXTRA_LTLIBRARIES += tests/bench/slow_clock.la
tests_bench_slow_clock_la_SOURCES = tests/bench/slow_clock.c
tests_bench_slow_clock_la_LDFLAGS = -module -shared -avoid-version -rpath $(abs_builddir)/tests/bench

# Not part of make check: counting takes a while and depends on the compiler.
.PHONY: bench-instructions
bench-instructions: $(bench_programs) tests/bench/slow_clock.la
	@VALGRIND='$(VALGRIND)' $(SHELL) $(srcdir)/tests/bench/instructions.sh tests/bench $(srcdir)/tests/bench || test $$? -eq 77
EXTRA_DIST += tests/bench/PROFILING.md tests/bench/instructions.sh tests/bench/instructions.txt
