# Examples: programs that see only <maiko/...> and link what is installed.  Each has a test that compares its output.
# A new example: one line in example_programs, and its _LDADD.  C++ ones go to example_cxx_programs.

example_programs =
example_programs += examples/arbitrage
example_programs += examples/backpressure
example_programs += examples/gateway
example_programs += examples/guesser
example_programs += examples/hello
example_programs += examples/pingpong
example_programs += examples/poll_loop
if WITH_BRIDGE
example_programs += examples/weather
endif

example_cxx_programs =
example_cxx_programs += examples/hello_cxx
if WITH_BRIDGE
example_cxx_programs += examples/weather_cxx
endif

noinst_PROGRAMS += $(example_programs)
if HAVE_CXX
noinst_PROGRAMS += $(example_cxx_programs)
endif

# Not the libraries of the tests, which the global LDADD names.
example_ldadd = libmaiko/libmaiko.la
examples_hello_LDADD = $(example_ldadd)
examples_hello_cxx_LDADD = $(example_ldadd)
examples_hello_cxx_CXXFLAGS = $(AM_CXXFLAGS)
examples_hello_cxx_SOURCES = examples/hello.cc
examples_arbitrage_LDADD = $(example_ldadd)
examples_backpressure_LDADD = $(example_ldadd)
examples_gateway_LDADD = $(example_ldadd)
examples_guesser_LDADD = $(example_ldadd)
examples_pingpong_LDADD = $(example_ldadd)
examples_poll_loop_LDADD = $(example_ldadd)
examples_weather_LDADD = bridge/libmaiko-bridge.la $(example_ldadd)
examples_weather_SOURCES = examples/weather.c examples/weather.h
examples_weather_cxx_LDADD = bridge/libmaiko-bridge.la $(example_ldadd)
examples_weather_cxx_CXXFLAGS = $(AM_CXXFLAGS)
examples_weather_cxx_SOURCES = examples/weather.cc examples/weather.h

# The pipeline in one process and in three, compared; run by ./bootstrap demo and by a test.
EXTRA_DIST += examples/weather_split.sh

EXTRA_DIST += examples/data/README.md
EXTRA_DIST += examples/data/seattle-weather.csv
