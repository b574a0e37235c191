# libmaiko/message: one file per line, sorted (core_sources += libmaiko/message/noun.c); public headers of this layer at the end.

maikoinclude_HEADERS += libmaiko/include/maiko/envelope.h
