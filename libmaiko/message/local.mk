# libmaiko/message: one file per line, sorted (core_sources += libmaiko/message/noun.c); public headers of this layer at the end.

maikoinclude_HEADERS += libmaiko/include/maiko/envelope.h
# libmaiko/message: one file per line, sorted; public headers of this layer at the end.  Form of an entry as in libmaiko/base/local.mk:
# libmaiko_libmaiko_core_la_SOURCES += libmaiko/message/noun.c and so on, maikoinclude_HEADERS += libmaiko/include/maiko/noun.h

libmaiko_libmaiko_core_la_SOURCES += \
	libmaiko/message/event.c \
	libmaiko/message/layout.c \
	libmaiko/message/layout.h \
	libmaiko/message/schema.c \
	libmaiko/message/schema.h \
	libmaiko/message/schema_check.c

maikoinclude_HEADERS += \
	libmaiko/include/maiko/event.h \
	libmaiko/include/maiko/field.h \
	libmaiko/include/maiko/schema.h \
	libmaiko/include/maiko/send.h \
	libmaiko/include/maiko/topics.h
