# tests/consumer: what a user of an installed libmaiko sees.  `make installcheck` builds programs with pkg-config alone; another
# prefix than the configured one is refused, which is seen here.  CI (.ci/run) builds project/, an autotools project of its own, and
# configures with each of the two names that pkg-config may have for msgpack-c (msgpack-name.sh).

installcheck_sources =
installcheck_sources += examples/hello.c
installcheck_sources += examples/hello.cc
installcheck_sources += tests/consumer/project/consumer.c

EXTRA_DIST += tests/consumer/build-project.sh
EXTRA_DIST += tests/consumer/chroot.sh
EXTRA_DIST += tests/consumer/installcheck.sh
EXTRA_DIST += tests/consumer/msgpack-name.sh
EXTRA_DIST += tests/consumer/project/Makefile.am
EXTRA_DIST += tests/consumer/project/configure.ac
EXTRA_DIST += tests/consumer/project/consumer.c

installcheck-local:
	@if $(MAKE) all-local prefix=/elsewhere MAKECMDGOALS=install 2>/dev/null; then \
	    echo "installcheck: another prefix than the configured one was taken" >&2; exit 1; fi
	@PKG_CONFIG_PATH='$(DESTDIR)$(pkgconfigdir)':$$PKG_CONFIG_PATH PKG_CONFIG='$(PKG_CONFIG)' CC='$(CC)' CXX='$(CXX)' \
	    have_cxx='$(have_cxx)' have_static='$(have_static)' have_shared='$(have_shared)' have_bridge='$(have_bridge)' \
	    libdir='$(libdir)' sanitizer='$(SANITIZER)' \
	    $(SHELL) $(srcdir)/tests/consumer/installcheck.sh $(abs_top_srcdir) $(installcheck_sources)

# The README's commands on a Debian made for it: needs root, debootstrap, a mirror and a quarter of an hour.
.PHONY: check-chroot
check-chroot:
	$(SHELL) $(top_srcdir)/tests/consumer/chroot.sh
