# bridge/app: a table of actors as a program with a command line.  One file per line, sorted.

bridge_sources += bridge/app/app.c
bridge_sources += bridge/app/interrupt.c
bridge_sources += bridge/app/interrupt.h
bridge_sources += bridge/app/options.c
bridge_sources += bridge/app/options_check.c
bridge_sources += bridge/app/options.h
bridge_sources += bridge/app/run.h
bridge_sources += bridge/app/table.c
bridge_sources += bridge/app/wiring.c
