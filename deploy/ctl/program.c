/* program.c - which program is started as a process of the box; see run.h */
#include <string.h>

#include "deploy/ctl/run.h"
#include "shm/pmfile.h"

static const char *of_role(uint32_t role)
{
	static const char *const program[] = {
		[FOS_ROLE_INGRESS] = "flowos-ingress",
		[FOS_ROLE_CLASSIFIER] = "flowos-classifier",
		[FOS_ROLE_PM] = "flowos-pmhost",
		[FOS_ROLE_EGRESS] = "flowos-egress",
	};

	return program[role];
}

/* The values of option `args`.  Options are key NUL value NUL ..., an empty key ends them. */
static void own_args(const struct fos_dir *dir, const struct fos_dir_pm *d,
		     struct fos_run_program *out)
{
	const char *end = dir->strings + FOS_DIR_STRINGS, *v;
	const char *k = d->options_off ? fos_dir_string(dir, d->options_off) : "";
	int n = 0;

	for (; k < end && *k; k = v + strnlen(v, (size_t)(end - v)) + 1) {
		v = k + strnlen(k, (size_t)(end - k)) + 1;
		if (v >= end)
			break;
		if (!strcmp(k, "args") && n < FOS_SUPER_ARGS - 2)
			out->args[n++] = v;
	}
}

void fos_run_program(const struct fos_dir *dir, uint32_t proc, const char *socket, bool spare,
		     struct fos_run_program *out)
{
	const struct fos_dir_proc *p = &dir->proc[proc];
	struct fos_pmfile f;
	const char *file;
	char err[512];
	int n = 0;

	memset(out, 0, sizeof(*out));
	if (p->role == FOS_ROLE_PM) {
		file = fos_dir_string(dir, fos_acquire32(&dir->pm[p->index].file_off));
		/* what cannot be read now the host will complain of */
		if (fos_pmfile_read(file, &f, err, sizeof(err)) == 0 && f.program) {
			out->program = file;
			own_args(dir, &dir->pm[p->index], out);
			return;
		}
	}
	out->program = of_role(p->role);
	out->args[n++] = "--keeper";
	out->args[n++] = socket;
	out->args[n++] = "--proc";
	out->args[n++] = p->name;
	if (spare)
		out->args[n++] = "--spare";
}
