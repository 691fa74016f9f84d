/* pmhost/preopen.c - see preopen.h */
#include "pmhost/preopen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pmhost/host.h"

#define MOST 16

/* One process, one PM. */
static struct {
	char path[4096];
	int fd;
	bool writing;
} file[MOST];
static int nr_files;
static char module_path[64];

static void keep(const char *path, bool writing)
{
	int fd = writing ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) :
			   open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return; /* who wants it says why it cannot be had */
	if (nr_files == MOST || (!writing && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))) {
		close(fd);
		return;
	}
	snprintf(file[nr_files].path, sizeof(file[0].path), "%s", path);
	file[nr_files].writing = writing;
	file[nr_files++].fd = fd;
}

static void keep_output(const struct fos_instance *pm, const char *value)
{
	char name[4096];

	if (!strcmp(value, "-"))
		return;
	if (pm->box->lane > 0)
		snprintf(name, sizeof(name), "%s.%u", value, pm->box->lane);
	else
		snprintf(name, sizeof(name), "%s", value);
	keep(name, true);
}

void fos_preopen(struct fos_instance *pm)
{
	const char *key = fos_dir_string(pm->dir, pm->d->options_off);
	const char *end = pm->dir->strings + FOS_DIR_STRINGS;
	int fd;

	while (pm->d->options_off && key < end && *key) {
		const char *value = key + strlen(key) + 1;

		if (value >= end)
			break;
		if (!strcmp(key, "file"))
			keep_output(pm, value);
		else if (strchr(value, '/'))
			keep(value, false);
		key = value + strlen(value) + 1;
	}
	fd = open(fos_dir_string(pm->dir, fos_acquire32(&pm->d->file_off)), O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		snprintf(module_path, sizeof(module_path), "/proc/self/fd/%d", fd);
}

int fos_preopened(const char *path, bool writing)
{
	for (int i = 0; i < nr_files; i++)
		if (file[i].writing == writing && !strcmp(file[i].path, path))
			return fcntl(file[i].fd, F_DUPFD_CLOEXEC, 3);
	return -1;
}

const char *fos_preopened_module(const char *path)
{
	return module_path[0] ? module_path : path;
}
