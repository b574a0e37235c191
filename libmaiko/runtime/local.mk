# libmaiko/runtime: one file per line, sorted; public headers of this layer at the end.  Form of an entry as in libmaiko/base/local.mk:
# libmaiko_libmaiko_core_la_SOURCES += libmaiko/runtime/noun.c and so on, maikoinclude_HEADERS += libmaiko/include/maiko/noun.h

maikoinclude_HEADERS += \
	libmaiko/include/maiko/actor.h \
	libmaiko/include/maiko/context.h \
	libmaiko/include/maiko/envelope.h \
	libmaiko/include/maiko/maiko.h \
	libmaiko/include/maiko/supervisor.h
