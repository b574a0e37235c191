# libmaiko/monitor: one file per line, sorted (core_sources += libmaiko/monitor/noun.c); public headers of this layer at the end.
