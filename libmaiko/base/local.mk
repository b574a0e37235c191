# libmaiko/base: one file per line, sorted; public headers of this layer at the end.

libmaiko_libmaiko_core_la_SOURCES += \
	libmaiko/base/clock.c \
	libmaiko/base/clock.h \
	libmaiko/base/hash.h \
	libmaiko/base/hash_table.c \
	libmaiko/base/hash_table.h \
	libmaiko/base/heap.c \
	libmaiko/base/heap.h \
	libmaiko/base/id.c \
	libmaiko/base/id.h \
	libmaiko/base/list.h \
	libmaiko/base/status.c \
	libmaiko/base/text.c \
	libmaiko/base/text.h \
	libmaiko/base/timer_heap.c \
	libmaiko/base/timer_heap.h \
	libmaiko/base/utf8.c \
	libmaiko/base/utf8.h

maikoinclude_HEADERS += \
	libmaiko/include/maiko/allocator.h \
	libmaiko/include/maiko/base.h \
	libmaiko/include/maiko/id.h \
	libmaiko/include/maiko/status.h
