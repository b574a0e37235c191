# libmaiko/testing: one file per line, sorted; public headers of this layer at the end.  Form of an entry as in libmaiko/base/local.mk:
# libmaiko_libmaiko_core_la_SOURCES += libmaiko/testing/noun.c and so on, maikoinclude_HEADERS += libmaiko/include/maiko/noun.h
