/* pmhost/load.c - loading a module, see load.h
 *
 * The constants are read from the file before any of its code runs, so that a module of another
 * ABI, or one that was rebuilt with other sizes since the regions were laid out, is refused with
 * a sentence instead of a crash.
 */
#include "pmhost/load.h"

#include <dlfcn.h>
#include <errno.h>

#include "pmhost/host.h"

/* Modules find the calls of pm.h in the program; one of each file that nothing else refers to
 * brings them into a program that links this library as an archive. */
static void (*const volatile calls[])(void) = {
	(void (*)(void))fos_find, (void (*)(void))fos_flow, (void (*)(void))fos_attribute};

static int differs(const struct fos_instance *pm, const char *path, const char *what)
{
	fos_log(FOS_LOG_ERROR,
		"%s: the module %s has another %s than when this box was configured: stop the box "
		"and run it again",
		pm->d->name, path, what);
	return -ESTALE;
}

/* The region was laid out by what the keeper read from the same file. */
static int check(const struct fos_instance *pm, const char *path, const struct fos_pmfile *f)
{
	const struct fos_dir_pm *d = pm->d;

	if (f->stream != d->stream)
		return differs(pm, path, "stream");
	if (f->ctx_size > d->ctx_size)
		return differs(pm, path, "ctx_size");
	if (f->state_size > d->state_size)
		return differs(pm, path, "state_size");
	if (f->edits != (d->edits != 0) || f->rewrites != (d->rewrites != 0))
		return differs(pm, path, "set of flags");
	if (f->gates != (d->gates != 0))
		return differs(pm, path, "set of hooks (on_open)");
	return 0;
}

int fos_load(struct fos_instance *pm)
{
	const char *path = fos_dir_string(pm->dir, pm->d->file_off);
	struct fos_pmfile f;
	char err[512];
	int rc;

	if (pm->module)
		return 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!calls[i])
			return -ENOEXEC;
	rc = fos_pmfile_read(path, &f, err, sizeof(err));
	if (rc < 0) {
		fos_log(FOS_LOG_ERROR, "%s: %s", pm->d->name, err);
		return rc;
	}
	rc = check(pm, path, &f);
	if (rc < 0)
		return rc;
	pm->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!pm->library) {
		fos_log(FOS_LOG_ERROR, "%s: cannot load the module: %s", pm->d->name, dlerror());
		return -ENOEXEC;
	}
	pm->module = dlsym(pm->library, "fos_pm_module");
	if (!pm->module || pm->module->abi != FOS_PM_ABI || pm->module->size < sizeof(struct fos_pm)) {
		fos_log(FOS_LOG_ERROR, "%s: %s defines no module of PM ABI %u (FOS_PM())",
			pm->d->name, path, FOS_PM_ABI);
		fos_unload(pm);
		return -ENOEXEC;
	}
	return 0;
}

void fos_unload(struct fos_instance *pm)
{
	if (!pm->library)
		return;
	dlclose(pm->library);
	pm->library = NULL;
	pm->module = NULL;
}
