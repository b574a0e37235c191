# bridge/security: keys, allow lists, what may listen without keys.  One file per line, sorted.

bridge_sources += bridge/security/allow.c
bridge_sources += bridge/security/allow.h
bridge_sources += bridge/security/endpoint.c
bridge_sources += bridge/security/endpoint.h
bridge_sources += bridge/security/key_file.c
bridge_sources += bridge/security/key_file.h
bridge_sources += bridge/security/key_text.c
bridge_sources += bridge/security/key_text.h
bridge_sources += bridge/security/keypair.c
bridge_sources += bridge/security/trusted_file.c
bridge_sources += bridge/security/trusted_file.h
bridge_sources += bridge/security/z85.c
bridge_sources += bridge/security/z85.h
