# bridge/link: one remote peer as a state machine, and the transports.  One file per line, sorted.

bridge_sources += bridge/link/zmq_curve.c
bridge_sources += bridge/link/zmq_curve.h
