# libmaiko/monitor: one file per line, sorted (core_sources += libmaiko/monitor/noun.c); public headers of this layer at the end.

core_sources += libmaiko/monitor/counters_balance.c
core_sources += libmaiko/monitor/counters_list.c
core_sources += libmaiko/monitor/counters_reader.c
core_sources += libmaiko/monitor/counters_reader.h
core_sources += libmaiko/monitor/counters_streaks.c
core_sources += libmaiko/monitor/counters_view.c
core_sources += libmaiko/monitor/supervisor_view.c
core_sources += libmaiko/monitor/topology.h
core_sources += libmaiko/monitor/topology_graph.c
core_sources += libmaiko/monitor/topology_graph.h
core_sources += libmaiko/monitor/topology_json.c
core_sources += libmaiko/monitor/topology_mermaid.c

maikoinclude_HEADERS += libmaiko/include/maiko/topology.h
