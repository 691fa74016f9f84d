# FlowOS: one non-recursive makefile.  Every directory describes itself in <dir>/module.mk:
#
#   shm_SRCS := shm/ring.c ...        sources of $(B)/libshm.a
#   shm_LIBS := -lnuma ...            what a program that links it needs besides
#   PROGS += flowos-x                 a program $(B)/bin/flowos-x
#   flowos-x_SRCS := x/main.c ...     its own sources
#   flowos-x_DEPS := x shm            directories whose libraries it links, users before used
#   flowos-x_LDFLAGS := -rdynamic     optional
#   flowos-x_WHOLE := x               optional: of these, those linked whole (symbols for PMs)
#   pms_NAME_LIBS := -lcrypto         optional: libraries of the module pms/NAME.c
#   pms_NAME_PKG := libhs             optional: what it needs by pkg-config; where that is absent the
#                                     module is not built, and make says so
#   pms_NAME_SRCS := pms/lib/x.c      optional: more sources of it
#   test_NAME_LIBS, fuzz_NAME_LIBS    the same of a unit test or fuzz target
#
# Unit tests are linked with every library, with tests/tap.c, tests/sim/*.c,
# deploy/audit/*.c, deploy/stages/*.c and what deploy/pmtest has beside its runs;
# modules written for them, tests/pm/NAME.c, become $(B)/tests/pm/NAME.so.
#
# Everything built lies under $(B).  `make help` lists the targets.

B      ?= build
# one name for one place: dependencies are written down by the name of what was built
override B := $(patsubst $(CURDIR)/%,%,$(B))
PREFIX ?= /usr
FUZZ_S ?= 60
SOAK_S ?= 60

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG        ?= clang
BPFTOOL      ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
CLANG_FORMAT ?= clang-format

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

# ---- packages: say what is missing in one line, before the first compiler error -------------

NO_BUILD := clean deps help lint format test test-full demo bench
ifneq ($(filter-out $(NO_BUILD),$(or $(MAKECMDGOALS),all)),)
MISSING := $(shell bash tests/deps.sh --missing build)
ifneq ($(MISSING),)
$(error packages are missing: $(MISSING): run `make deps` as root to install them)
endif
endif

# ---- flags -----------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Werror
OPT  ?= -O2 -g
SAN  ?=
FOS_CFLAGS  := -std=gnu11 $(OPT) $(WARN) -I. -I$(B)
# gcc copies and clears what is longer than some words by string instructions, which take 10 to 25 ns to
# begin; a packet met a dozen of them.  The C library's functions do not (other compilers call them anyway).
STRINGS     := -mmemcpy-strategy=libcall:-1:noalign -mmemset-strategy=libcall:-1:noalign
FOS_CFLAGS  += $(shell $(CC) $(STRINGS) -fsyntax-only -x c /dev/null 2>/dev/null && echo $(STRINGS))
FOS_LDFLAGS := -Wl,--as-needed
ifneq ($(SAN),)
SANFLAGS    := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
SANFLAGS    += -DFOS_SANITIZED
FOS_CFLAGS  += $(SANFLAGS)
FOS_LDFLAGS += $(SANFLAGS)
endif
DEPFLAGS = -MMD -MP -MF $(@:.o=.d)

# ---- modules ---------------------------------------------------------------------------------

# Users before used: the order in which the static libraries are linked.
LIBDIRS := classifier egress pmhost ingress config shm
PROGS   :=
-include shm/module.mk config/module.mk ingress/module.mk classifier/module.mk pmhost/module.mk
-include egress/module.mk pms/module.mk pms/mos/module.mk tests/module.mk deploy/module.mk

obj      = $(patsubst %.c,$(B)/obj/%.o,$(1))
archive  = $(foreach d,$(1),$(if $($(d)_SRCS),$(B)/lib$(d).a))
libs     = $(foreach d,$(1),$($(d)_LIBS))
whole    = $(if $(1),-Wl$(comma)--whole-archive $(1) -Wl$(comma)--no-whole-archive)
comma   := ,

ARCHIVES := $(call archive,$(LIBDIRS))
ALL_LIBS := $(call libs,$(LIBDIRS)) -lxdp -lbpf -luring -lnuma -lcyaml -lyaml -lpcap -ljansson \
	-lcrypto -ldl -lseccomp
BINS     := $(PROGS:%=$(B)/bin/%)
PM_NAMES := $(patsubst pms/%.c,%,$(wildcard pms/*.c))
PM_PKGS  := $(sort $(foreach m,$(PM_NAMES),$(pms_$(m)_PKG)))
PKG_LACK := $(foreach p,$(PM_PKGS),$(shell pkg-config --exists $(p) 2>/dev/null || echo $(p)))
PM_LACK  := $(foreach m,$(PM_NAMES),$(if $(filter $(PKG_LACK),$(pms_$(m)_PKG)),$(m)))
PMS      := $(patsubst %,$(B)/pms/%.so,$(filter-out $(PM_LACK),$(PM_NAMES)))
TEST_PMS := $(patsubst %.c,$(B)/%.so,$(wildcard tests/pm/*.c))
UNIT     := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
FUZZ     := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
HELPERS  := tests/tap.c $(wildcard tests/sim/*.c deploy/audit/*.c deploy/stages/*.c) \
	$(addprefix deploy/pmtest/,recording.c variant.c play.c streams.c fuzz.c)
LIB_SRCS := $(foreach d,$(LIBDIRS),$($(d)_SRCS))

# For modules built outside of the tree, before anything is installed: PKG_CONFIG_PATH.
PKG := $(B)/pkgconfig/flowos-pm.pc $(B)/pkgconfig/flowos-mos.pc

# Manual pages, from the headers and from the heads of the programs.
MAN := $(B)/man/made

.PHONY: all unit check-unit fuzzers
all: $(BINS) $(PMS) $(PKG) $(MAN) $(B)/libflowos-pm.a $(B)/libflowos-mos.a
	@$(foreach m,$(PM_LACK),echo "  SKIP    pms/$(m).c: not installed: $(filter $(PKG_LACK),$(pms_$(m)_PKG))\
 (pkg-config), as \`make deps\` does";)
unit: $(UNIT) $(TEST_PMS) $(PMS) $(B)/bench/engine $(B)/bench/gen
fuzzers: $(FUZZ)

# ---- objects ---------------------------------------------------------------------------------

# Rewritten only when the command line changes, so that objects rebuild with it.
FLAGS_NOW := $(CC) $(CFLAGS) $(CPPFLAGS) $(FOS_CFLAGS) $(LDFLAGS) $(FOS_LDFLAGS)
ifneq ($(filter-out $(NO_BUILD),$(or $(MAKECMDGOALS),all)),)
$(shell mkdir -p $(B) && { echo '$(FLAGS_NOW)' | cmp -s - $(B)/.flags || \
	echo '$(FLAGS_NOW)' >$(B)/.flags; })
endif

BPF_SRC := $(wildcard shm/steer.bpf.c)
SKEL    := $(BPF_SRC:%.bpf.c=$(B)/%.skel.h)

$(B)/obj/shm/%.o: FOS_CFLAGS += -Wconversion
$(B)/obj/pms/%.o $(B)/obj/tests/pm/%.o: FOS_CFLAGS += -fPIC

$(B)/obj/%.o: %.c $(B)/.flags | $(SKEL)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(FOS_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(DEPFLAGS) -c -o $@ $<

define archive_rule
# (by its list, too: a file that comes or goes may be older than the archive)
$(B)/lib$(1).a: $$(call obj,$$($(1)_SRCS)) $(1)/module.mk
	@echo "  AR      $$@"
	@rm -f $$@ && $$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach d,$(LIBDIRS),$(if $($(d)_SRCS),$(eval $(call archive_rule,$(d)))))

define prog_rule
$(B)/bin/$(1): $$(call obj,$$($(1)_SRCS)) $$(call archive,$$($(1)_DEPS))
	@mkdir -p $$(@D)
	@echo "  LD      $$@"
	@$$(CC) $$(FOS_LDFLAGS) $$(LDFLAGS) $$($(1)_LDFLAGS) -o $$@ $$(call obj,$$($(1)_SRCS)) \
		$$(call whole,$$(call archive,$$($(1)_WHOLE))) \
		-Wl,--start-group $$(call archive,$$(filter-out $$($(1)_WHOLE),$$($(1)_DEPS))) \
		-Wl,--end-group $$(call libs,$$($(1)_DEPS)) $$($(1)_LIBS)
endef
$(foreach p,$(PROGS),$(eval $(call prog_rule,$(p))))

# Headers of the libraries of modules are not held to our warnings.
define pm_rule
$(B)/pms/$(1).so: $(call obj,$(pms_$(1)_SRCS))
$(call obj,pms/$(1).c $(pms_$(1)_SRCS)): FOS_CFLAGS += \
	$(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(pms_$(1)_PKG)))
$(B)/pms/$(1).so: pm_libs := $(shell pkg-config --libs $(pms_$(1)_PKG))
endef
$(foreach m,$(filter-out $(PM_LACK),$(PM_NAMES)),$(if $(pms_$(m)_PKG),$(eval $(call pm_rule,$(m)))))

$(B)/pms/%.so: $(B)/obj/pms/%.o
	@mkdir -p $(@D)
	@echo "  PM      $@"
	@$(CC) $(FOS_LDFLAGS) $(LDFLAGS) -shared -o $@ $(filter %.o,$^) $(pms_$*_LIBS) $(pm_libs)

# Modules written for the tests.
$(B)/tests/pm/%.so: $(B)/obj/tests/pm/%.o
	@mkdir -p $(@D)
	@echo "  PM      $@"
	@$(CC) $(FOS_LDFLAGS) $(LDFLAGS) -shared -o $@ $<

$(B)/libtests.a: $(call obj,$(HELPERS))
	@rm -f $@ && $(AR) rcs $@ $^

$(B)/tests/%: $(B)/obj/tests/unit/%.o $(B)/libtests.a $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(FOS_LDFLAGS) $(LDFLAGS) -rdynamic -o $@ $< -Wl,--start-group $(B)/libtests.a \
		$(ARCHIVES) -Wl,--end-group $($*_LIBS) $(ALL_LIBS)

BENCHES  := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))

# Benchmarks; one looks into a box as flowosctl does.
$(B)/bench/recovery: $(B)/obj/deploy/ctl/view.o
nids_LIBS := -lnids -lpcap
$(B)/bench/engine: $(B)/obj/shm/keeper_pms.o $(B)/libtests.a
$(B)/bench/%: $(B)/obj/tests/bench/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	@$(CC) $(FOS_LDFLAGS) $(LDFLAGS) -rdynamic -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(filter %/libtests.a,$^) $(ARCHIVES) -Wl,--end-group $($*_LIBS) $(ALL_LIBS)

# What a module needs that is a program of its own (pmhost/pm_main.h).
$(B)/libflowos-pm.a: $(call obj,$(pmhost_SRCS) $(shm_SRCS))
	@echo "  AR      $@"
	@rm -f $@ && $(AR) rcs $@ $^

# mOS's API (pms/mos/README.md), in the order that pms/module.mk explains.
$(call obj,$(mos_SRCS)): FOS_CFLAGS += -Ipms/mos
$(B)/libflowos-mos.a: $(call obj,$(mos_SRCS))
	@echo "  AR      $@"
	@rm -f $@ && $(AR) rcs $@ $(call obj,$(mos_SRCS))
$(B)/tests/test_mos_conf: $(B)/obj/pms/mos/conf.o
$(B)/tests/test_mos_set: $(B)/obj/pms/mos/define.o
$(B)/obj/tests/unit/test_mos_set.o: FOS_CFLAGS += -Ipms/mos

$(PKG): $(B)/pkgconfig/%.pc: deploy/systemd/%.pc.in deploy/ctl/ctl.h
	@mkdir -p $(@D)
	@sed -e 's,^includedir=.*,includedir=$(CURDIR),' -e 's,/flowos$$,,' -e 's,/flowos/mos$$,/pms/mos,' \
		-e 's,^libdir=.*,libdir=$(abspath $(B)),' -e 's,@PREFIX@,/usr,' \
		-e 's,@VERSION@,$(VERSION),' $< >$@

$(MAN): $(wildcard deploy/man/* pmhost/pm.h pmhost/pm_*.h */main.c deploy/*/main.c) shm/keeper_main.c
	@echo "  MAN     $(@D)"
	@rm -rf $(@D) && python3 deploy/man/man.py $(@D) && touch $@

# ---- the XDP program -------------------------------------------------------------------------

MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null || $(CLANG) -print-multiarch 2>/dev/null)

$(B)/shm/%.bpf.o: shm/%.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $<"
	@$(CLANG) -g -O2 -Wall -Werror -target bpf -I. -I/usr/include/$(MULTIARCH) \
		-MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/shm/%.skel.h: $(B)/shm/%.bpf.o
	@echo "  SKEL    $@"
	@{ echo '#pragma GCC system_header'; $(BPFTOOL) gen skeleton $< name $(*F)_bpf; } >$@

# ---- fuzz targets: everything again, with clang's sanitizers ---------------------------------

FUZZ_SAN   := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_OBJS  := $(patsubst %.c,$(B)/fuzz/obj/%.o,$(LIB_SRCS))

$(B)/fuzz/obj/%.o: %.c $(B)/.flags | $(SKEL)
	@mkdir -p $(@D)
	@echo "  CC FUZZ $<"
	@$(CLANG) -std=gnu11 -O1 -g -I. -I$(B) $(FUZZ_SAN) $(DEPFLAGS) -c -o $@ $<

$(B)/fuzz/libfos.a: $(FUZZ_OBJS)
	@rm -f $@ && $(AR) rcs $@ $^

$(B)/fuzz/%: $(B)/fuzz/obj/tests/fuzz/%.o $(B)/fuzz/libfos.a
	@echo "  LD FUZZ $@"
	@$(CLANG) -fsanitize=fuzzer,address,undefined $(FOS_LDFLAGS) -o $@ $< \
		-Wl,--start-group $(B)/fuzz/libfos.a -Wl,--end-group $($*_LIBS) $(ALL_LIBS)

# ---- what people type ------------------------------------------------------------------------

.PHONY: test test-full soak demo install asan ubsan lint format fuzz clean deps help
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

help:
	@sed -n 's/^#: //p' Makefile

#: make             build everything under build/ (B=DIR elsewhere, CC=clang with clang)
#: make deps        install the Debian packages that are missing (root)
deps:
	@bash tests/deps.sh all

#: make test        lint, unit tests, short fuzz runs, offline and network tests
test:
	@bash tests/deps.sh all
	@$(MAKE) --no-print-directory $(JOBS) all unit fuzzers
	@B=$(B) bash tests/run.sh

#: make test-full   the same with the long variants, and everything under the sanitizers
test-full:
	@bash tests/deps.sh all
	@bash tests/deps.sh full
	@$(MAKE) --no-print-directory $(JOBS) all unit fuzzers
	@$(MAKE) --no-print-directory asan
	@$(MAKE) --no-print-directory ubsan
	@B=$(B) FULL=1 bash tests/run.sh

#: make demo        a page loses its advertisement on the way; modules are killed (root)
demo:
	@bash tests/deps.sh all
	@$(MAKE) --no-print-directory $(JOBS) all
	@B=$(B) bash deploy/demo.sh

#: make asan        unit tests under AddressSanitizer (in build/asan); ubsan likewise
check-unit: unit
	@B=$(B) bash tests/run.sh unit

asan:
	@$(MAKE) --no-print-directory $(JOBS) B=$(B)/asan SAN=address check-unit

ubsan:
	@$(MAKE) --no-print-directory $(JOBS) B=$(B)/ubsan SAN=undefined check-unit

#: make lint        the rules of the source tree
lint:
	@bash tests/run.sh lint

#: make format      clang-format over every source file
format:
	@git ls-files '*.c' '*.h' | xargs $(CLANG_FORMAT) -i

#: make fuzz        every fuzz target for FUZZ_S seconds (60)
fuzz: fuzzers
	@for f in $(FUZZ); do mkdir -p $$f.corpus && \
		$$f -max_total_time=$(FUZZ_S) -print_final_stats=1 \
			-artifact_prefix=$$f.crash- $$f.corpus || exit 1; done

#: make soak        the simulation on fresh seeds for SOAK_S seconds (60)
soak: $(B)/tests/test_sim $(PMS) $(TEST_PMS)
	@B=$(B) $(B)/tests/test_sim --soak $(SOAK_S)

#: make bench-recovery  how long each killed process is missed, by number of flows (root)
.PHONY: bench-recovery
bench-recovery: all $(B)/bench/recovery $(B)/bench/load
	@B=$(B) bash tests/bench/recovery_table.sh

#: make bench-hostile  what an attacking module costs the flows of others (root)
.PHONY: bench-hostile
bench-hostile: all unit
	@B=$(B) bash tests/bench/hostile.sh

#: make install     DESTDIR= PREFIX=/usr; /etc/flowos/flowos.yaml stays if it is there
D           = $(DESTDIR)$(PREFIX)
DOC         = $(D)/share/doc/flowos
UNITS      := $(wildcard deploy/systemd/*.service deploy/systemd/*.target)
VERSION    := $(shell sed -n 's/^.define FOS_VERSION "\(.*\)"/\1/p' deploy/ctl/ctl.h 2>/dev/null)
AT_PREFIX   = sed -e 's,/usr/,$(PREFIX)/,g' -e 's,@PREFIX@,$(PREFIX),' -e 's,@VERSION@,$(VERSION),'
install: all
	install -d $(D)/bin $(D)/sbin $(D)/lib/flowos/pm $(D)/lib/systemd/system $(D)/lib/sysusers.d \
		$(D)/lib/pkgconfig $(D)/include/flowos/pmhost $(DOC)/examples $(DOC)/modules \
		$(D)/share/flowos/template $(D)/share/man/man3 $(D)/share/man/man8 \
		$(DESTDIR)/etc/flowos
	install -m 755 $(BINS) $(D)/sbin
	ln -sf ../sbin/flowosctl $(D)/bin/flowosctl
	install -m 644 $(PMS) $(D)/lib/flowos/pm
	install -m 644 $(B)/libflowos-pm.a $(B)/libflowos-mos.a $(D)/lib
	install -m 644 pmhost/pm.h $(wildcard pmhost/pm_*.h) $(D)/include/flowos/pmhost
	ln -sf pmhost/pm.h $(D)/include/flowos/pm.h
	install -d $(D)/include/flowos/mos
	install -m 644 $(mos_API) $(D)/include/flowos/mos
	install -m 644 pms/mos/README.md $(DOC)/mos.md
	install -m 644 pms/README.md $(DOC)/pms.md
	install -m 644 $(wildcard pms/*.c) $(DOC)/modules
	install -m 644 $(wildcard deploy/template/*) $(D)/share/flowos/template
	install -m 644 deploy/pm_run.sh deploy/net.sh $(D)/share/flowos
	install -m 644 $(B)/man/man3/* $(D)/share/man/man3
	install -m 644 $(B)/man/man8/* $(D)/share/man/man8
	install -m 644 $(wildcard README.md LICENSE) $(DOC)
	install -m 644 deploy/systemd/README.md $(DOC)/systemd.md
	install -m 644 $(wildcard config/flowos.yaml config/examples/*) $(DOC)/examples
	install -m 644 deploy/systemd/flowos.sysusers $(D)/lib/sysusers.d/flowos.conf
	@for f in $(UNITS); do echo "$(D)/lib/systemd/system/$${f##*/}"; \
		$(AT_PREFIX) $$f >$(D)/lib/systemd/system/$${f##*/} || exit 1; done
	$(AT_PREFIX) deploy/systemd/flowos-pm.pc.in >$(D)/lib/pkgconfig/flowos-pm.pc
	$(AT_PREFIX) deploy/systemd/flowos-mos.pc.in >$(D)/lib/pkgconfig/flowos-mos.pc
	test -e $(DESTDIR)/etc/flowos/flowos.yaml || \
		install -m 644 config/flowos.yaml $(DESTDIR)/etc/flowos/flowos.yaml

#: make bench       compared with bridge, DPDK, proxies, libnids (root; BENCH_N=, BENCH=: tests/bench/run.sh)
.PHONY: bench
bench:
	@bash tests/deps.sh all
	@bash tests/deps.sh bench
	@$(MAKE) --no-print-directory $(JOBS) all unit $(BENCHES)
	@B=$(B) bash tests/bench/run.sh

#: make clean       remove build/
clean:
	rm -rf $(B)

-include $(shell test -d $(B) && find $(B) -name '*.d' 2>/dev/null)
