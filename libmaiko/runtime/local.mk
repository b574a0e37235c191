# libmaiko/runtime: one file per line, sorted (core_sources += libmaiko/runtime/noun.c); public headers of this layer at the end.

core_sources += libmaiko/runtime/counters_file.h
core_sources += libmaiko/runtime/counters_layout.h
libmaiko_libmaiko_core_la_SOURCES += \
	libmaiko/runtime/counters_drops.c \
	libmaiko/runtime/counters_drops.h \
	libmaiko/runtime/counters_file.c \
	libmaiko/runtime/counters_file.h \
	libmaiko/runtime/counters_header.c \
	libmaiko/runtime/counters_header.h \
	libmaiko/runtime/counters_layout.h \
	libmaiko/runtime/counters_place.c \
	libmaiko/runtime/counters_place.h \
	libmaiko/runtime/counters_rows.c \
	libmaiko/runtime/counters_rows.h

maikoinclude_HEADERS += libmaiko/include/maiko/actor.h
maikoinclude_HEADERS += libmaiko/include/maiko/context.h
maikoinclude_HEADERS += libmaiko/include/maiko/counters.h
maikoinclude_HEADERS += libmaiko/include/maiko/send.h
maikoinclude_HEADERS += libmaiko/include/maiko/supervisor.h
