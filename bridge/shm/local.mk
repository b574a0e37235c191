# bridge/shm: rings and chunks in memory two nodes share; no sockets, no descriptors to wait on.  One file per line, sorted.

bridge_sources += bridge/shm/shm_area.c
bridge_sources += bridge/shm/shm_area.h
bridge_sources += bridge/shm/shm_budget.c
bridge_sources += bridge/shm/shm_budget.h
bridge_sources += bridge/shm/shm_chunks.c
bridge_sources += bridge/shm/shm_chunks.h
bridge_sources += bridge/shm/shm_fault.h
bridge_sources += bridge/shm/shm_layout.h
bridge_sources += bridge/shm/shm_pool.c
bridge_sources += bridge/shm/shm_pool.h
bridge_sources += bridge/shm/shm_reader.c
bridge_sources += bridge/shm/shm_reader.h
bridge_sources += bridge/shm/shm_slots.c
bridge_sources += bridge/shm/shm_slots.h
bridge_sources += bridge/shm/shm_view.c
bridge_sources += bridge/shm/shm_view.h
bridge_sources += bridge/shm/shm_writer.c
bridge_sources += bridge/shm/shm_writer.h
