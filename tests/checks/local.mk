# tests/checks: scripts that keep the structure honest, one per line, sorted.

structure_scripts += tests/checks/behaviour.sh
structure_scripts += tests/checks/fault_points.sh
structure_scripts += tests/checks/headers.sh
structure_scripts += tests/checks/layers.sh
structure_scripts += tests/checks/links.sh
structure_scripts += tests/checks/lists.sh
structure_scripts += tests/checks/magics.sh
structure_scripts += tests/checks/manpages.sh
structure_scripts += tests/checks/memory_orders.sh
structure_scripts += tests/checks/model_steps.sh
structure_scripts += tests/checks/objects.sh
structure_scripts += tests/checks/options.sh
structure_scripts += tests/checks/selftest.sh
structure_scripts += tests/checks/sizes.sh
structure_scripts += tests/checks/symbols.sh
structure_scripts += tests/checks/text.sh
structure_scripts += tests/checks/verbs.sh
EXTRA_DIST += \
	tests/checks/lib.sh \
	tests/checks/mutable-state.txt \
	tests/checks/symbols-libmaiko-bridge.txt \
	tests/checks/symbols-libmaiko.txt

.PHONY: update-symbols
update-symbols: all
	-MAIKO_UPDATE_SYMBOLS=1 MAIKO_SRCDIR='$(abs_top_srcdir)' MAIKO_BUILDDIR='$(abs_top_builddir)' \
	    $(SHELL) $(srcdir)/tests/checks/symbols.sh
