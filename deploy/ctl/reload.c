/* reload.c - flowosctl reload: a PM's options again from the configuration file, under traffic
 *
 * The keeper writes them beside those in use; then the PM's processes are replaced one by one, as by
 * `restart`: flows, contexts and PM-wide state stay.  When init() refuses, the ones before are put back.
 * Without a name it is every PM whose options are others than those in use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/plan.h"
#include "deploy/ctl/restart.h"
#include "shm/proc.h"

static const char synopsis[] = "reload [pm/NAME] [FILE] [--run-dir DIR]";

/* The configuration of the box, loaded and checked here as well: its errors have place and source line. */
static int load(struct fos_job *j, struct fos_config *cfg, char file[PATH_MAX])
{
	json_t *answer = fos_ctl_ask(j->socket, "{\"cmd\":\"status\"}");
	const char *name = json_string_value(json_object_get(answer, "file"));

	snprintf(file, PATH_MAX, "%s", name ? name : "");
	json_decref(answer);
	if (!file[0])
		return fos_ctl_fail("the keeper does not answer");
	fos_config_init(cfg, stderr);
	if (fos_config_load(cfg, file) == 0 && fos_config_check(cfg) == 0)
		return FOS_EXIT_OK;
	return fos_ctl_fail("%s has errors, see above: the options in use stay", file);
}

/* What else of it has changed is not taken up: say so. */
static void note_others(const struct fos_dir *dir, struct fos_config *cfg, uint32_t pm)
{
	const struct fos_config_pm *c = &cfg->pms[pm];

	for (uint32_t i = 0; i < dir->nr_pms; i++) {
		const struct fos_dir_pm *d = &dir->pm[i];

		if (strcmp(d->name, c->name) != 0)
			continue;
		if (d->hold_bytes != c->hold_bytes || d->hold_ns != c->hold_time_ms * 1000000ull)
			fos_config_warn(cfg, c->hold_where, "hold of %s has changed, too: that takes "
					"a new box", c->name);
		if ((d->direction == FOS_DIR_BOTH) != (c->direction == FOS_CONFIG_DIRECTION_BOTH))
			fos_config_warn(cfg, c->direction_where, "direction of %s has changed, too: "
					"that takes a new box", c->name);
	}
}

static int replace(struct fos_job *j, struct fos_config *cfg, const char *word, uint32_t pm)
{
	const struct fos_config_pm *c = &cfg->pms[pm];
	int rc = fos_job_ask(j, json_pack("{s:s,s:s}", "cmd", "options", "pm", c->name));

	if (rc != FOS_EXIT_OK)
		return rc;
	if (fos_job_restart(j, word, true) == FOS_EXIT_OK) {
		printf("%s has the options of %s:%d\n", word, cfg->file, c->where.line);
		return FOS_EXIT_OK;
	}
	fos_config_error(cfg, c->options_nr ? c->options[0].where : c->where,
			 "%s does not work with these options, see the log of the supervisor", word);
	rc = fos_job_ask(j, json_pack("{s:s,s:s,s:b}", "cmd", "options", "pm", c->name, "undo", 1));
	if (rc == FOS_EXIT_OK && fos_job_restart(j, word, true) == FOS_EXIT_OK)
		return fos_ctl_fail("%s has the options again that it had before", word);
	return fos_ctl_fail("%s works neither with these options nor any more with those before", word);
}

/* Are the options that the file has those in use? */
static bool same(const struct fos_dir *dir, uint32_t pm, const struct fos_config_pm *c)
{
	static char bytes[FOS_DIR_STRINGS];
	int n = fos_plan_options(c, bytes, sizeof(bytes));
	uint32_t off = fos_acquire32(&dir->pm[pm].options_off);

	if (n <= 1 || off == 0)
		return n <= 1 && (off == 0 || !*fos_dir_string(dir, off));
	return off < FOS_DIR_STRINGS && (uint32_t)n <= FOS_DIR_STRINGS - off &&
	       !memcmp(dir->strings + off, bytes, (size_t)n);
}

static int reload_all(struct fos_job *j)
{
	const struct fos_dir *dir = j->view.dir;
	struct fos_config *cfg = calloc(1, sizeof(*cfg));
	char file[PATH_MAX], word[FOS_NAME_MAX + 4];
	int rc = cfg ? load(j, cfg, file) : FOS_EXIT_FAILED;
	uint32_t n = 0;

	for (uint32_t i = 0; rc == FOS_EXIT_OK && i < dir->nr_pms; i++) {
		int pm = fos_config_find_pm(cfg, dir->pm[i].name);

		if (pm < 0 || same(dir, i, &cfg->pms[pm]))
			continue;
		snprintf(word, sizeof(word), "pm/%s", dir->pm[i].name);
		note_others(dir, cfg, (uint32_t)pm);
		rc = replace(j, cfg, word, (uint32_t)pm);
		n++;
	}
	if (rc == FOS_EXIT_OK && n == 0)
		printf("%s: every PM has these options already\n", file);
	if (cfg)
		fos_config_free(cfg);
	free(cfg);
	return rc;
}

static int reload(struct fos_job *j, const char *word)
{
	struct fos_config *cfg = calloc(1, sizeof(*cfg));
	char file[PATH_MAX];
	int rc = cfg ? load(j, cfg, file) : FOS_EXIT_FAILED, pm;

	if (rc == FOS_EXIT_OK) {
		pm = fos_config_find_pm(cfg, word + 3);
		if (pm < 0) {
			rc = fos_ctl_fail("%s has no PM %s", file, word + 3);
		} else {
			note_others(j->view.dir, cfg, (uint32_t)pm);
			rc = replace(j, cfg, word, (uint32_t)pm);
		}
	}
	if (cfg)
		fos_config_free(cfg);
	free(cfg);
	return rc;
}

int fos_ctl_reload(int argc, char **argv)
{
	struct fos_ctl_where w;
	struct fos_job j;
	int rc = fos_ctl_where(&w, argc, argv, synopsis);

	if (rc >= 0)
		return rc;
	if (w.nr_rest > 1 || (w.nr_rest == 1 && strncmp(w.rest[0], "pm/", 3) != 0))
		return fos_ctl_misuse(synopsis, "a PM, pm/NAME, or none is named");
	rc = fos_job_open(&j, &w);
	if (rc != FOS_EXIT_OK)
		return rc;
	rc = w.nr_rest ? reload(&j, w.rest[0]) : reload_all(&j);
	fos_ctl_detach(&j.view);
	return rc;
}
