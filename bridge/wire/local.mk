# bridge/wire: one file per line, sorted.  Pure; the only folder that knows msgpack.

bridge_sources += bridge/wire/envelope.h
bridge_sources += bridge/wire/foreign_type.h
bridge_sources += bridge/wire/frame.h
bridge_sources += bridge/wire/limits.h
bridge_sources += bridge/wire/pack.h
bridge_sources += bridge/wire/payload.h
bridge_sources += bridge/wire/reader.h
