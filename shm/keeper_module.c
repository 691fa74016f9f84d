/* shm/keeper_module.c - another file for a PM: the same instance, flows and contexts, from its next
 * start on */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shm/keeper.h"
#include "shm/pmfile.h"

static int check(const struct fos_dir_pm *pm, const char *path, char *err, size_t err_size)
{
	struct fos_pmfile f;
	const char *what;
	int rc = fos_pmfile_read(path, &f, err, err_size);

	if (rc < 0)
		return rc;
	what = fos_pmfile_misfit(&f, pm);
	if (!what)
		return 0;
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
	rc = path[0] == '/' ? check(&k->dir->pm[i], path, err, err_size) : -EINVAL;
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
