# Remuda's one Makefile. `make help` lists what people type; STYLE: no recursion, and each
# variant (SANITIZE=...) builds in a folder of its own.

CC       ?= gcc
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
SYSCONFDIR ?= $(PREFIX)/etc
DESTDIR  ?=

comma    := ,
BUILD    := build/$(or $(subst $(comma),-,$(SANITIZE)),plain)
VERSION  := 0.1.0
CPPFLAGS += -I. -D_GNU_SOURCE -MMD -MP -DREMUDA_VERSION='"$(VERSION)"' -DXXH_INLINE_ALL
WARN     := -std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
            -Wvla -Wno-unused-parameter
LIBS     := -lev -lyaml
ifdef SANITIZE
CFLAGS   += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS  += -fsanitize=$(SANITIZE)
endif
ifdef WERROR
WARN     += -Werror
endif

LAYERS   := common config worker master
SRCS     := $(wildcard $(addsuffix /*.c,$(LAYERS)))
LIB_SRCS := $(filter-out master/main.c,$(SRCS))
HEADERS  := $(wildcard $(addsuffix /*.h,$(LAYERS)) tests/*.h tests/*/*.h)
UNIT_SRCS := $(wildcard $(addsuffix /test_*.c,$(addprefix tests/,$(LAYERS))))
INTEG_SRCS := $(wildcard tests/integration/*.c)
LIB_OBJS := $(LIB_SRCS:%.c=$(BUILD)/%.o)
UNIT_OBJS := $(UNIT_SRCS:%.c=$(BUILD)/%.o)
INTEG_OBJS := $(INTEG_SRCS:%.c=$(BUILD)/%.o)
OBJS     := $(LIB_OBJS) $(BUILD)/master/main.o $(UNIT_OBJS) $(INTEG_OBJS)

say       = $(if $(V),,@echo '  $(1)	$(patsubst $(BUILD)/%,%,$@)';)

.PHONY: all
all: $(BUILD)/remuda

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(WARN) $(CFLAGS) -c -o $@ $<

$(BUILD)/libremuda.a: $(LIB_OBJS)
	$(call say,AR)rm -f $@ && ar rcs $@ $^

$(BUILD)/remuda: $(BUILD)/master/main.o $(BUILD)/libremuda.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/unit-tests: $(UNIT_OBJS) $(BUILD)/libremuda.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcriterion

$(BUILD)/integration-tests: $(INTEG_OBJS) $(BUILD)/libremuda.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcriterion

-include $(OBJS:.o=.d)
