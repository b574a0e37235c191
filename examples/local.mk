# Examples: programs that see only <maiko/...>.  Each has a test in tests/integration that compares its output.
# A new example: one line in example_programs, and two lines below.

example_programs = examples/weather
example_cxx_programs =

noinst_PROGRAMS += $(example_programs)
if HAVE_CXX
noinst_PROGRAMS += $(example_cxx_programs)
endif

example_ldadd = libmaiko/libmaiko.la
