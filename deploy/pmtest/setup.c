/* deploy/pmtest/setup.c - the configuration of a test, see box.h */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/plan.h"
#include "deploy/pmtest/box.h"
#include "shm/keeper_pms.h"

#define DAY_MS (24u * 3600 * 1000)

/* A configuration with the module alone, for all traffic. */
static char *plain_config(const struct pmtest_setup *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		abort();
	fprintf(f, "version: 1\nlimits: { idle: 24h, handshake: 1h, closing: 1h }\n"
		   "pipelines:\n  - name: test\n    stages:\n      - pm: %s\n", s->name);
	if (s->module[0])
		fprintf(f, "        file: \"%s\"\n", s->module);
	fclose(f);
	return text;
}

static struct fos_config_pm *module_of(struct fos_config *cfg, const struct pmtest_setup *s,
				       const char *name, size_t len)
{
	for (uint32_t i = 0; i < cfg->pms_nr; i++)
		if (strlen(cfg->pms[i].name) == len && !strncmp(cfg->pms[i].name, name, len))
			return &cfg->pms[i];
	return len == 0 ? module_of(cfg, s, s->name, strlen(s->name)) : NULL;
}

static struct fos_config_option *option_of(struct fos_config_pm *pm, const char *key, size_t len)
{
	struct fos_config_option *grown;

	for (uint32_t i = 0; i < pm->options_nr; i++)
		if (strlen(pm->options[i].key) == len && !strncmp(pm->options[i].key, key, len))
			return &pm->options[i];
	grown = realloc(pm->options, (pm->options_nr + 1) * sizeof(*grown));
	if (!grown)
		abort();
	pm->options = grown;
	grown = &grown[pm->options_nr++];
	memset(grown, 0, sizeof(*grown));
	grown->key = strndup(key, len);
	return grown;
}

/* [INSTANCE.]KEY=VALUE; the first of a key replaces what the configuration says, more are added. */
static int set_option(struct fos_config *cfg, const struct pmtest_setup *s, uint32_t nr)
{
	const char *text = s->option[nr], *eq = strchr(text, '='), *dot = strchr(text, '.');
	struct fos_config_pm *pm;
	struct fos_config_option *o;
	size_t len;

	if (!eq || eq == text) {
		fprintf(stderr, "flowosctl: '%s' is not KEY=VALUE\n", text);
		return -1;
	}
	dot = dot && dot < eq ? dot : NULL;
	pm = module_of(cfg, s, text, dot ? (size_t)(dot - text) : 0);
	if (!pm) {
		fprintf(stderr, "flowosctl: '%s': there is no such module in the configuration\n",
			text);
		return -1;
	}
	text = dot ? dot + 1 : text;
	len = (size_t)(eq - text);
	o = option_of(pm, text, len);
	for (uint32_t i = 0; i < nr; i++)
		if (!strncmp(s->option[i], s->option[nr], (size_t)(eq + 1 - s->option[nr])))
			goto add;
	for (uint32_t i = 0; i < o->values_nr; i++)
		free(o->values[i]);
	o->values_nr = 0;
add:
	o->values = realloc(o->values, (o->values_nr + 1) * sizeof(*o->values));
	o->value_where = realloc(o->value_where, (o->values_nr + 1) * sizeof(*o->value_where));
	if (!o->values || !o->value_where)
		abort();
	o->values[o->values_nr] = strdup(eq + 1);
	o->value_where[o->values_nr++] = o->where;
	return 0;
}

/* What the option `file` names is written into our own directory. */
static void redirect(const struct pmtest_setup *s, const char *pm, struct fos_config_option *o)
{
	for (uint32_t i = 0; i < o->values_nr; i++) {
		free(o->values[i]);
		if (asprintf(&o->values[i], "%s/%s.%u.out", s->dir, pm, i) < 0)
			abort();
	}
}

/* The file under test for its instance, and its options. */
static int adapt(struct fos_config *cfg, struct pmtest_setup *s)
{
	struct fos_config_pm *pm = module_of(cfg, s, s->name, strlen(s->name));

	if (!pm) {
		fprintf(stderr, "flowosctl: %s has no module '%s'\n", s->config, s->name);
		return -1;
	}
	if (s->module[0]) {
		free(pm->file);
		pm->file = strdup(s->module);
	}
	for (uint32_t i = 0; i < cfg->pms_nr; i++)
		for (uint32_t k = 0; k < cfg->pms[i].options_nr; k++)
			if (strcmp(cfg->pms[i].options[k].key, "file") == 0)
				redirect(s, cfg->pms[i].name, &cfg->pms[i].options[k]);
	for (uint32_t i = 0; i < s->nr_options; i++)
		if (set_option(cfg, s, i) < 0)
			return -1;
	return 0;
}

static int compile(struct fos_config *cfg, struct fos_keeper_pms *pms, struct pmtest_setup *s)
{
	struct fos_plan plan = {.input = "capture"};
	char err[256], *text;
	int rc;

	fos_config_init(cfg, stderr);
	if (s->config) {
		rc = fos_config_load(cfg, s->config);
	} else {
		text = plain_config(s);
		rc = fos_config_load_memory(cfg, s->module[0] ? s->module : s->name, text,
					    strlen(text));
		free(text);
	}
	if (rc == 0)
		rc = fos_config_check(cfg);
	if (rc == 0)
		rc = adapt(cfg, s);
	fos_keeper_pms_init(pms, cfg);
	if (rc == 0)
		rc = fos_config_check_pms(cfg, &pms->catalogue, NULL);
	if (rc < 0)
		return rc;
	/* what a recording shows belongs together however long it pauses */
	cfg->idle_ms = cfg->handshake_ms = cfg->closing_ms = DAY_MS;
	cfg->flows = cfg->flows > 16384 ? 16384 : cfg->flows;
	cfg->edits = cfg->edits > 16384 ? 16384 : cfg->edits;
	plan.pm = pms->file;
	plan.pm_path = (const char *const *)pms->path;
	rc = fos_plan_compile(cfg, &plan, s->draft, err, sizeof(err));
	if (rc < 0)
		fprintf(stderr, "flowosctl: %s\n", err);
	return rc;
}

int pmtest_setup_make(struct pmtest_setup *s)
{
	struct fos_config *cfg = calloc(1, sizeof(*cfg));
	struct fos_keeper_pms *pms = calloc(1, sizeof(*pms));
	int rc;

	s->draft = calloc(1, sizeof(*s->draft));
	if (!cfg || !pms || !s->draft)
		abort();
	rc = compile(cfg, pms, s);
	/* nor does a module wait less long because packets came quickly */
	for (uint32_t i = 0; i < s->draft->nr_pms; i++)
		s->draft->pm[i].hold_ns = 0;
	fos_keeper_pms_free(pms);
	fos_config_free(cfg);
	free(pms);
	free(cfg);
	return rc < 0 ? -1 : 0;
}

void pmtest_setup_free(struct pmtest_setup *s)
{
	free(s->draft);
	s->draft = NULL;
}
