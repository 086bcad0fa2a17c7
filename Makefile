# Remuda's one Makefile. `make help` lists what people type; no recursion, and each variant
# (SANITIZE=..., coverage, fuzz) builds in a folder of its own.

.DELETE_ON_ERROR:

# Make's built-in default is `cc`; a value from the environment or the command line wins.
ifeq ($(origin CC),default)
CC       := gcc
endif
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
UNITDIR  ?= $(PREFIX)/lib/systemd/system
DESTDIR  ?=
FUZZ_SECONDS ?= 30

GOALS    := $(or $(MAKECMDGOALS),all)
comma    := ,
VARIANTS := $(strip $(filter coverage fuzz,$(GOALS)) $(subst $(comma),-,$(SANITIZE)))
ifneq ($(filter 0 1,$(words $(VARIANTS))),$(words $(VARIANTS)))
$(error coverage, fuzz and SANITIZE are different builds: ask for one of them at a time)
endif
BUILD    := build/$(or $(VARIANTS),plain)
VERSION  := 0.1.0
DEPFLAGS := -MMD -MP
# `override`: what is added here must also survive `make CFLAGS=-O3`.
override CPPFLAGS += -I. -D_GNU_SOURCE -DREMUDA_VERSION='"$(VERSION)"' -DXXH_INLINE_ALL
WARN     := -std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
            -Wvla -Wno-unused-parameter
LIBS     := -lev -lyaml -lcrypt -lpcre2-8 -lpthread
ifdef SANITIZE
override CFLAGS  += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=$(SANITIZE)
endif
ifeq ($(VARIANTS),coverage)
override CFLAGS  += -O0 --coverage
override LDFLAGS += --coverage
endif
ifeq ($(VARIANTS),fuzz)
FUZZ_SAN := address,undefined
CC       := clang
override CFLAGS  += -fsanitize=fuzzer-no-link,$(FUZZ_SAN) -fno-sanitize-recover=all
override LDFLAGS += -fsanitize=fuzzer,$(FUZZ_SAN)
endif
ifdef WERROR
WARN     += -Werror
endif
# The server is linked as one unit: a tenth of its instructions go. The objects hold plain code too,
# for the tests, which link in no time. `make LTO=` does without.
ifeq ($(VARIANTS)$(findstring clang,$(CC)),)
LTO      ?= -flto=auto
endif
ifdef LTO
override CFLAGS  += $(LTO) -ffat-lto-objects
endif

LAYERS   := common config worker master
SRCS     := $(wildcard $(addsuffix /*.c,$(LAYERS)))
LIB_SRCS := $(filter-out master/main.c,$(SRCS))
HEADERS  := $(wildcard $(addsuffix /*.h,$(LAYERS)) tests/*.h tests/*/*.h)
UNIT_SRCS := $(wildcard $(addsuffix /*.c,$(addprefix tests/,$(LAYERS))))
INTEG_SRCS := $(wildcard tests/integration/*.c)
FUZZ_SRCS := $(wildcard tests/fuzz/fuzz_*.c)
C_FILES  := $(wildcard $(foreach d,$(LAYERS) bench tests tests/*,$(d)/*.c $(d)/*.h))
LIB_OBJS := $(LIB_SRCS:%.c=$(BUILD)/%.o)
MAIN_OBJ := $(BUILD)/master/main.o
UNIT_OBJS := $(UNIT_SRCS:%.c=$(BUILD)/%.o)
INTEG_OBJS := $(INTEG_SRCS:%.c=$(BUILD)/%.o)
FUZZ_OBJS := $(FUZZ_SRCS:%.c=$(BUILD)/%.o)
FLOOR_OBJ := $(BUILD)/bench/floor.o
LOAD_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/load*.c))
FUZZERS  := $(FUZZ_SRCS:tests/fuzz/%.c=$(BUILD)/%)
OBJS     := $(LIB_OBJS) $(MAIN_OBJ) $(UNIT_OBJS) $(INTEG_OBJS) $(FUZZ_OBJS) $(FLOOR_OBJ) \
            $(LOAD_OBJS)

# run, test, bench, facts and deb install what they need before anything compiles; no other goal
# does.
# All groups go into one call: two apt-get at once would fail on dpkg's lock.
DEPS     ?= $(sort $(if $(filter run deps,$(GOALS)),build) $(if $(filter test deps,$(GOALS)),test) \
            $(if $(filter bench facts,$(GOALS)),bench) \
            $(if $(filter deb check-deb,$(GOALS)),package))
DEPS_FIRST := $(if $(filter run test bench facts deb check-deb deps,$(GOALS)),deps)

say       = $(if $(V),,@echo '  $(1)	$(patsubst $(BUILD)/%,%,$@)';)

.PHONY: all
all: $(BUILD)/remuda ## build the server (the default)

# The encoders that are there are built in: whose header is found at this very moment, so that a
# library that comes or goes is noticed. `make ENCODERS=` builds without any.
ENCODERS ?= brotli zstd zlib
header_brotli := brotli/encode.h
header_zstd := zstd.h
header_zlib := zlib.h
$(BUILD)/.encoders: FORCE | $(BUILD)/.have-libraries
	@: >$@.new; $(foreach e,$(ENCODERS),echo '#include <$(header_$(e))>' | \
	    $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 && echo $(e) >>$@.new;) \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE
FORCE:
ENCODER_FLAGS = $$(sed 's/.*/-DHAVE_\U&/' $(BUILD)/.encoders)
ENCODER_LIBS = $$(sed 's/brotli/brotlienc/; s/zlib/z/; s/^/-l/' $(BUILD)/.encoders)
DECODER_LIBS = $$(sed -n 's/brotli/-lbrotlidec/p' $(BUILD)/.encoders)
LIBS     += $(ENCODER_LIBS)
USES_ENCODERS := $(BUILD)/worker/compress.o $(BUILD)/tests/worker/test_compress.o
$(USES_ENCODERS): private override CPPFLAGS += $(ENCODER_FLAGS)
$(USES_ENCODERS): $(BUILD)/.encoders

$(BUILD)/%.o: %.c Makefile | $(BUILD)/.have-libraries
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(DEPFLAGS) $(WARN) $(CFLAGS) -c -o $@ $<

# Has it inside (.incbin), which -MMD does not see.
$(BUILD)/worker/metrics_page.o: worker/metrics_page.html

$(BUILD)/libremuda.a: $(LIB_OBJS)
	$(call say,AR)rm -f $@ && ar rcs $@ $^

$(BUILD)/remuda: $(MAIN_OBJ) $(BUILD)/libremuda.a
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/unit-tests: $(UNIT_OBJS) $(BUILD)/libremuda.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) $(DECODER_LIBS) -lcriterion

$(BUILD)/integration-tests: $(INTEG_OBJS) $(BUILD)/libremuda.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcriterion

$(BUILD)/floor: $(FLOOR_OBJ)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^

$(BUILD)/load: $(LOAD_OBJS)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^

$(FUZZERS): $(BUILD)/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libremuda.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# One clear line instead of a compiler's error for each file. Stamps: asked once in each folder.
$(BUILD)/.have-libraries: NEEDS := ev.h yaml.h crypt.h xxhash.h pcre2posix.h
$(BUILD)/.have-criterion: NEEDS := criterion/criterion.h
$(BUILD)/.have-%: | $(DEPS_FIRST)
	@mkdir -p $(@D)
	@printf '#include <%s>\n' $(NEEDS) | $(CC) -E -x c - 2>&1 >/dev/null | grep -v '^ ' >$@.log; \
	if test -s $@.log; then \
	    sed 's/^/  /' $@.log | head -n 3 >&2; \
	    echo 'A compiler or a library is missing (above). Run: make deps$(if \
	        $(filter fuzz,$(GOALS)), DEPS=fuzz)' >&2; \
	    exit 1; \
	fi
	@touch $@

$(UNIT_OBJS) $(INTEG_OBJS): | $(BUILD)/.have-criterion

.PHONY: deps
deps: ## install what building and testing need (DEPS="check bench fuzz": other groups)
	@scripts/install-deps $(DEPS)

.PHONY: run
run: $(BUILD)/remuda ## install, build, serve config/remuda.yaml on http://localhost:8080/
	@echo 'Serving config/remuda.yaml on http://localhost:8080/ (Ctrl-C stops it)'
	@exec $(BUILD)/remuda -c config/remuda.yaml

TEST_BINARIES := $(if $(filter test coverage unit-test,$(GOALS)),$(BUILD)/unit-tests) \
                 $(if $(filter test coverage integration-test,$(GOALS)),$(BUILD)/integration-tests)
$(BUILD)/.run-tests coverage: $(if $(filter %/integration-tests,$(TEST_BINARIES)),$(BUILD)/remuda)
# Every suite runs, also after a failed one, so that one run shows all that is wrong. A test that
# hangs fails after two minutes. Criterion that finds no tests (without /proc, for one) calls that a
# success; we do not.
define run_tests
@rm -rf $(REPORTS) && mkdir -p $(REPORTS); failed=; for suite in $(TEST_BINARIES); do \
    echo "$${suite##*/}:"; \
    "$$suite" --list | grep -q . || { echo 'found no tests' >&2; failed="$$failed $${suite##*/}"; }; \
    REMUDA=$(BUILD)/remuda $(TEST_ENV) \
        "$$suite" --timeout 120 $(if $(T),--filter '$(T)') || failed="$$failed $${suite##*/}"; \
done; \
if cat $(REPORTS)/* 2>/dev/null | grep -v $(NO_FINDING) >&2; then failed="$$failed sanitizers"; fi; \
test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }
endef
# Criterion forgets how its children exit, and a server's last words may be read by nobody: what a
# sanitizer finds goes to files, and a file fails the run.
REPORTS  := $(BUILD)/reports
# A child of a process with threads has none of them, but LeakSanitizer looks for them in it.
NO_FINDING := 'Running thread [0-9]* was not suspended\|Unable to get registers from thread'
TEST_ENV := $(if $(SANITIZE),ASAN_OPTIONS="$$ASAN_OPTIONS:log_path=$(CURDIR)/$(REPORTS)/asan" \
            UBSAN_OPTIONS="$$UBSAN_OPTIONS:log_path=$(CURDIR)/$(REPORTS)/ubsan" \
            LSAN_OPTIONS="suppressions=$(CURDIR)/tests/leaks-of-others:print_suppressions=0")

# Asked for together, these are one run: `make -j2 unit-test integration-test` prints no salad.
.PHONY: test unit-test integration-test
test: ## install, build, run every test (T='suite/test*' picks; SANITIZE=address,undefined)
unit-test: ## the unit tests alone; installs nothing
integration-test: ## the tests that start the real server; installs nothing
test unit-test integration-test: $(BUILD)/.run-tests
	@:

.PHONY: $(BUILD)/.run-tests
$(BUILD)/.run-tests: $(TEST_BINARIES)
	$(run_tests)

.PHONY: check-budgets
check-budgets: $(BUILD)/remuda ## system calls and instructions of a request, against their limits
	@python3 -B -m doctest tests/budgets/tools.py
	@tests/budgets/check $(BUILD)/remuda

# Python's own test runner; what a shell or a tool that is not there would show is skipped.
.PHONY: check-packaging
check-packaging: $(BUILD)/remuda ## make install, manuals, completions, migration, container image
	@cd tests/packaging && REMUDA=$(CURDIR)/$(BUILD)/remuda python3 -B -m unittest

.PHONY: coverage
coverage: $(TEST_BINARIES) ## lines that the tests reach, file by file
	@find $(BUILD) -name '*.gcda' -delete
	$(run_tests)
	@scripts/coverage $(BUILD) $(SRCS)

.PHONY: fuzz
fuzz: $(FUZZERS) ## each tests/fuzz/fuzz_*.c for FUZZ_SECONDS (30), under clang's sanitizers
	@set -e; for fuzzer in $^; do \
	    name=$${fuzzer##*/fuzz_}; corpus=$(BUILD)/corpus/$$name; seeds=tests/fuzz/seeds/$$name; \
	    mkdir -p "$$corpus"; test -d "$$seeds" || seeds=; \
	    echo "fuzz_$$name, $(FUZZ_SECONDS) s:"; \
	    "$$fuzzer" -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 \
	        -artifact_prefix="$(BUILD)/" "$$corpus" $$seeds; \
	done

.PHONY: bench
bench: $(BUILD)/remuda $(BUILD)/floor $(BUILD)/load ## install, build, measure beside nginx, peers and a floor
	@bench/run $(BUILD)/remuda --tools $(BUILD)

.PHONY: facts
facts: $(BUILD)/remuda $(BUILD)/load ## start, memory, idle, neighbours, balance, beside nginx
	@bench/facts $(BUILD)/remuda --load $(BUILD)/load

.PHONY: format format-check
format: ## lay out every C file
	@clang-format -i $(C_FILES)
format-check: ## fail where `make format` would change a file
	@clang-format --dry-run -Werror $(C_FILES)

# A stamp for each file: -j works, and a second run looks only at what changed.
TIDY     := $(SRCS:%.c=$(BUILD)/lint/%.tidy)
$(BUILD)/lint/%.tidy: %.c .clang-tidy $(HEADERS) | $(BUILD)/.have-libraries
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(CPPFLAGS) $(WARN) >$@.log 2>&1 || { cat $@.log; exit 1; }
	@touch $@

# Suppressed: what it gets wrong where an array is filled by the call beside it, and where a pointer
# to a literal's end is moved back at once. The compiler and the sanitizers look at both.
.PHONY: cppcheck
cppcheck:
	@mkdir -p $(BUILD)/lint
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --suppress=missingIncludeSystem --suppress=legacyUninitvar \
	    --suppress=pointerOutOfBoundsCond --cppcheck-build-dir=$(BUILD)/lint \
	    $(CPPFLAGS) $(SRCS)

.PHONY: lint
lint: $(TIDY) cppcheck ## clang-tidy and cppcheck; silent when there is nothing to say

.PHONY: check-layers check-headers
check-layers: ## includes go one way: common <- config <- worker <- master
	@scripts/check-layers $(LAYERS)
check-headers: | $(BUILD)/.have-libraries $(BUILD)/.have-criterion ## each header compiles alone
	@scripts/check-headers $(HEADERS) -- $(CC) $(CPPFLAGS) $(WARN)

SBINDIR  := $(PREFIX)/sbin
BINDIR   := $(PREFIX)/bin
SHAREDIR := $(PREFIX)/share/remuda
CONFDIR  := $(SYSCONFDIR)/remuda
MANDIR   := $(PREFIX)/share/man
BASHDIR  ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR   ?= $(PREFIX)/share/zsh/site-functions
# The paths of this installation, where what is installed names those of the default ones.
PATHS    := -e 's|/usr/local/sbin/remuda|$(SBINDIR)/remuda|g' -e 's|/etc/remuda/|$(CONFDIR)/|g' \
            -e 's|/usr/share/remuda/|$(SHAREDIR)/|g'
DOCROOT  := $(patsubst config/www/%,%,$(shell find config/www -type f))

.PHONY: install
install: $(BUILD)/remuda ## into $(DESTDIR)$(PREFIX); an existing config is left alone
	install -D -m 755 $(BUILD)/remuda $(DESTDIR)$(SBINDIR)/remuda
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(CONFDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(MANDIR)/man8
	sed $(PATHS) scripts/remudactl >$(DESTDIR)$(BINDIR)/remudactl
	chmod 755 $(DESTDIR)$(BINDIR)/remudactl
	install -D -m 644 config/full.yaml $(DESTDIR)$(SHAREDIR)/full.yaml
	install -D -m 644 scripts/remuda.yaml.5 $(DESTDIR)$(MANDIR)/man5/remuda.yaml.5
	@set -e; for page in remuda.8 remudactl.8; do \
	    sed $(PATHS) scripts/$$page >$(DESTDIR)$(MANDIR)/man8/$$page; \
	    chmod 644 $(DESTDIR)$(MANDIR)/man8/$$page; \
	done
	install -D -m 644 scripts/completions/remuda.bash $(DESTDIR)$(BASHDIR)/remuda
	ln -sf remuda $(DESTDIR)$(BASHDIR)/remudactl
	install -D -m 644 scripts/completions/_remuda $(DESTDIR)$(ZSHDIR)/_remuda
	@set -e; for file in $(DOCROOT); do \
	    install -D -m 644 "config/www/$$file" "$(DESTDIR)$(SHAREDIR)/www/$$file"; \
	done
	@scripts/install-config config/remuda.yaml $(DESTDIR)$(CONFDIR)/remuda.yaml $(SHAREDIR)/www
	sed $(PATHS) scripts/remuda.service >$(DESTDIR)$(UNITDIR)/remuda.service
	chmod 644 $(DESTDIR)$(UNITDIR)/remuda.service

.PHONY: uninstall
uninstall: ## remove what install put there, except the config
	rm -f $(DESTDIR)$(SBINDIR)/remuda $(DESTDIR)$(BINDIR)/remudactl
	rm -f $(DESTDIR)$(UNITDIR)/remuda.service $(DESTDIR)$(MANDIR)/man5/remuda.yaml.5
	rm -f $(DESTDIR)$(MANDIR)/man8/remuda.8 $(DESTDIR)$(MANDIR)/man8/remudactl.8
	rm -f $(DESTDIR)$(BASHDIR)/remuda $(DESTDIR)$(BASHDIR)/remudactl $(DESTDIR)$(ZSHDIR)/_remuda
	rm -rf $(DESTDIR)$(SHAREDIR)
	@echo 'Your config stays in $(DESTDIR)$(CONFDIR)'

.PHONY: deb check-deb
deb: $(DEPS_FIRST) ## install what it takes, build build/deb/*.deb, and ask lintian
	@scripts/make-deb $(VERSION) build/deb
check-deb: deb ## install, start, upgrade and purge it in a scratch Debian (root)
	@scripts/check-deb build/deb

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  V=1 shows the commands; WERROR=1 makes warnings errors; -j2 is safe'

-include $(OBJS:.o=.d)
