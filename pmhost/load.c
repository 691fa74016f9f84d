/* pmhost/load.c - loading a module, see load.h
 *
 * The constants are read from the file before any of its code runs, so that a module of another
 * ABI, or one that was rebuilt with other sizes since the regions were laid out, is refused with
 * a sentence instead of a crash.
 */
#include "pmhost/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#include "pmhost/host.h"
#include "pmhost/preopen.h"

/* Modules find the calls of pm.h in the program; one of each file that nothing else refers to
 * brings them into a program that links this library as an archive. */
static void (*const volatile calls[])(void) = {
	(void (*)(void))fos_find, (void (*)(void))fos_flow, (void (*)(void))fos_attribute,
	(void (*)(void))fos_entries};

static int differs(const struct fos_instance *pm, const char *path, const char *what)
{
	fos_log(FOS_LOG_ERROR,
		"%s: the module %s has another %s than when this box was configured: stop the box "
		"and run it again",
		pm->d->name, path, what);
	return -ESTALE;
}

static void *open_module(const char *path, const struct fos_pm **module, char *err, size_t err_size)
{
	void *library = dlopen(fos_preopened_module(path), RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		snprintf(err, err_size, "cannot load the module: %s", dlerror());
		return NULL;
	}
	*module = dlsym(library, "fos_pm_module");
	if (*module && (*module)->abi == FOS_PM_ABI && (*module)->size >= sizeof(struct fos_pm))
		return library;
	snprintf(err, err_size, "%s defines no module of PM ABI %u (FOS_PM())", path, FOS_PM_ABI);
	dlclose(library);
	return NULL;
}

int fos_load_try(const char *path)
{
	const struct fos_pm *module;
	struct fos_pmfile f;
	char err[512];
	void *library = NULL;

	if (fos_pmfile_read(path, &f, err, sizeof(err)) < 0)
		fos_log(FOS_LOG_ERROR, "%s", err);
	else if (f.program)
		fos_log(FOS_LOG_ERROR, "%s is a program of its own: put it in the place of the old file, "
				       "and `flowosctl restart`", path);
	else if (!(library = open_module(path, &module, err, sizeof(err))))
		fos_log(FOS_LOG_ERROR, "%s", err);
	if (library)
		dlclose(library);
	return library ? 0 : -ENOEXEC;
}

int fos_load(struct fos_instance *pm)
{
	/* acquire: pairs with the keeper's release when it names another file */
	const char *path = fos_dir_string(pm->dir, fos_acquire32(&pm->d->file_off)), *what;
	struct fos_pmfile f;
	char err[512];
	int rc;

	if (pm->module && !pm->program)
		return 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!calls[i])
			return -ENOEXEC;
	rc = fos_pmfile_read(fos_preopened_module(path), &f, err, sizeof(err));
	if (rc < 0) {
		fos_log(FOS_LOG_ERROR, "%s: %s", pm->d->name, err);
		return rc;
	}
	what = fos_pmfile_misfit(&f, pm->d);
	if (what)
		return differs(pm, path, what);
	if (f.program != pm->program) {
		fos_log(FOS_LOG_ERROR, "%s: %s is %s now: stop the box and run it again", pm->d->name,
			path, f.program ? "a program" : "no program");
		return -ESTALE;
	}
	/* its arguments: the supervisor has looked at them */
	for (unsigned i = 0; pm->program && fos_option(pm, "args", i); i++)
		;
	if (pm->program)
		return 0;
	pm->library = open_module(path, &pm->module, err, sizeof(err));
	if (!pm->library) {
		fos_log(FOS_LOG_ERROR, "%s: %s", pm->d->name, err);
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
