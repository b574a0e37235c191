# Tests.  A program named in unit_tests, integration_tests, sim_tests or chaos_tests is built from the C file of the same
# name, linked with the kit (tests/lib) and both convenience libraries, and run by make check; it prints TAP, so every test
# case counts.
# A script (*.sh) named in check_scripts is one test; those in structure_scripts look at the tree and at plain objects, and are
# left out of sanitizer builds.  Long tests run in make check-long only, which sets MAIKO_LONG=1 as well.

unit_tests =
integration_tests =
sim_tests =
chaos_tests =
long_tests =
fuzz_targets =
check_scripts =
structure_scripts =
bench_programs =

include tests/lib/local.mk
include tests/unit/local.mk
include tests/integration/local.mk
include tests/model/local.mk
include tests/sim/local.mk
include tests/fuzz/local.mk
include tests/chaos/local.mk
include tests/bench/local.mk
include tests/checks/local.mk
include tests/compile/local.mk
include tests/consumer/local.mk

# The kit uses CUnit for assertions; without it only scripts and fuzz replays are left.
if WITH_CUNIT
check_PROGRAMS += $(unit_tests) $(integration_tests) $(sim_tests) $(chaos_tests)
EXTRA_PROGRAMS += $(long_tests)
TESTS += $(unit_tests) $(integration_tests) $(sim_tests) $(chaos_tests)
endif
if WITH_TESTS
check_PROGRAMS += $(fuzz_targets)
TESTS += $(check_scripts)
if !WITH_SANITIZER
TESTS += $(structure_scripts)
endif
if !WITH_FUZZERS
TESTS += $(fuzz_targets)
endif
endif
EXTRA_PROGRAMS += $(bench_programs)
dist_check_SCRIPTS += $(check_scripts) $(structure_scripts)

# Programs without their own LDADD are test programs.
LDADD = $(test_ldadd)
test_ldadd = tests/lib/libtestkit.la
if WITH_BRIDGE
test_ldadd += bridge/libmaiko-bridge-core.la
endif
test_ldadd += libmaiko/libmaiko-core.la $(CUNIT_LIBS)

TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/tools/build-aux/tap-driver.sh
LOG_COMPILER = $(MAIKO_TEST_LAUNCHER)
SH_LOG_COMPILER = $(SHELL)
# The scratch folder is where sockets are, and their paths have 107 bytes: a longer TMPDIR (here: than 24) is not used.
AM_TESTS_ENVIRONMENT = \
	case "$$TMPDIR" in ?????????????????????????*) TMPDIR=/tmp; export TMPDIR;; esac; \
	MAIKO_SRCDIR='$(abs_top_srcdir)'; export MAIKO_SRCDIR; \
	MAIKO_BUILDDIR='$(abs_top_builddir)'; export MAIKO_BUILDDIR; \
	MAIKO_SANITIZER='$(SANITIZER)'; export MAIKO_SANITIZER; \
	CC='$(CC)'; export CC; \
	CXX='$(CXX)'; export CXX; \
	ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:$$ASAN_OPTIONS"; export ASAN_OPTIONS; \
	UBSAN_OPTIONS="print_stacktrace=1:$$UBSAN_OPTIONS"; export UBSAN_OPTIONS; \
	LSAN_OPTIONS="suppressions=$(abs_top_srcdir)/tests/lib/lsan.supp:print_suppressions=0"; export LSAN_OPTIONS; \
	TSAN_OPTIONS="suppressions=$(abs_top_srcdir)/tests/lib/tsan.supp:second_deadlock_stack=1:die_after_fork=0:ignore_noninstrumented_modules=1:$$TSAN_OPTIONS"; export TSAN_OPTIONS;

# The result files of the last make check, for tests/lib/summary.sh and failures.sh.
.PHONY: list-results
list-results:
	@echo $(TEST_LOGS:.log=.trs)

# Longer versions of the same tests, and the tests too long for make check.
.PHONY: check-long
check-long: $(check_PROGRAMS) $(long_tests)
	MAIKO_LONG=1 $(MAKE) $(AM_MAKEFLAGS) check TESTS='$(TESTS) $(long_tests)'

# Sanitizers: a configured sub-directory each, so that the objects of this tree stay as they are.  An in-tree build cannot
# be configured a second time elsewhere, so its sources are copied first.
.PHONY: check-asan check-tsan check-sanitizer
check-asan:
	@$(MAKE) $(AM_MAKEFLAGS) check-sanitizer sanitizer_dir=build-asan sanitizer_list=address,undefined
check-tsan:
	@$(MAKE) $(AM_MAKEFLAGS) check-sanitizer sanitizer_dir=build-tsan sanitizer_list=thread
check-sanitizer:
	@set -e; source=$(abs_top_srcdir); \
	if test -f $(abs_top_srcdir)/config.status; then \
	    source=$(abs_top_builddir)/$(sanitizer_dir)-source; \
	    $(MAKE) $(AM_MAKEFLAGS) distdir distdir=$(sanitizer_dir)-source >/dev/null; \
	fi; \
	$(MKDIR_P) $(sanitizer_dir); cd $(sanitizer_dir); \
	test -f config.status || $$source/configure --quiet --disable-shared --enable-werror --enable-sanitizer=$(sanitizer_list) \
	    $(sanitizer_configure_flags) CC='$(CC)' CXX='$(CXX)' CFLAGS='-g -O1' CXXFLAGS='-g -O1'; \
	MAIKO_TEST_SLOWDOWN=$${MAIKO_TEST_SLOWDOWN:-8} $(MAKE) $(AM_MAKEFLAGS) check
sanitizer_configure_flags =
if !WITH_BRIDGE
sanitizer_configure_flags += --disable-bridge
endif
if !WITH_TOOLS
sanitizer_configure_flags += --disable-tools
endif

# valgrind_tests may be given on the command line; forking and real-time tests mean little under valgrind.  Those of whole
# supervisors are with handlers that keep, refuse, fail and leave things behind.
.PHONY: check-valgrind
valgrind_tests = $(unit_tests)
valgrind_tests += tests/integration/test_bad_input
valgrind_tests += tests/integration/test_dead_letters
valgrind_tests += tests/integration/test_destructors
valgrind_tests += tests/integration/test_errors
valgrind_tests += tests/integration/test_mailbox_bytes
valgrind_tests += tests/integration/test_reserve
valgrind_tests += tests/integration/test_sends
check-valgrind: $(check_PROGRAMS)
	@test '$(VALGRIND)' != no || { echo 'check-valgrind: valgrind is not installed' >&2; exit 1; }
	MAIKO_TEST_SLOWDOWN=$${MAIKO_TEST_SLOWDOWN:-40} MAIKO_VALGRIND=1 $(MAKE) $(AM_MAKEFLAGS) check TESTS='$(valgrind_tests)' \
	    MAIKO_TEST_LAUNCHER='$(LIBTOOL) --mode=execute $(VALGRIND) $(VALGRIND_FLAGS)'
VALGRIND_FLAGS = --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,possible --track-fds=no \
	--suppressions=$(abs_top_srcdir)/tests/lib/valgrind.supp

CLEANFILES += $(EXTRA_PROGRAMS)
clean-local: clean-sub-builds
.PHONY: clean-sub-builds
clean-sub-builds:
	test ! -d build-asan-source || chmod -R u+w build-asan-source
	test ! -d build-tsan-source || chmod -R u+w build-tsan-source
	rm -rf build-asan build-asan-source build-tsan build-tsan-source fuzz-found
