# Crust. The two commands a newcomer needs:
#
#   make run      build, start a local network, store a real folder in it, fetch it back, show it
#   make check    everything that CI runs
#
# Others: make (build/crust*), make test, make lint, make fuzz, make soak, make tidy, make tcb, make measure,
# make guest-image, make bench, make format, make clean. Variants: make VARIANT=asan (clang, ASan and UBSan), tsan, msan.
# Each folder under src/ is one static library; src/NAME/module.mk says which libraries it may use.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VARIANT ?= release
B := build/$(VARIANT)
MODULES := base crypto codec attest proof p2p seal chain ipfs api rt store engine
PROGRAMS := chaind enclaved ipfsd agentd cli

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
  -Wmissing-prototypes -Wold-style-definition -Wundef -Wvla -Wcast-qual -Wcast-align \
  -Wpointer-arith -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum -Wwrite-strings \
  -Wdouble-promotion -Werror
WARN_GCC := -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wcast-align=strict
HARDEN := -fno-omit-frame-pointer -fstack-protector-strong -fcf-protection=full \
  -fstack-clash-protection -fno-strict-overflow -fno-delete-null-pointer-checks

ifeq ($(VARIANT),release)
  CC := gcc
  CFLAGS := -O2 -g -ffunction-sections -fdata-sections -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(HARDEN) -ftrivial-auto-var-init=zero -fPIE $(WARN_GCC)
  LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -Wl,--gc-sections
else ifeq ($(VARIANT),measured)
  # What is measured must come out the same wherever it is built: no folder's name, no build id.
  CC := gcc
  CFLAGS := -O2 -g -ffile-prefix-map=$(CURDIR)=. -ffunction-sections -fdata-sections -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(HARDEN) -ftrivial-auto-var-init=zero -fPIE $(WARN_GCC)
  LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -Wl,--gc-sections -Wl,--build-id=none
else ifeq ($(VARIANT),asan)
  CC := clang
  CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -DCRUST_SANITIZED=1
  LDFLAGS := -fsanitize=address,undefined
else ifeq ($(VARIANT),tsan)
  CC := clang
  CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=thread -DCRUST_SANITIZED=1
  LDFLAGS := -fsanitize=thread
else ifeq ($(VARIANT),msan)
  CC := clang
  CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=memory -fsanitize-memory-track-origins -DCRUST_SANITIZED=1
  LDFLAGS := -fsanitize=memory
else ifeq ($(VARIANT),fuzz)
  CC := clang
  CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -DCRUST_SANITIZED=1
  LDFLAGS := -fsanitize=address,undefined
else
  $(error VARIANT is release, measured, asan, tsan, msan or fuzz)
endif
# ccache speeds up repeated builds where it is installed; nothing needs it.
CCACHE := $(if $(filter measured,$(VARIANT)),,$(shell command -v ccache 2>/dev/null))
CPPFLAGS := -std=c17 -D_GNU_SOURCE -Isrc -DOPENSSL_API_COMPAT=0x10100000L -MMD -MP

# ---- modules -------------------------------------------------------------------------------
# module.mk sets NAME_DEPS (libraries of ours) and NAME_LIBS (system libraries).
-include $(foreach m,$(MODULES) $(PROGRAMS),src/$(m)/module.mk)

# Transitive closure in link order: a library stands before those it uses.
closure = $(strip $(1) $(foreach d,$($(1)_DEPS),$(call closure,$(d))))
lastuniq = $(if $(1),$(call lastuniq,$(filter-out $(lastword $(1)),$(1))) $(lastword $(1)))
deps_of = $(call lastuniq,$(call closure,$(1)))
archives_of = $(foreach d,$(call deps_of,$(1)),$(B)/lib/lib$(d).a)
libs_of = $(call lastuniq,$(foreach d,$(call deps_of,$(1)),$($(d)_LIBS)))

define MODULE
$(1)_ALL := $$(wildcard src/$(1)/*.c)
$(1)_TESTS := $$(filter %_test.c,$$($(1)_ALL))
$(1)_FUZZ := $$(filter %_fuzz.c,$$($(1)_ALL))
$(1)_SRC := $$(filter-out %_test.c %_fuzz.c %/main.c,$$($(1)_ALL))
$(1)_OBJ := $$($(1)_SRC:src/%.c=$(B)/o/%.o)
$(B)/lib/lib$(1).a: $$($(1)_OBJ) $(if $(wildcard src/$(1)),src/$(1)/)
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcs $$@ $$($(1)_OBJ)
TEST_BINS += $$($(1)_TESTS:src/%_test.c=$(B)/test/%)
FUZZ_BINS += $$($(1)_FUZZ:src/%_fuzz.c=$(B)/fuzz/%)
$$($(1)_TESTS:src/%_test.c=$(B)/test/%): $(B)/test/%: $(B)/o/%_test.o $(call archives_of,$(1))
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$(CC) $(LDFLAGS) $$(TEST_LDFLAGS) -o $$@ $$^ $(call libs_of,$(1)) -lcmocka -lpthread
$$($(1)_FUZZ:src/%_fuzz.c=$(B)/fuzz/%): $(B)/fuzz/%: $(B)/o/%_fuzz.o $(if $(filter fuzz,$(VARIANT)),,$(B)/tools/fuzz_main.o) $(call archives_of,$(1))
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$(CC) $(LDFLAGS) $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer) -o $$@ $$^ $(call libs_of,$(1)) -lpthread
endef
$(foreach m,$(MODULES) $(PROGRAMS),$(eval $(call MODULE,$(m))))

# These tests make our allocations fail, one after the other; those of libraries they leave alone.
MEMORY_TESTS := $(shell grep -l '"base/check_memory.h"' src/*/*_test.c)
$(MEMORY_TESTS:src/%_test.c=$(B)/test/%): TEST_LDFLAGS := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

# Probabilities, for which nothing else needs the library.
$(B)/test/chain/beacon_bias: TEST_LDFLAGS := -Wl,--no-as-needed -lm

# crust-chaind and so on; the command line is plain "crust".
binary_name = $(if $(filter cli,$(1)),crust,crust-$(1))
BUILT_PROGRAMS := $(foreach p,$(PROGRAMS),$(if $(wildcard src/$(p)/main.c),$(p)))
BINARIES := $(foreach p,$(BUILT_PROGRAMS),$(B)/bin/$(call binary_name,$(p)))
define PROGRAM
$(B)/bin/$(call binary_name,$(1)): $(B)/o/$(1)/main.o $(call archives_of,$(1))
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$(CC) $(LDFLAGS) -o $$@ $$^ $(call libs_of,$(1)) -lpthread
	@$(if $(filter release,$(VARIANT)),ln -sf release/bin/$(call binary_name,$(1)) build/$(call binary_name,$(1)))
endef
$(foreach p,$(BUILT_PROGRAMS),$(eval $(call PROGRAM,$(p))))

# crust-enclaved is one program for each provider of its keys and evidence: each links its own only.
HARDWARE := sgx tdx snp
ENCLAVES := $(HARDWARE:%=$(B)/bin/crust-enclaved-%)
.PRECIOUS: $(B)/o/enclaved/main-%.o
$(B)/o/enclaved/main-%.o: src/enclaved/main.c
	@mkdir -p $(@D)
	@echo "  CC    $< ($*)"
	@$(CCACHE) $(CC) $(CPPFLAGS) -DCRUST_PROVIDER=provider_$* $(CFLAGS) $(WARN) -c -o $@ $<
$(B)/bin/crust-enclaved-%: $(B)/o/enclaved/main-%.o $(call archives_of,enclaved)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(call libs_of,enclaved) -lpthread
	@$(if $(filter release,$(VARIANT)),ln -sf release/bin/crust-enclaved-$* build/crust-enclaved-$*)

# Its loops over the limbs of a field element are in registers once they are unrolled: four times as fast.
ifneq ($(filter release measured,$(VARIANT)),)
$(B)/o/crypto/ed25519_lanes.o: CFLAGS += -O3
endif
$(B)/o/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CCACHE) $(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -c -o $@ $<
$(B)/tools/%.o: tools/%.c
	@mkdir -p $(@D)
	@$(CCACHE) $(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -c -o $@ $<
BENCH_SRC := $(wildcard bench/*.c)
BENCH_BINS := $(BENCH_SRC:bench/%.c=$(B)/bench/%)
$(B)/bench/%: bench/%.c $(foreach m,$(MODULES) ipfsd,$(if $(wildcard src/$(m)/*.c),$(B)/lib/lib$(m).a))
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(call lastuniq,$(foreach m,$(MODULES),$($(m)_LIBS))) -lcmocka -lpthread

# Helpers of the end to end tests, linked like the benches.
TOOL_SRC := $(wildcard tests/tools/*.c)
TOOL_BINS := $(TOOL_SRC:tests/tools/%.c=$(B)/tools/%)
$(B)/tools/%: tests/tools/%.c $(wildcard tests/tools/*.h) $(foreach m,$(MODULES) ipfsd,$(if $(wildcard src/$(m)/*.c),$(B)/lib/lib$(m).a))
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(call lastuniq,$(foreach m,$(MODULES),$($(m)_LIBS))) -lcmocka -lpthread

-include $(shell find $(B)/o -name '*.d' 2>/dev/null)

# ---- goals ---------------------------------------------------------------------------------
.PHONY: all tests fuzzers benches deps enclaves measure guest-image test check check-peers check-engines suites run lint format fuzz soak tidy tcb bench clean
all: $(BINARIES) $(ENCLAVES)
tests: $(TEST_BINS) $(TOOL_BINS)
fuzzers: $(FUZZ_BINS)
benches: $(BENCH_BINS)

# The Debian packages, from the one list in tools/packages.txt; quick when nothing is missing.
deps:
	@tools/install-packages
check-peers:
	@$(MAKE) --no-print-directory -j$$(nproc) all tests
	@tools/check-peers $(SUITES)
suites:
	@tools/suites --page
check-engines:
	@$(MAKE) --no-print-directory -j$$(nproc) all tests
	@tools/check-engines
check:
	@tools/check
run: deps
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@tools/run $(if $(FILE),--file "$(FILE)") $(if $(ONCE),--once)
# Unit tests of this variant, and the fuzz corpora.
test:
	@$(MAKE) --no-print-directory -j$$(nproc) all tests fuzzers
	@tools/run-tests --build $(B)
lint:
	@tools/lint
format:
	@clang-format -i $$(git ls-files '*.c' '*.h')
fuzz:
	@tools/fuzz
soak:
	@tools/soak
tidy:
	@tools/tidy
bench:
	@$(MAKE) --no-print-directory -j$$(nproc) all benches
	@bench/run
tcb:
	@tools/tcb
# The programs that are measured, built the same everywhere; what is measured of them; a guest with one inside.
enclaves: $(ENCLAVES)
measure:
	@tools/measure
guest-image:
	@tools/guest-image $(if $(TEE),--tee $(TEE)) $(if $(RELEASE_KEYS),--release-keys $(RELEASE_KEYS)) $(if $(BOOT),--boot)
clean:
	rm -rf build
