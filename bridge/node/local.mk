# bridge/node: a maiko_bridge: its thread, what goes out and comes in, the peers.  One file per line, sorted.

bridge_sources += bridge/node/access.c
bridge_sources += bridge/node/batch.c
bridge_sources += bridge/node/batch.h
bridge_sources += bridge/node/door.c
bridge_sources += bridge/node/export.c
bridge_sources += bridge/node/handover.c
bridge_sources += bridge/node/handover.h
bridge_sources += bridge/node/import.c
bridge_sources += bridge/node/news.c
bridge_sources += bridge/node/news.h
bridge_sources += bridge/node/node.c
bridge_sources += bridge/node/node.h
bridge_sources += bridge/node/outflow.c
bridge_sources += bridge/node/peers.c
bridge_sources += bridge/node/publish.c
bridge_sources += bridge/node/rename.c
bridge_sources += bridge/node/rename.h
bridge_sources += bridge/node/source.c
bridge_sources += bridge/node/source.h
bridge_sources += bridge/node/thread.c
bridge_sources += bridge/node/types.c
bridge_sources += bridge/node/types.h
