/* The parser of ids: any text gives rules or one fault within the text; no rule has more than it may. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pms/lib/rules.c"
#include "pms/lib/rules_option.c"
#include "pms/lib/rules_term.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fos_flow_info f = {.proto = 6, .sport = 1, .dport = 80};
	struct fos_rules_fault fault = {0, 0, ""};
	struct fos_rules rules;
	bool good;

	memset(&rules, 0, sizeof(rules));
	fos_rules_var(&rules, "HOME_NET", "[10.0.0.0/8,!10.1.0.0/16]");
	fos_rules_var(&rules, "PORTS", "[80,8000:8080,$PORTS]");
	good = fos_rules_parse(&rules, (const char *)data, size, &fault);
	if (!good && (fault.line == 0 || fault.column == 0 || !fault.what[0]))
		abort();
	if (rules.nr > FOS_RULES_MAX)
		abort();
	for (unsigned i = 0; i < rules.nr; i++) {
		const struct fos_rule *r = &rules.rule[i];

		fos_rule_fits(r, &f);
		if (r->sid == 0 || r->nr_terms > FOS_RULE_TERMS || r->line == 0)
			abort();
		for (unsigned k = 0; k < r->nr_terms; k++)
			if (!r->term[k].regex || !*r->term[k].regex || r->term[k].line < r->line)
				abort();
	}
	fos_rules_free(&rules);
	return 0;
}
