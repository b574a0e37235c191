# bridge/space: who is here.  One file per line, sorted.

bridge_sources += bridge/space/control.c
bridge_sources += bridge/space/control.h
bridge_sources += bridge/space/greeting.c
bridge_sources += bridge/space/greeting.h
bridge_sources += bridge/space/life_lock.c
bridge_sources += bridge/space/life_lock.h
bridge_sources += bridge/space/limits.h
bridge_sources += bridge/space/list.c
bridge_sources += bridge/space/node_directory.c
bridge_sources += bridge/space/node_directory.h
bridge_sources += bridge/space/path.c
bridge_sources += bridge/space/path.h
bridge_sources += bridge/space/place.c
bridge_sources += bridge/space/place.h
bridge_sources += bridge/space/private_directory.c
bridge_sources += bridge/space/private_directory.h
bridge_sources += bridge/space/process.c
bridge_sources += bridge/space/process.h
bridge_sources += bridge/space/public.c
bridge_sources += bridge/space/record.c
bridge_sources += bridge/space/record.h
bridge_sources += bridge/space/space.c
bridge_sources += bridge/space/space.h
bridge_sources += bridge/space/text_list.c
bridge_sources += bridge/space/text_list.h
