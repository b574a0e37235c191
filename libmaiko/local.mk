# libmaiko.so: everything lives in a convenience library, so that tests reach internals; only maiko_* leaves the .so.
# Every folder lists its own files, one += per line, so that additions of several branches merge.

core_sources =

noinst_LTLIBRARIES += libmaiko/libmaiko-core.la
lib_LTLIBRARIES += libmaiko/libmaiko.la

libmaiko_libmaiko_core_la_SOURCES = $(core_sources)
libmaiko_libmaiko_core_la_CPPFLAGS = $(AM_CPPFLAGS)
libmaiko_libmaiko_core_la_CFLAGS = $(AM_CFLAGS) $(LIBRARY_CFLAGS)

include libmaiko/base/local.mk
include libmaiko/message/local.mk
include libmaiko/routing/local.mk
include libmaiko/runtime/local.mk
include libmaiko/monitor/local.mk
include libmaiko/testing/local.mk
include libmaiko/man/local.mk

libmaiko_libmaiko_la_SOURCES =
libmaiko_libmaiko_la_LIBADD = libmaiko/libmaiko-core.la
libmaiko_libmaiko_la_LDFLAGS = $(AM_LDFLAGS) $(LIBRARY_LDFLAGS) -no-undefined -version-info $(MAIKO_ABI)
libmaiko_libmaiko_la_DEPENDENCIES = libmaiko/libmaiko-core.la libmaiko/libmaiko.map
if HAVE_VERSION_SCRIPT
libmaiko_libmaiko_la_LDFLAGS += -Wl,--version-script=$(top_srcdir)/libmaiko/libmaiko.map
endif

# The umbrella over all layers.
maikoinclude_HEADERS += libmaiko/include/maiko/maiko.h

EXTRA_DIST += libmaiko/libmaiko.map
pkgconfig_DATA += libmaiko/libmaiko.pc
