# bridge/retained: one file per line, sorted.

bridge_sources += bridge/retained/retained.c
bridge_sources += bridge/retained/retained.h
