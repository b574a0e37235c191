# bridge/wire: one file per line, sorted.  Pure; the only folder that knows msgpack.

bridge_sources += bridge/wire/codec.c
bridge_sources += bridge/wire/codec_json.c
bridge_sources += bridge/wire/codec_msgpack.c
bridge_sources += bridge/wire/encoder.c
bridge_sources += bridge/wire/envelope.h
bridge_sources += bridge/wire/foreign_type.c
bridge_sources += bridge/wire/foreign_type.h
bridge_sources += bridge/wire/frame.h
bridge_sources += bridge/wire/frame_read.c
bridge_sources += bridge/wire/frame_write.c
bridge_sources += bridge/wire/limits.h
bridge_sources += bridge/wire/map.c
bridge_sources += bridge/wire/map.h
bridge_sources += bridge/wire/pack.c
bridge_sources += bridge/wire/pack.h
bridge_sources += bridge/wire/parts.h
bridge_sources += bridge/wire/payload.h
bridge_sources += bridge/wire/payload_native.c
bridge_sources += bridge/wire/payload_plan.c
bridge_sources += bridge/wire/payload_plan.h
bridge_sources += bridge/wire/payload_read.c
bridge_sources += bridge/wire/payload_reference.c
bridge_sources += bridge/wire/payload_write.c
bridge_sources += bridge/wire/reader.c
bridge_sources += bridge/wire/reader.h
bridge_sources += bridge/wire/record_read.c
