# libmaiko/routing: one file per line, sorted (core_sources += libmaiko/routing/noun.c); public headers of this layer at the end.

core_sources += libmaiko/routing/broker.c
core_sources += libmaiko/routing/broker.h
core_sources += libmaiko/routing/overflow.c
core_sources += libmaiko/routing/overflow.h
core_sources += libmaiko/routing/streams.c
core_sources += libmaiko/routing/streams.h
core_sources += libmaiko/routing/topic_index.c
core_sources += libmaiko/routing/topic_index.h
core_sources += libmaiko/routing/topic_overlap.c
core_sources += libmaiko/routing/topic_overlap.h
core_sources += libmaiko/routing/topic_set.c
core_sources += libmaiko/routing/topic_set.h
core_sources += libmaiko/routing/topic_tree.c
core_sources += libmaiko/routing/topic_tree.h

