# libmaiko/testing: one file per line, sorted (core_sources += libmaiko/testing/noun.c); public headers of this layer at the end.
