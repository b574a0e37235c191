# libmaiko/runtime: one file per line, sorted (core_sources += libmaiko/runtime/noun.c); public headers of this layer at the end.

core_sources += libmaiko/runtime/counters_file.h
core_sources += libmaiko/runtime/counters_layout.h

maikoinclude_HEADERS += libmaiko/include/maiko/actor.h
maikoinclude_HEADERS += libmaiko/include/maiko/context.h
maikoinclude_HEADERS += libmaiko/include/maiko/counters.h
maikoinclude_HEADERS += libmaiko/include/maiko/send.h
maikoinclude_HEADERS += libmaiko/include/maiko/supervisor.h
