# libmaiko/runtime: one file per line, sorted (core_sources += libmaiko/runtime/noun.c); public headers of this layer at the end.

core_sources += libmaiko/runtime/counters_drops.c
core_sources += libmaiko/runtime/counters_drops.h
core_sources += libmaiko/runtime/counters_file.c
core_sources += libmaiko/runtime/counters_file.h
core_sources += libmaiko/runtime/counters_header.c
core_sources += libmaiko/runtime/counters_header.h
core_sources += libmaiko/runtime/counters_layout.h
core_sources += libmaiko/runtime/counters_place.c
core_sources += libmaiko/runtime/counters_place.h
core_sources += libmaiko/runtime/counters_rows.c
core_sources += libmaiko/runtime/counters_rows.h

maikoinclude_HEADERS += libmaiko/include/maiko/actor.h
maikoinclude_HEADERS += libmaiko/include/maiko/context.h
maikoinclude_HEADERS += libmaiko/include/maiko/counters.h
maikoinclude_HEADERS += libmaiko/include/maiko/send.h
maikoinclude_HEADERS += libmaiko/include/maiko/supervisor.h
