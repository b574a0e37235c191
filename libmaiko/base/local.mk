# libmaiko/base: one file per line, sorted; public headers of this layer at the end.

core_sources += libmaiko/base/clock.c
core_sources += libmaiko/base/clock.h
core_sources += libmaiko/base/errno_text.h
core_sources += libmaiko/base/hash.h
core_sources += libmaiko/base/hash_seed.c
core_sources += libmaiko/base/hash_seed.h
core_sources += libmaiko/base/hash_table.c
core_sources += libmaiko/base/hash_table.h
core_sources += libmaiko/base/heap.c
core_sources += libmaiko/base/heap.h
core_sources += libmaiko/base/id.c
core_sources += libmaiko/base/id.h
core_sources += libmaiko/base/list.h
core_sources += libmaiko/base/patient_poll.c
core_sources += libmaiko/base/patient_poll.h
core_sources += libmaiko/base/poison.h
core_sources += libmaiko/base/shelf.c
core_sources += libmaiko/base/shelf.h
core_sources += libmaiko/base/status.c
core_sources += libmaiko/base/text.c
core_sources += libmaiko/base/text.h
core_sources += libmaiko/base/text_pool.c
core_sources += libmaiko/base/text_pool.h
core_sources += libmaiko/base/timer_heap.c
core_sources += libmaiko/base/timer_heap.h
core_sources += libmaiko/base/utf8.c
core_sources += libmaiko/base/utf8.h

maikoinclude_HEADERS += libmaiko/include/maiko/allocator.h
maikoinclude_HEADERS += libmaiko/include/maiko/base.h
maikoinclude_HEADERS += libmaiko/include/maiko/id.h
maikoinclude_HEADERS += libmaiko/include/maiko/status.h
