# secretstore: `make help` lists the targets, README.md says what they are for.

VERSION := 0.1.0
SOVERSION := 0

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d

# Variants, each in a directory of its own: SANITIZE=1 (ASan and UBSan), SANITIZE=thread (TSan), FUZZ=1 (the first two, and
# libFuzzer). And any of them with DEV_TOKEN=1, for developers. Only that very value counts: the environment may have a token by
# this name.
VARIANT := $(if $(FUZZ),fuzz,$(if $(filter thread,$(SANITIZE)),tsan,$(if $(SANITIZE),asan)))
DEVELOPERS := $(if $(filter x1,x$(DEV_TOKEN)),dev-token)
BUILD ?= build$(addprefix /,$(DEVELOPERS))$(addprefix /,$(VARIANT))
FUZZ_SECONDS ?= 600

comma := ,
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-4s %s\n' '$(1)' '$(2)')

CLANG ?= clang
ifneq ($(VARIANT),)
ifeq ($(origin CC),default)
CC := $(CLANG)
endif
endif

WARNINGS := -Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion -Wshadow -Wpointer-arith -Wcast-qual \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wundef -Wvla -Wwrite-strings \
	-Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion -Werror=format-security
LINK := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed -Wl,--no-copy-dt-needed-entries

ifeq ($(VARIANT),)
CFLAGS ?= -O2 -g
# What the OpenSSF guide for C asks for; tools/probe adds what only some compilers or machines have. Left out is
# -z nodlopen: it says nothing about programs, and the library may well be loaded by an interpreter.
HARDEN := -U_FORTIFY_SOURCE $(if $(filter -O0,$(CFLAGS)),,-D_FORTIFY_SOURCE=3) -fstack-protector-strong -fno-delete-null-pointer-checks \
	-fno-strict-overflow -fno-strict-aliasing -fexceptions
NODEFS := -Wl,-z,defs
# What is installed is optimized as a whole, across files: a tenth of the time of an answer from memory. Tests are linked without,
# which is faster. LTO= on the command line leaves it out everywhere.
LTO = $(CONFIG_LTO)
else
CFLAGS ?= -O1 -g
SANITIZERS := $(if $(filter tsan,$(VARIANT)),thread,address$(comma)undefined)
HARDEN := -U_FORTIFY_SOURCE -fno-omit-frame-pointer -fno-sanitize-recover=all \
	-fsanitize=$(if $(FUZZ),fuzzer-no-link$(comma)$(SANITIZERS),$(SANITIZERS))
LINK += -fsanitize=$(SANITIZERS)
endif

# A build for production neither compiles nor mentions the login for developers.
DEFINES := $(if $(DEVELOPERS),-DSECRETSTORE_DEV_TOKEN)
NOT_BUILT := $(if $(DEVELOPERS),,daemon/upstream/auth_devtoken.c)

COMMON := $(wildcard base/*.c proto/*.c)
DAEMON := $(filter-out daemon/main.c $(NOT_BUILT),$(wildcard daemon/*.c daemon/*/*.c))
CLIENT := $(wildcard client-lib/*.c)
CLI := $(wildcard cli/*.c)
TESTS := $(wildcard tests/unit/test_*.c)
HELPERS := $(filter-out $(TESTS),$(wildcard tests/unit/*.c))
FUZZERS := $(wildcard tests/fuzz/fuzz_*.c)
BENCHES := tests/bench/fleet.c tests/bench/load.c tests/bench/echo.c tests/bench/hop.c tests/bench/curlmulti.c
UNLIMITED := tests/bench/unlimited.c
BENCH_HELPERS := $(filter-out $(BENCHES) $(UNLIMITED),$(wildcard tests/bench/*.c))

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
PROGRAMS := $(BUILD)/secretstored $(BUILD)/secretstorectl
UNITS := $(addprefix $(BUILD)/,secretstored.service secretstored-ready.service secretstore-snapshot.service)
SYSUSERS := secretstored secretstore-snapshot
TMPFILES := secretstored
# The units are made for this version of systemd, which is the one of the libsystemd that is built with.
SYSTEMD_VERSION ?= $(CONFIG_SYSTEMD)
PLAIN_UNITS := systemd/secretstored.socket systemd/secretstored-credentials.socket systemd/secretstore-snapshot.timer
LIBRARIES := $(BUILD)/libsecretstore.so.$(SOVERSION) $(BUILD)/libsecretstore.so $(BUILD)/libsecretstore.a
TEST_PROGRAMS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(TESTS))
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(BENCHES)) $(BUILD)/bench/secretstored-unlimited
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(FUZZERS))
ARCHIVES := $(addprefix $(BUILD)/obj/,common.a daemon.a client.a helpers.a bench.a)

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY: $(call objects,$(TESTS) $(FUZZERS) $(BENCHES) $(UNLIMITED)) # kept between runs
.PHONY: all unit fuzzers benches check check-all check-long check-offline lint format fuzz bench demo setup install uninstall clean distclean help

all: $(PROGRAMS) $(LIBRARIES) $(BUILD)/libsecretstore.pc $(UNITS)
unit: $(TEST_PROGRAMS)
fuzzers: $(FUZZ_PROGRAMS)
benches: $(BENCH_PROGRAMS)

# Goals that compile nothing need neither compiler nor libraries.
ifneq ($(filter-out check check-long lint format fuzz bench demo setup uninstall clean distclean help,$(or $(MAKECMDGOALS),all)),)
include $(BUILD)/config.mk
ifneq ($(CONFIG_CC),)
ifneq ($(CONFIG_CC),$(CC))
$(shell rm -f $(BUILD)/config.mk)
endif
# What everything is compiled with, and what of: a change of the one rebuilds all, of the other the archives.
remember = $(if $(filter-out x$(file <$(BUILD)/$(1))x,x$(subst $(space),_,$(strip $(2)))x),$(file >$(BUILD)/$(1),$(subst $(space),_,$(strip $(2)))))
space := $(subst ,, )
$(call remember,flags,$(CC) $(VERSION) $(DEFINES) $(WARNINGS) $(HARDEN) $(CONFIG_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(LTO) $(LINK) $(LDFLAGS))
$(call remember,paths,$(PREFIX) $(BINDIR) $(SBINDIR) $(SYSCONFDIR) $(LIBDIR) $(INCLUDEDIR) $(SYSTEMD_VERSION))
$(call remember,sources,$(COMMON) $(DAEMON) $(CLIENT) $(CLI) $(HELPERS) $(BENCH_HELPERS))
endif
endif

$(BUILD)/config.mk: tools/probe
	@mkdir -p $(@D)
	@tools/probe '$(CC)' >$@

$(addprefix $(BUILD)/,flags paths sources): ;

# With WERROR=1 warnings are errors, and nothing counts as built that was compiled otherwise; but only with the compilers of
# Debian 12 (tools/probe), since others have more warnings, and false ones too.
ifeq ($(WERROR)$(CONFIG_KNOWN_CC),11)
STRICT := $(BUILD)/strict
$(STRICT):
	@touch $@
endif

# Cmocka 2 warns of assert_in_range(), which has its new names in cmocka 2 only.
$(call objects,$(TESTS) $(HELPERS)): DEFINES += -DCMOCKA_DISABLE_DEPRECATION_WARNINGS

$(BUILD)/obj/%.o: %.c $(BUILD)/config.mk $(BUILD)/flags $(STRICT)
	$(call say,CC,$<)
	@mkdir -p $(@D) $(if $(STRICT),,&& rm -f $(BUILD)/strict)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -DSECRETSTORE_VERSION='"$(VERSION)"' -I. -fPIC -MMD -MP $(DEFINES) $(WARNINGS) \
		$(if $(STRICT),-Werror) $(HARDEN) $(CONFIG_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(LTO) -c -o $@ $<

$(BUILD)/obj/common.a: $(call objects,$(COMMON))
$(BUILD)/obj/daemon.a: $(call objects,$(DAEMON))
$(BUILD)/obj/client.a: $(call objects,$(CLIENT))
$(BUILD)/obj/helpers.a: $(call objects,$(HELPERS))
$(BUILD)/obj/bench.a: $(call objects,$(BENCH_HELPERS))
$(ARCHIVES): $(BUILD)/sources
	@mkdir -p $(@D) && rm -f $@
	@$(AR) qcs $@ $(filter %.o,$^)

link = $(Q)$(CC) $(LINK) $(CFLAGS) $(or $(2),-fno-lto) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(1) $(LDLIBS)

$(BUILD)/secretstored: $(BUILD)/obj/daemon/main.o $(BUILD)/obj/daemon.a $(BUILD)/obj/common.a
	$(call say,LD,$@)
	$(call link,$(CONFIG_LIBS),$(LTO))

$(BUILD)/secretstorectl: $(call objects,$(CLI)) $(BUILD)/obj/client.a $(BUILD)/obj/common.a
	$(call say,LD,$@)
	$(call link,$(CONFIG_CLIENT_LIBS),$(LTO))

# No program refers to case_filter, which thus would not be taken out of the archive.
$(BUILD)/tests/%: $(addprefix $(BUILD)/obj/tests/unit/,%.o case_filter.o) $(addprefix $(BUILD)/obj/,helpers.a client.a daemon.a common.a)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	@$(if $(CONFIG_CMOCKA),,echo 'missing: cmocka (apt-get install libcmocka-dev), or run: make setup' >&2; exit 1)
	$(call link,$(CONFIG_LIBS) $(CONFIG_CLIENT_LIBS) $(CONFIG_CMOCKA) -pthread)

$(BUILD)/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(addprefix $(BUILD)/obj/,client.a daemon.a common.a)
	$(call say,LD,$@)
	$(call link,$(CONFIG_LIBS) $(CONFIG_CLIENT_LIBS) -fsanitize=fuzzer)

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(addprefix $(BUILD)/obj/,bench.a client.a daemon.a common.a)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(call link,$(CONFIG_LIBS) $(CONFIG_CLIENT_LIBS),$(LTO))

# What is in an object comes before what is in an archive.
$(BUILD)/bench/secretstored-unlimited: $(BUILD)/obj/daemon/main.o $(call objects,$(UNLIMITED)) $(BUILD)/obj/daemon.a $(BUILD)/obj/common.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(call link,$(CONFIG_LIBS),$(LTO))

# The client library. What it takes from base and proto stays inside: the shared one by its symbol map, the static
# one by being a single object whose other names are local.
MAP := $(wildcard client-lib/*.map)
$(BUILD)/libsecretstore.so.$(SOVERSION): $(call objects,$(CLIENT)) $(BUILD)/obj/common.a $(MAP) $(BUILD)/sources
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(filter-out -pie,$(LINK)) $(NODEFS) -Wl,-soname,$(@F) $(addprefix -Wl$(comma)--version-script=,$(MAP)) \
		$(CFLAGS) $(or $(LTO),-fno-lto) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/obj/common.a $(CONFIG_CLIENT_LIBS)

$(BUILD)/libsecretstore.so: $(BUILD)/libsecretstore.so.$(SOVERSION)
	@ln -sf $(<F) $@

$(BUILD)/libsecretstore.a: $(call objects,$(CLIENT)) $(BUILD)/obj/common.a $(BUILD)/sources
	$(call say,AR,$@)
	$(Q)$(LD) -r -o $(BUILD)/obj/libsecretstore.o $(filter %.o,$^) $(BUILD)/obj/common.a
	$(Q)$(OBJCOPY) --wildcard --keep-global-symbol='ss_*' --remove-section='.gnu.lto_*' --remove-section='.gnu.debuglto_*' \
		$(BUILD)/obj/libsecretstore.o
	@rm -f $@
	$(Q)$(AR) qcs $@ $(BUILD)/obj/libsecretstore.o

$(BUILD)/libsecretstore.pc: client-lib/libsecretstore.pc.in $(BUILD)/paths Makefile
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' $< >$@

# A line for some versions of systemd begins with @SINCE_N@ or @BEFORE_N@.
$(BUILD)/%.service: systemd/%.service.in $(BUILD)/paths Makefile
	@awk -v version='$(SYSTEMD_VERSION)' '/^@(SINCE|BEFORE)_[0-9]+@/ { match($$0, /[0-9]+/); \
		since = version + 0 >= substr($$0, RSTART, RLENGTH) + 0; if (since != /^@SINCE/) next; sub(/^@[^@]*@/, "") } 1' $< | \
		sed -e 's|@BINDIR@|$(BINDIR)|' -e 's|@SBINDIR@|$(SBINDIR)|' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|' >$@

OBJCOPY ?= objcopy

setup:
	@tools/setup build

demo:
	@tools/setup demo
	@$(MAKE) --no-print-directory $(JOBS) all
	@KEEP='$(KEEP)' BUILD='$(BUILD)' tools/demo

# As many jobs as processors, unless the caller has said how many.
JOBS = $(if $(findstring --jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
SUBMAKE = +@$(MAKE) --no-print-directory $(JOBS) WERROR=1 DEV_TOKEN=

# With T=... one test runs, and tests/run has what it needs built. A T in the environment is not meant for us.
ifeq ($(origin T),command line)
check:
	@tools/setup check
	+@SUBMAKE='$(MAKE) --no-print-directory $(JOBS) WERROR=1' tests/run one '$(T)' build$(addprefix /,$(VARIANT))
fuzz: FUZZED := $(wildcard tests/fuzz/fuzz_$(T:fuzz_%=%).c)
else
check: RUN := check
check: check-all
fuzz: FUZZED := $(FUZZERS)
endif
check-long: RUN := long
check-long: check-all
check-all:
	@tools/setup check
	$(SUBMAKE) BUILD=build all unit benches
	$(SUBMAKE) BUILD=build/asan SANITIZE=1 CC=$(CLANG) all unit benches
	$(SUBMAKE) BUILD=build/fuzz FUZZ=1 CC=$(CLANG) fuzzers
	$(SUBMAKE) BUILD=build/dev-token DEV_TOKEN=1 build/dev-token/secretstored
	$(SUBMAKE) BUILD=build/dev-token/asan DEV_TOKEN=1 SANITIZE=1 CC=$(CLANG) build/dev-token/asan/secretstored
	$(if $(filter long,$(RUN)),$(SUBMAKE) BUILD=build/tsan SANITIZE=thread CC=$(CLANG) unit)
	@tests/run $(RUN)

# For package builds: nothing is installed or fetched, and none of it needs root or a network.
check-offline: all unit
	@tests/run offline $(BUILD)

lint:
	@tools/setup check
	@tests/run lint

format:
	@tools/setup check
	@bash tests/lint/format.sh -i

bench:
	@tools/setup bench
	$(SUBMAKE) BUILD=build all benches
	@.venv/bin/python tests/bench/bench.py $(if $(QUICK),--quick) $(if $(DOCS),--docs) $(SECTIONS)
	$(if $(QUICK)$(SECTIONS),,@for bench in snapshot residue abuse; do .venv/bin/python tests/bench/$$bench.py || exit; done)

fuzz:
	$(if $(FUZZED),,$(error there is no fuzz target $(T); there are: $(FUZZERS:tests/fuzz/fuzz_%.c=%)))
	@tools/setup check
	$(SUBMAKE) BUILD=build/fuzz FUZZ=1 CC=$(CLANG) $(FUZZED:tests/fuzz/%.c=build/fuzz/%)
	@tests/run fuzz $(FUZZ_SECONDS) $(FUZZED)

ifneq ($(and $(DEVELOPERS),$(filter install,$(MAKECMDGOALS))),)
$(error a build with DEV_TOKEN=1 is not to be installed)
endif

INSTALL ?= install
CONF := $(DESTDIR)$(SYSCONFDIR)/secretstored/secretstored.yaml
install: all
	$(INSTALL) -d $(addprefix '$(DESTDIR)',$(SBINDIR) $(BINDIR) $(LIBDIR) $(INCLUDEDIR) $(PKGCONFIGDIR)) '$(dir $(CONF))' \
		$(addprefix '$(DESTDIR)',$(MANDIR)/man1 $(UNITDIR) $(SYSUSERSDIR) $(TMPFILESDIR))
	$(INSTALL) -m 755 $(BUILD)/secretstored '$(DESTDIR)$(SBINDIR)/secretstored'
	$(INSTALL) -m 755 $(BUILD)/secretstorectl '$(DESTDIR)$(BINDIR)/secretstorectl'
	$(INSTALL) -m 644 client-lib/secretstore.h '$(DESTDIR)$(INCLUDEDIR)/secretstore.h'
	$(INSTALL) -m 644 $(BUILD)/libsecretstore.a '$(DESTDIR)$(LIBDIR)/libsecretstore.a'
	$(INSTALL) -m 755 $(BUILD)/libsecretstore.so.$(SOVERSION) '$(DESTDIR)$(LIBDIR)/libsecretstore.so.$(VERSION)'
	ln -sf libsecretstore.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/libsecretstore.so.$(SOVERSION)'
	ln -sf libsecretstore.so.$(SOVERSION) '$(DESTDIR)$(LIBDIR)/libsecretstore.so'
	$(INSTALL) -m 644 $(BUILD)/libsecretstore.pc '$(DESTDIR)$(PKGCONFIGDIR)/libsecretstore.pc'
	$(INSTALL) -m 644 docs/secretstorectl.1 '$(DESTDIR)$(MANDIR)/man1/secretstorectl.1'
	$(INSTALL) -m 644 $(UNITS) $(PLAIN_UNITS) '$(DESTDIR)$(UNITDIR)'
	$(foreach f,$(SYSUSERS),$(INSTALL) -m 644 systemd/$(f).sysusers '$(DESTDIR)$(SYSUSERSDIR)/$(f).conf' &&) :
	$(foreach f,$(TMPFILES),$(INSTALL) -m 644 systemd/$(f).tmpfiles '$(DESTDIR)$(TMPFILESDIR)/$(f).conf' &&) :
	@if [ -e '$(CONF)' ]; then echo 'kept: $(CONF)'; else \
		set -x; $(INSTALL) -m 644 conf/secretstored.yaml '$(CONF)'; fi
	@if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ] && command -v ldconfig >/dev/null; then ldconfig; fi

# A configuration that was changed stays.
uninstall:
	rm -f '$(DESTDIR)$(SBINDIR)/secretstored' '$(DESTDIR)$(BINDIR)/secretstorectl' \
		'$(DESTDIR)$(INCLUDEDIR)/secretstore.h' '$(DESTDIR)$(PKGCONFIGDIR)/libsecretstore.pc' \
		$(foreach f,a so so.$(SOVERSION) so.$(VERSION),'$(DESTDIR)$(LIBDIR)/libsecretstore.$(f)') \
		'$(DESTDIR)$(MANDIR)/man1/secretstorectl.1' $(foreach f,$(SYSUSERS),'$(DESTDIR)$(SYSUSERSDIR)/$(f).conf') \
		$(foreach f,$(TMPFILES),'$(DESTDIR)$(TMPFILESDIR)/$(f).conf') \
		$(foreach f,$(notdir $(UNITS) $(PLAIN_UNITS)),'$(DESTDIR)$(UNITDIR)/$(f)')
	@if [ ! -e '$(CONF)' ]; then :; elif cmp -s conf/secretstored.yaml '$(CONF)'; then \
		set -x; rm -f '$(CONF)'; else echo 'kept, since it was changed: $(CONF)'; fi
	@rmdir '$(dir $(CONF))' 2>/dev/null || :

clean:
	rm -rf build $(filter-out . / ..,$(BUILD))

distclean: clean
	rm -rf .venv

help:
	@sed -n 's/^#: //p' Makefile

#: make                 build everything into build/ (BUILD=dir, V=1 shows the commands, CC=clang, CFLAGS=...)
#: make setup           install the Debian packages that building needs
#: make demo            a real OpenBao, a login, and the daemon at work; KEEP=1 leaves them running
#: make check           install what is missing, build, and run all tests: some minutes
#: make check T=NAME    build what one test needs, and run it: T=cache or T=test_cache (tests/unit/test_cache.c),
#:                      T=cache:'test_a_put*' (cases of it), T=test_cache.py (in tests/integration or tests/systemd),
#:                      T=test_cache.py::test_x, T=test_cache.py:WORD (as pytest -k). SANITIZE=1 or thread: in that build
#: make check-long      the long tests, threads under TSan, and longer fuzzing
#: make check-offline   lint and unit tests with what is installed, such as for a package build
#: make unit            build the unit tests into build/tests/
#: make lint            the rules of the source tree
#: make format          lay the C code out by .clang-format, as the lint wants it
#: make bench           figures beside those of others, in one run: 25 minutes. QUICK=1: two minutes, to see that it
#:                      works; DOCS=1: also into docs/; SECTIONS='nginx cached ...' of tests/bench/bench.py only. As root
#: make fuzz            each fuzz target for FUZZ_SECONDS=600; T=config: that one
#: make SANITIZE=1      build with ASan and UBSan into build/asan/
#: make DEV_TOKEN=1     build into build/dev-token/ what developers need: a login with a token, and a process that can be
#:                      debugged without root
#: make install         PREFIX=/usr/local SYSCONFDIR=/etc DESTDIR= (also BINDIR, SBINDIR, LIBDIR, INCLUDEDIR,
#:                      MANDIR, UNITDIR, SYSUSERSDIR, TMPFILESDIR; SYSTEMD_VERSION, if the units are for another
#:                      version than that of libsystemd here)
#: make uninstall       with the same settings; a changed configuration stays
#: make clean           remove build/; make distclean: also .venv/, the Python packages and OpenBao

-include $(patsubst %.c,$(BUILD)/obj/%.d,$(COMMON) $(DAEMON) daemon/main.c $(CLIENT) $(CLI) $(TESTS) $(HELPERS) $(FUZZERS) $(BENCHES) $(UNLIMITED) $(BENCH_HELPERS))
