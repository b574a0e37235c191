# bridge/link: one remote peer as a state machine, and the transports.  One file per line, sorted.

bridge_sources += bridge/link/channels.c
bridge_sources += bridge/link/channels.h
bridge_sources += bridge/link/exporter.c
bridge_sources += bridge/link/exporter.h
bridge_sources += bridge/link/inflow.c
bridge_sources += bridge/link/inflow.h
bridge_sources += bridge/link/patterns.c
bridge_sources += bridge/link/patterns.h
bridge_sources += bridge/link/peer.c
bridge_sources += bridge/link/peer.h
bridge_sources += bridge/link/peer_export.c
bridge_sources += bridge/link/peer_import.c
bridge_sources += bridge/link/peer_session.c
bridge_sources += bridge/link/peer_state.h
bridge_sources += bridge/link/stream.c
bridge_sources += bridge/link/stream.h
bridge_sources += bridge/link/zmq_curve.c
bridge_sources += bridge/link/zmq_curve.h
bridge_sources += bridge/link/zmq_internal.h
bridge_sources += bridge/link/zmq_monitor.c
bridge_sources += bridge/link/zmq_port.c
bridge_sources += bridge/link/zmq_port.h
bridge_sources += bridge/link/zmq_publisher.c
bridge_sources += bridge/link/zmq_route.c
bridge_sources += bridge/link/zmq_socket.c
bridge_sources += bridge/link/zmq_zap.c
