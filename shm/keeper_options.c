/* shm/keeper_options.c - a PM's options again from the configuration file, while the box runs
 *
 * Options are text in the read-only directory; a module reads them in init() and may keep pointers to
 * them for its life.  So new ones never overwrite those in use: each PM has two places, and the one that
 * is free is the one that no process of the PM has seen since it was started last.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/plan.h"
#include "shm/build.h"
#include "shm/keeper.h"

uint32_t fos_keeper_string(struct fos_keeper *k, const void *bytes, size_t len, size_t room)
{
	uint32_t used = FOS_DIR_STRINGS, off;

	while (used > 0 && k->dir->strings[used - 1] == 0)
		used--;
	used += 16; /* the last one's end, and lists that are empty */
	if (used < k->strings_used)
		used = k->strings_used;
	room = room > len ? room : len;
	if (used >= FOS_DIR_STRINGS || room > FOS_DIR_STRINGS - used)
		return 0;
	k->strings_used = used + (uint32_t)room;
	off = fos_build_string(k->dir, bytes, len, &used);
	return off;
}

static uint32_t length(const struct fos_dir *dir, uint32_t off)
{
	const char *at = dir->strings + off, *end = dir->strings + FOS_DIR_STRINGS;

	while (off && at < end && *at)
		at += strnlen(at, (size_t)(end - at)) + 1;
	return off ? (uint32_t)(at + 1 - (dir->strings + off)) : 0;
}

/* Has every process of the PM been started since its options were changed? */
static bool settled(struct fos_keeper *k, uint32_t pm)
{
	const struct fos_keeper_options *o = &k->options[pm];

	for (uint32_t i = 0; i < k->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &k->dir->proc[i];

		if (p->role == FOS_ROLE_PM && p->index == pm && o->changed &&
		    p->lease.generation == o->generation[p->lane])
			return false;
	}
	return true;
}

static void note_lives(struct fos_keeper *k, uint32_t pm)
{
	for (uint32_t i = 0; i < k->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &k->dir->proc[i];

		if (p->role == FOS_ROLE_PM && p->index == pm)
			k->options[pm].generation[p->lane] = p->lease.generation;
	}
	k->options[pm].changed = true;
}

static void swap(struct fos_keeper *k, uint32_t pm)
{
	struct fos_keeper_options *o = &k->options[pm];
	uint32_t off = o->off[0], size = o->size[0];

	o->off[0] = o->off[1];
	o->size[0] = o->size[1];
	o->off[1] = off;
	o->size[1] = size;
	/* pairs with nothing but the order of a later start: the text is there */
	fos_release32(&k->dir->pm[pm].options_off, o->off[0]);
	note_lives(k, pm);
}

static int put(struct fos_keeper *k, uint32_t pm, const char *bytes, uint32_t len)
{
	struct fos_keeper_options *o = &k->options[pm];

	o->off[0] = k->dir->pm[pm].options_off;
	if (o->size[0] == 0)
		o->size[0] = length(k->dir, o->off[0]);
	if (o->size[1] < len) {
		/* somewhat larger: the next list is likely to be */
		o->off[1] = fos_keeper_string(k, bytes, len, len + len / 2);
		o->size[1] = o->off[1] ? len + len / 2 : 0;
		if (o->off[1] == 0)
			return -ENOSPC;
	} else {
		memset(k->dir->strings + o->off[1], 0, o->size[1]);
		memcpy(k->dir->strings + o->off[1], bytes, len);
	}
	swap(k, pm);
	return 0;
}

static int read_file(struct fos_keeper *k, struct fos_config *cfg, char *err, size_t err_size)
{
	char *text = NULL;
	size_t len = 0;
	FILE *report = open_memstream(&text, &len);
	int rc = -ENOMEM;

	if (!report)
		return rc;
	fos_config_init(cfg, report);
	rc = fos_config_load(cfg, k->file);
	if (rc == 0)
		rc = fos_config_check(cfg);
	cfg->report = NULL;
	fclose(report);
	if (rc < 0)
		snprintf(err, err_size, "%s", text ? text : "no memory");
	free(text);
	return rc;
}

static int reload(struct fos_keeper *k, uint32_t pm, char *err, size_t err_size)
{
	static char bytes[FOS_DIR_STRINGS];
	struct fos_config *cfg = calloc(1, sizeof(*cfg));
	int i, rc = cfg ? read_file(k, cfg, err, err_size) : -ENOMEM;

	if (rc == 0) {
		i = fos_config_find_pm(cfg, k->dir->pm[pm].name);
		if (i < 0) {
			snprintf(err, err_size, "%s has no PM %s any more", k->file,
				 k->dir->pm[pm].name);
			rc = -ENOENT;
		} else {
			rc = fos_plan_options(&cfg->pms[i], bytes, sizeof(bytes));
		}
	}
	if (rc > 0)
		rc = put(k, pm, bytes, (uint32_t)rc);
	if (rc == -ENOSPC || rc == -E2BIG)
		snprintf(err, err_size, "no room for these options: start the box anew");
	if (cfg)
		fos_config_free(cfg);
	free(cfg);
	return rc;
}

int fos_keeper_reload(struct fos_keeper *k, const char *pm, bool undo, char *err, size_t err_size)
{
	uint32_t i;

	for (i = 0; i < k->dir->nr_pms && strcmp(k->dir->pm[i].name, pm) != 0; i++)
		continue;
	if (i == k->dir->nr_pms) {
		snprintf(err, err_size, "there is no PM %.31s in this box", pm);
		return -ENOENT;
	}
	if (undo && k->options[i].size[1] == 0) {
		snprintf(err, err_size, "the options of %.31s have not been changed", pm);
		return -ENOENT;
	}
	if (undo) {
		swap(k, i);
		/* no process lives on those that it refused */
		k->options[i].changed = false;
		return 0;
	}
	if (!settled(k, i)) {
		snprintf(err, err_size, "%.31s has not begun with the options of the reload before: "
			 "`flowosctl restart pm/%.31s`", pm, pm);
		return -EBUSY;
	}
	return reload(k, i, err, err_size);
}
