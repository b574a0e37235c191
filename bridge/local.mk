# libmaiko-bridge.so, built like libmaiko.so (see libmaiko/local.mk).  One file per line, sorted.

bridge_headers =
bridge_headers += bridge/include/maiko/bridge.h

bridge_sources =
bridge_sources += bridge/version.c

if WITH_BRIDGE
noinst_LTLIBRARIES += bridge/libmaiko-bridge-core.la
lib_LTLIBRARIES += bridge/libmaiko-bridge.la
maikoinclude_HEADERS += $(bridge_headers)
pkgconfig_DATA += bridge/libmaiko-bridge.pc
endif

bridge_libmaiko_bridge_core_la_SOURCES = $(bridge_sources)
bridge_libmaiko_bridge_core_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZMQ_CFLAGS) $(MSGPACK_CFLAGS)
bridge_libmaiko_bridge_core_la_CFLAGS = $(AM_CFLAGS) $(LIBRARY_CFLAGS)
bridge_libmaiko_bridge_core_la_LIBADD = $(ZMQ_LIBS) $(MSGPACK_LIBS)

bridge_libmaiko_bridge_la_SOURCES =
bridge_libmaiko_bridge_la_LIBADD = bridge/libmaiko-bridge-core.la libmaiko/libmaiko.la
bridge_libmaiko_bridge_la_LDFLAGS = $(AM_LDFLAGS) $(LIBRARY_LDFLAGS) -no-undefined -version-info $(MAIKO_ABI)
bridge_libmaiko_bridge_la_DEPENDENCIES = bridge/libmaiko-bridge-core.la libmaiko/libmaiko.la libmaiko/libmaiko.map
if HAVE_VERSION_SCRIPT
bridge_libmaiko_bridge_la_LDFLAGS += -Wl,--version-script=$(top_srcdir)/libmaiko/libmaiko.map
endif
