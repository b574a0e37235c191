# tests/lib: the kit every test program is linked with.  One file per line, sorted.

if WITH_CUNIT
check_LTLIBRARIES += tests/lib/libtestkit.la
endif
tests_lib_libtestkit_la_SOURCES = \
	tests/lib/child.c \
	tests/lib/child.h \
	tests/lib/dice.c \
	tests/lib/dice.h \
	tests/lib/failing_allocator.c \
	tests/lib/failing_allocator.h \
	tests/lib/fault_points.c \
	tests/lib/fault_points.h \
	tests/lib/leaks.c \
	tests/lib/leaks.h \
	tests/lib/poison.h \
	tests/lib/process.c \
	tests/lib/process.h \
	tests/lib/random.h \
	tests/lib/random_schema.c \
	tests/lib/random_schema.h \
	tests/lib/relay.c \
	tests/lib/relay.h \
	tests/lib/sample_events.h \
	tests/lib/scratch.c \
	tests/lib/scratch.h \
	tests/lib/shortage.c \
	tests/lib/shortage.h \
	tests/lib/space_wait.h \
	tests/lib/stage.c \
	tests/lib/stage.h \
	tests/lib/suite.c \
	tests/lib/suite.h \
	tests/lib/topic_dice.c \
	tests/lib/topic_dice.h \
	tests/lib/wait.c \
	tests/lib/wait.h \
	tests/lib/watchdog.c \
	tests/lib/watchdog.h
tests_lib_libtestkit_la_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
EXTRA_DIST += \
	tests/lib/example.sh \
	tests/lib/failures.sh \
	tests/lib/summary.sh \
	tests/lib/tool.sh \
	tests/lib/lsan.supp \
	tests/lib/tsan.supp \
	tests/lib/valgrind.supp
