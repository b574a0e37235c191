# bridge/link: one remote peer as a state machine, and the transports.  One file per line, sorted.

bridge_sources += bridge/link/zmq_curve.c
bridge_sources += bridge/link/zmq_curve.h
bridge_sources += bridge/link/exporter.h
bridge_sources += bridge/link/patterns.h
bridge_sources += bridge/link/peer.h
