/* shm/keeper_module.c - another file for a PM: the same instance, flows and contexts, from its next
 * start on */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shm/box.h"
#include "shm/keeper.h"
#include "shm/pmfile.h"

/* Has it ever been in a stage?  Then flows may know it as it is. */
static bool placed(const struct fos_dir *dir, uint32_t pm)
{
	for (uint32_t i = 0; i < dir->nr_pipelines; i++)
		if (fos_dir_place(dir, i, pm) != FOS_NONE)
			return true;
	return false;
}

/* Room that nobody has used becomes what the module needs, where its region's layout does not differ. */
static void adapt(struct fos_dir_pm *pm, const struct fos_pmfile *f)
{
	uint8_t direction = pm->http ? pm->http_direction : pm->direction;

	pm->gates = f->gates;
	pm->http = f->http;
	pm->http_direction = f->http ? direction : 0;
	pm->direction = f->http ? FOS_DIR_BOTH : direction;
}

/* Topics are connected when the box is laid out: room cannot serve who needs one. */
static bool needs_topics(const struct fos_pmfile *f)
{
	const char *list = f->links.imports;
	struct fos_word w;

	while (fos_word_next(&list, &w) == 1)
		if (!w.optional)
			return true;
	return false;
}

static int check(struct fos_dir *dir, uint32_t i, const char *path, char *err, size_t err_size)
{
	struct fos_dir_pm fits = dir->pm[i], *pm = &dir->pm[i];
	struct fos_pmfile f;
	const char *what;
	int rc = fos_pmfile_read(path, &f, err, err_size);

	if (rc < 0)
		return rc;
	if (pm->room && !placed(dir, i))
		adapt(&fits, &f);
	what = pm->room && needs_topics(&f) ? "set of imports" : fos_pmfile_misfit(&f, &fits);
	if (!what) {
		*pm = fits;
		return 0;
	}
	snprintf(err, err_size, "%s has another %s than the module that %s runs: that takes a new "
		 "box (`flowosctl stop`, `flowosctl run`)", path, what, pm->name);
	return -EINVAL;
}

/* The path in the directory's blob, where it may be already. */
static uint32_t add_path(struct fos_keeper *k, const char *path)
{
	const struct fos_dir *dir = k->dir;

	for (uint32_t i = 0; i < dir->nr_pms; i++)
		if (strcmp(fos_dir_string(dir, dir->pm[i].file_off), path) == 0)
			return dir->pm[i].file_off;
	return fos_keeper_string(k, path, strlen(path) + 1, 0);
}

int fos_keeper_module(struct fos_keeper *k, const char *pm, const char *path, char *err,
		      size_t err_size)
{
	uint32_t i, off;
	int rc;

	for (i = 0; i < k->dir->nr_pms && strcmp(k->dir->pm[i].name, pm) != 0; i++)
		continue;
	if (i == k->dir->nr_pms) {
		snprintf(err, err_size, "there is no PM %.31s in this box", pm);
		return -ENOENT;
	}
	rc = path[0] == '/' ? check(k->dir, i, path, err, err_size) : -EINVAL;
	if (rc < 0) {
		if (path[0] != '/')
			snprintf(err, err_size, "%s is not an absolute path", path);
		return rc;
	}
	off = add_path(k, path);
	if (off == 0) {
		snprintf(err, err_size, "no room for one more path: start the box anew");
		return -ENOSPC;
	}
	/* pairs with the host's acquire: the string is there */
	fos_release32(&k->dir->pm[i].file_off, off);
	return 0;
}
