# The maiko command: maiko.c and one cmd_VERB.c per verb, one file per line, sorted.

if WITH_TOOLS
if WITH_BRIDGE
bin_PROGRAMS += tools/maiko
endif
endif

tools_maiko_SOURCES =
tools_maiko_SOURCES += tools/cmd_ps.c
tools_maiko_SOURCES += tools/cmd_topic.c
tools_maiko_SOURCES += tools/ending.c
tools_maiko_SOURCES += tools/ending.h
tools_maiko_SOURCES += tools/event_form.c
tools_maiko_SOURCES += tools/event_form.h
tools_maiko_SOURCES += tools/exported.c
tools_maiko_SOURCES += tools/exported.h
tools_maiko_SOURCES += tools/indent.c
tools_maiko_SOURCES += tools/indent.h
tools_maiko_SOURCES += tools/listener.c
tools_maiko_SOURCES += tools/listener.h
tools_maiko_SOURCES += tools/maiko.c
tools_maiko_SOURCES += tools/maiko.h
tools_maiko_SOURCES += tools/output.c
tools_maiko_SOURCES += tools/output.h
tools_maiko_SOURCES += tools/printable.c
tools_maiko_SOURCES += tools/table.c
tools_maiko_SOURCES += tools/table.h
tools_maiko_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_CFLAGS)
tools_maiko_LDADD = bridge/libmaiko-bridge.la libmaiko/libmaiko.la $(JSON_LIBS)
