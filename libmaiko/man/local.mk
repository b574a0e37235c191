# libmaiko/man: one page per public noun, mdoc, one per line, sorted.

man_MANS =

dist_man_MANS += libmaiko/man/maiko.7
dist_man_MANS += libmaiko/man/maiko_actor.3
dist_man_MANS += libmaiko/man/maiko_allocator.3
dist_man_MANS += libmaiko/man/maiko_base.3
dist_man_MANS += libmaiko/man/maiko_behaviour.7
dist_man_MANS += libmaiko/man/maiko_context.3
dist_man_MANS += libmaiko/man/maiko_envelope.3
dist_man_MANS += libmaiko/man/maiko_event.3
dist_man_MANS += libmaiko/man/maiko_field.3
dist_man_MANS += libmaiko/man/maiko_id.3
dist_man_MANS += libmaiko/man/maiko_import.3
dist_man_MANS += libmaiko/man/maiko_json.3
dist_man_MANS += libmaiko/man/maiko_schema.3
dist_man_MANS += libmaiko/man/maiko_send.3
dist_man_MANS += libmaiko/man/maiko_system.3
dist_man_MANS += libmaiko/man/maiko_topic.3
dist_man_MANS += libmaiko/man/maiko_topics.3
dist_man_MANS += libmaiko/man/maiko_topology.3
dist_man_MANS += libmaiko/man/maiko_value.3

bridge_pages =
bridge_pages += libmaiko/man/maiko_app.3
bridge_pages += libmaiko/man/maiko_bridge.3
bridge_pages += libmaiko/man/maiko_encoder.3
bridge_pages += libmaiko/man/maiko_keypair.3
bridge_pages += libmaiko/man/maiko_peer.3
bridge_pages += libmaiko/man/maiko_space.3
EXTRA_DIST += $(bridge_pages)
if WITH_BRIDGE
man_MANS += $(bridge_pages)
endif

EXTRA_DIST += libmaiko/man/maiko.1
if WITH_TOOLS
if WITH_BRIDGE
man_MANS += libmaiko/man/maiko.1
endif
endif

# The table of status codes comes from the header.
man_MANS += libmaiko/man/maiko_status.3
CLEANFILES += libmaiko/man/maiko_status.3
EXTRA_DIST += libmaiko/man/maiko_status.3.in
EXTRA_DIST += libmaiko/man/status-table.awk
libmaiko/man/maiko_status.3: libmaiko/man/maiko_status.3.in libmaiko/man/status-table.awk libmaiko/include/maiko/status.h
	$(AM_V_GEN)$(MKDIR_P) libmaiko/man && $(AWK) -f $(srcdir)/libmaiko/man/status-table.awk \
	    $(srcdir)/libmaiko/include/maiko/status.h $(srcdir)/libmaiko/man/maiko_status.3.in >$@.tmp && mv $@.tmp $@

# The tables of counters and drop reasons come from the headers.
man_MANS += libmaiko/man/maiko_counters.3
CLEANFILES += libmaiko/man/maiko_counters.3
EXTRA_DIST += libmaiko/man/maiko_counters.3.in
EXTRA_DIST += libmaiko/man/counters-table.awk
counters_tables = libmaiko/runtime/counters_layout.h libmaiko/include/maiko/counters.h
libmaiko/man/maiko_counters.3: libmaiko/man/maiko_counters.3.in libmaiko/man/counters-table.awk $(counters_tables)
	$(AM_V_GEN)$(MKDIR_P) libmaiko/man && $(AWK) -f $(srcdir)/libmaiko/man/counters-table.awk \
	    $(srcdir)/libmaiko/runtime/counters_layout.h $(srcdir)/libmaiko/include/maiko/counters.h \
	    $(srcdir)/libmaiko/man/maiko_counters.3.in >$@.tmp && mv $@.tmp $@

# The table of calls and states is the one a test executes.
man_MANS += libmaiko/man/maiko_supervisor.3
CLEANFILES += libmaiko/man/maiko_supervisor.3
EXTRA_DIST += libmaiko/man/maiko_supervisor.3.in
EXTRA_DIST += libmaiko/man/state-table.awk
libmaiko/man/maiko_supervisor.3: libmaiko/man/maiko_supervisor.3.in libmaiko/man/state-table.awk libmaiko/runtime/state_table.h
	$(AM_V_GEN)$(MKDIR_P) libmaiko/man && $(AWK) -f $(srcdir)/libmaiko/man/state-table.awk \
	    $(srcdir)/libmaiko/runtime/state_table.h $(srcdir)/libmaiko/man/maiko_supervisor.3.in >$@.tmp && mv $@.tmp $@
