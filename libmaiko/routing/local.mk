# libmaiko/routing: one file per line, sorted (core_sources += libmaiko/routing/noun.c); public headers of this layer at the end.
