# libmaiko/message: one file per line, sorted (core_sources += libmaiko/message/noun.c); public headers of this layer at the end.

core_sources += libmaiko/message/base64.c
core_sources += libmaiko/message/base64.h
core_sources += libmaiko/message/envelope.c
core_sources += libmaiko/message/envelope.h
core_sources += libmaiko/message/event.c
core_sources += libmaiko/message/json_number.c
core_sources += libmaiko/message/json_number.h
core_sources += libmaiko/message/json_read.c
core_sources += libmaiko/message/json_scan.c
core_sources += libmaiko/message/json_scan.h
core_sources += libmaiko/message/json_write.c
core_sources += libmaiko/message/layout.c
core_sources += libmaiko/message/layout.h
core_sources += libmaiko/message/schema.c
core_sources += libmaiko/message/schema.h
core_sources += libmaiko/message/schema_builder.c
core_sources += libmaiko/message/schema_builder.h
core_sources += libmaiko/message/schema_check.c
core_sources += libmaiko/message/schema_codec.c
core_sources += libmaiko/message/topic.c
core_sources += libmaiko/message/topic.h
core_sources += libmaiko/message/topic_match.c
core_sources += libmaiko/message/value.c


maikoinclude_HEADERS += libmaiko/include/maiko/envelope.h
maikoinclude_HEADERS += libmaiko/include/maiko/event.h
maikoinclude_HEADERS += libmaiko/include/maiko/field.h
maikoinclude_HEADERS += libmaiko/include/maiko/json.h
maikoinclude_HEADERS += libmaiko/include/maiko/schema.h
maikoinclude_HEADERS += libmaiko/include/maiko/topic.h
maikoinclude_HEADERS += libmaiko/include/maiko/topics.h
maikoinclude_HEADERS += libmaiko/include/maiko/value.h

EXTRA_DIST += libmaiko/message/README.md
