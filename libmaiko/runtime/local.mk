# libmaiko/runtime: one file per line, sorted (core_sources += libmaiko/runtime/noun.c); public headers of this layer at the end.

libmaiko_libmaiko_core_la_SOURCES += \
	libmaiko/runtime/counters_file.h \
	libmaiko/runtime/counters_layout.h

maikoinclude_HEADERS += \
	libmaiko/include/maiko/actor.h \
	libmaiko/include/maiko/context.h \
	libmaiko/include/maiko/envelope.h \
	libmaiko/include/maiko/maiko.h \
	libmaiko/include/maiko/supervisor.h
maikoinclude_HEADERS += libmaiko/include/maiko/actor.h
maikoinclude_HEADERS += libmaiko/include/maiko/context.h
maikoinclude_HEADERS += libmaiko/include/maiko/supervisor.h
