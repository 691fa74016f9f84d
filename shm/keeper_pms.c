/* shm/keeper_pms.c - see keeper_pms.h */
#define _GNU_SOURCE
#include "shm/keeper_pms.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".so"

static void add_dir(struct fos_keeper_pms *p, const char *dir, size_t len)
{
	char *copy;

	if (len == 0 || p->nr_dirs >= FOS_KEEPER_PM_DIRS)
		return;
	copy = strndup(dir, len);
	if (copy)
		p->dir[p->nr_dirs++] = copy;
}

static void add_beside(struct fos_keeper_pms *p, const char *rest)
{
	char exe[PATH_MAX], dir[PATH_MAX + 32], *real;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return;
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	snprintf(dir, sizeof(dir), "%s/%s", exe, rest);
	real = realpath(dir, NULL);
	if (real)
		add_dir(p, real, strlen(real));
	free(real);
}

static void find_dirs(struct fos_keeper_pms *p)
{
	const char *path = getenv("FLOWOS_PM_PATH");

	while (path && *path) {
		size_t n = strcspn(path, ":");

		add_dir(p, path, n);
		path += n + (path[n] == ':');
	}
	add_beside(p, "../pms");
	add_beside(p, "../lib/flowos/pm");
	add_dir(p, "/usr/lib/flowos/pm", strlen("/usr/lib/flowos/pm"));
}

static char *on_path(const struct fos_keeper_pms *p, const char *name)
{
	for (uint32_t i = 0; i < p->nr_dirs; i++) {
		char *path = NULL;

		if (asprintf(&path, "%s/%s" SUFFIX, p->dir[i], name) < 0)
			return NULL;
		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static void tell_dirs(const struct fos_keeper_pms *p, char *to, size_t size)
{
	size_t at = (size_t)snprintf(to, size, "looked in");

	for (uint32_t i = 0; i < p->nr_dirs && at < size; i++)
		at += (size_t)snprintf(to + at, size - at, "%s %s", i ? "," : "", p->dir[i]);
}

/* A file that is named relatively lies beside the configuration, wherever that was read from. */
static char *beside(const struct fos_config *cfg, const char *file)
{
	const char *slash = cfg->file ? strrchr(cfg->file, '/') : NULL;
	char *path = NULL;

	if (*file == '/' || !slash)
		return strdup(file);
	if (asprintf(&path, "%.*s/%s", (int)(slash - cfg->file), cfg->file, file) < 0)
		return NULL;
	return path;
}

static char *named(const struct fos_config *cfg, const char *file, struct fos_pm_info *info)
{
	char *path = beside(cfg, file), *real = path ? realpath(path, NULL) : NULL;

	if (!real && path && *file != '/')
		snprintf(info->error, sizeof(info->error), "looked for %s", path);
	free(path);
	return real;
}

static int lookup(void *arg, const struct fos_config_pm *pm, struct fos_pm_info *info)
{
	static const enum fos_pm_stream stream[] = {FOS_PM_STREAM_IP, FOS_PM_STREAM_TCP,
						    FOS_PM_STREAM_APP};
	struct fos_keeper_pms *p = arg;
	size_t i = (size_t)(pm - p->cfg->pms);
	struct fos_pmfile *f = &p->file[i];
	int rc;

	free(p->path[i]);
	p->path[i] = pm->file ? named(p->cfg, pm->file, info) : on_path(p, pm->name);
	if (!p->path[i] && pm->file)
		return -ENOENT;
	if (!p->path[i]) {
		tell_dirs(p, info->error, sizeof(info->error));
		return -ENOENT;
	}
	info->path = p->path[i];
	rc = fos_pmfile_read(p->path[i], f, info->error, sizeof(info->error));
	if (rc < 0)
		return 0; /* found, and error says what is wrong with it */
	info->stream = stream[f->stream];
	info->edits = f->edits;
	info->gates = f->gates;
	info->rewrites = f->rewrites;
	info->http = f->http;
	info->module = f->name;
	info->imports = f->links.imports;
	info->exports = f->links.exports;
	info->after = f->links.after;
	info->before = f->links.before;
	return 0;
}

static void add_names(struct fos_keeper_pms *p, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);
		char **grown;

		if (n <= strlen(SUFFIX) || strcmp(e->d_name + n - strlen(SUFFIX), SUFFIX) != 0)
			continue;
		grown = realloc(p->name, (p->nr_names + 1) * sizeof(*grown));
		if (!grown)
			break;
		p->name = grown;
		p->name[p->nr_names] = strndup(e->d_name, n - strlen(SUFFIX));
		if (p->name[p->nr_names])
			p->nr_names++;
	}
	if (d)
		closedir(d);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *name_of(void *arg, uint32_t i)
{
	const struct fos_keeper_pms *p = arg;

	return i < p->nr_names ? p->name[i] : NULL;
}

void fos_keeper_pms_init(struct fos_keeper_pms *p, const struct fos_config *cfg)
{
	memset(p, 0, sizeof(*p));
	p->cfg = cfg;
	find_dirs(p);
	for (uint32_t i = 0; i < p->nr_dirs; i++)
		add_names(p, p->dir[i]);
	if (p->nr_names > 1)
		qsort(p->name, p->nr_names, sizeof(*p->name), by_text);
	p->catalogue = (struct fos_pm_catalogue){.arg = p, .lookup = lookup, .name = name_of};
}

void fos_keeper_pms_free(struct fos_keeper_pms *p)
{
	for (uint32_t i = 0; i < FOS_CONFIG_PMS_MAX; i++)
		free(p->path[i]);
	for (uint32_t i = 0; i < p->nr_dirs; i++)
		free(p->dir[i]);
	for (uint32_t i = 0; i < p->nr_names; i++)
		free(p->name[i]);
	free(p->name);
}
