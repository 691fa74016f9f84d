# pms/: each file is a module; here only what is special about one.
pms_digest_LIBS := -lcrypto
pms_balance_LIBS := -lm

# Modules that only the tests load.
TEST_PMS := $(patsubst tests/pm/%.c,$(B)/tests/pm/%.so,$(wildcard tests/pm/*.c))
unit: $(TEST_PMS)

$(B)/tests/pm/%.so: tests/pm/%.c pmhost/pm.h $(wildcard pmhost/pm_*.h) $(B)/.flags
	@mkdir -p $(@D)
	@echo "  PM      $@"
	@$(CC) $(FOS_CFLAGS) $(CPPFLAGS) $(CFLAGS) -fPIC $(FOS_LDFLAGS) $(LDFLAGS) -shared -o $@ $<
