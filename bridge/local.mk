# libmaiko-bridge.so, built like libmaiko.so (see libmaiko/local.mk).  One file per line, sorted.

bridge_headers =
bridge_headers += bridge/include/maiko/app.h
bridge_headers += bridge/include/maiko/bridge.h
bridge_headers += bridge/include/maiko/encoder.h
bridge_headers += bridge/include/maiko/keypair.h
bridge_headers += bridge/include/maiko/peer.h
bridge_headers += bridge/include/maiko/space.h

bridge_sources =

include bridge/app/local.mk
include bridge/link/local.mk
include bridge/node/local.mk
include bridge/retained/local.mk
include bridge/security/local.mk
include bridge/shm/local.mk
include bridge/space/local.mk
include bridge/wire/local.mk

# What the bridge uses of the library's internals.  libmaiko.so does not export them, so libmaiko-bridge.so has its own copy;
# they keep no state of their own.
bridge_base_sources =
bridge_base_sources += libmaiko/base/clock.c
bridge_base_sources += libmaiko/base/hash_seed.c
bridge_base_sources += libmaiko/base/hash_table.c
bridge_base_sources += libmaiko/base/heap.c
bridge_base_sources += libmaiko/base/patient_poll.c
bridge_base_sources += libmaiko/base/shelf.c
bridge_base_sources += libmaiko/base/text.c
bridge_base_sources += libmaiko/base/timer_heap.c
bridge_base_sources += libmaiko/base/utf8.c
bridge_base_sources += libmaiko/message/json_number.c
bridge_base_sources += libmaiko/message/json_scan.c
bridge_base_sources += libmaiko/message/topic_match.c
bridge_base_sources += libmaiko/runtime/thread.c

if WITH_BRIDGE
noinst_LTLIBRARIES += bridge/libmaiko-bridge-core.la
noinst_LTLIBRARIES += bridge/libmaiko-bridge-base.la
lib_LTLIBRARIES += bridge/libmaiko-bridge.la
maikoinclude_HEADERS += $(bridge_headers)
pkgconfig_DATA += bridge/libmaiko-bridge.pc
endif

bridge_libmaiko_bridge_core_la_SOURCES = $(bridge_sources)
bridge_libmaiko_bridge_core_la_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_CFLAGS) $(INIH_CFLAGS) $(ZMQ_CFLAGS) $(MSGPACK_CFLAGS)
bridge_libmaiko_bridge_core_la_CFLAGS = $(AM_CFLAGS) $(LIBRARY_CFLAGS)
bridge_libmaiko_bridge_core_la_LIBADD = $(JSON_LIBS) $(INIH_LIBS) $(ZMQ_LIBS) $(MSGPACK_LIBS)

bridge_libmaiko_bridge_base_la_SOURCES = $(bridge_base_sources)
bridge_libmaiko_bridge_base_la_CFLAGS = $(AM_CFLAGS) $(LIBRARY_CFLAGS)

bridge_libmaiko_bridge_la_SOURCES =
bridge_libmaiko_bridge_la_LIBADD = bridge/libmaiko-bridge-core.la bridge/libmaiko-bridge-base.la libmaiko/libmaiko.la
bridge_libmaiko_bridge_la_LDFLAGS = $(AM_LDFLAGS) $(LIBRARY_LDFLAGS) -no-undefined -version-info $(MAIKO_ABI)
bridge_libmaiko_bridge_la_DEPENDENCIES = bridge/libmaiko-bridge-core.la bridge/libmaiko-bridge-base.la libmaiko/libmaiko.la libmaiko/libmaiko.map
if HAVE_VERSION_SCRIPT
bridge_libmaiko_bridge_la_LDFLAGS += -Wl,--version-script=$(top_srcdir)/libmaiko/libmaiko.map
endif

EXTRA_DIST += bridge/PROTOCOL.md
EXTRA_DIST += bridge/SHM.md
EXTRA_DIST += bridge/README.md
