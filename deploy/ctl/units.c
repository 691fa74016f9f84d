/* units.c - flowosctl units and enable: which systemd units a configuration needs
 *
 * The instances are the process names of the plan that the keeper will make from the same file and
 * the same NICs, one unit each.  They are wanted by flowos.target, and modules' units are told their
 * user; so `enable` is for a configuration what `systemctl enable` is for a unit, and has to be
 * repeated when the number of PMs, lanes or NIC queues changes.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/ctl/ctl.h"
#include "shm/build.h"
#include "shm/keeper.h"

#define DEFAULT_FILE "/etc/flowos/flowos.yaml"
#define DEFAULT_SOCKET "/run/flowos/" FOS_GRANT_SOCKET
#define WANTS "etc/systemd/system/flowos.target.wants"
#define PREFIX "flowos-"
#define SUFFIX ".service"
#define USER_FILE "/50-flowos-user.conf" /* in a unit's directory of drop-ins */

#define MOST (2 * FOS_MAX_PROCS)

struct list {
	char *name[MOST];
	uint32_t user[MOST]; /* number of a module's process, for its user's name; 0 = the unit's own */
	uint32_t nr;
};

static void add(struct list *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct list *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (l->nr < MOST && vasprintf(&l->name[l->nr], fmt, ap) >= 0)
		l->user[l->nr++] = 0;
	va_end(ap);
}

static void empty(struct list *l)
{
	while (l->nr > 0)
		free(l->name[--l->nr]);
}

static bool has(const struct list *l, const char *name)
{
	for (uint32_t i = 0; i < l->nr; i++)
		if (!strcmp(l->name[i], name))
			return true;
	return false;
}

/* ---- what the configuration needs ------------------------------------------------------------ */

/* A module with `spare: yes` has two units, either of which may be the module's process.
 * Process names hold letters, digits, '.', '_' and '-': nothing that a unit's name must escape. */
static void list_units(const struct fos_dir *dir, struct list *l)
{
	static const char *const unit[] = {
		[FOS_ROLE_INGRESS] = "ingress",
		[FOS_ROLE_CLASSIFIER] = "classifier",
		[FOS_ROLE_PM] = "pm",
		[FOS_ROLE_EGRESS] = "egress",
	};

	for (uint32_t i = 0; i < dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &dir->proc[i];

		if (p->role == FOS_ROLE_KEEPER)
			continue;
		add(l, PREFIX "%s@%s" SUFFIX, unit[p->role], p->name);
		if (p->role == FOS_ROLE_PM && l->nr > 0)
			l->user[l->nr - 1] = i;
		if (p->role != FOS_ROLE_PM || !dir->pm[p->index].spare)
			continue;
		add(l, PREFIX "pm-spare@%s" SUFFIX, p->name);
		if (l->nr > 0)
			l->user[l->nr - 1] = i;
	}
}

static int plan(const char *file, struct list *l)
{
	struct fos_keeper *k = calloc(1, sizeof(*k));
	struct fos_dir *draft = calloc(1, sizeof(*draft));
	char err[256];
	int rc = -ENOMEM;

	if (k && draft) {
		k->file = file;
		rc = fos_keeper_configure(k, draft);
	}
	if (rc == 0 && strcmp(k->socket, DEFAULT_SOCKET) != 0)
		rc = fos_ctl_fail("%s: the units need box.run_dir: /run/flowos", file);
	if (rc == 0)
		rc = fos_keeper_inspect(k, draft);
	if (rc == 0) {
		rc = fos_build_plan(draft, err, sizeof(err));
		if (rc < 0)
			fos_ctl_fail("%s: %s", file, err);
	}
	if (rc == 0)
		list_units(draft, l);
	free(draft);
	free(k);
	return rc == 0 ? FOS_EXIT_OK : FOS_EXIT_FAILED;
}

int fos_ctl_units(int argc, char **argv)
{
	struct list l = {.nr = 0};
	int status;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return fos_ctl_misuse("units [FILE]", "at most one FILE is needed");
	fos_log_program("flowosctl");
	status = plan(argc == 2 ? argv[1] : DEFAULT_FILE, &l);
	for (uint32_t i = 0; i < l.nr; i++)
		puts(l.name[i]);
	empty(&l);
	return status;
}

/* ---- enable ---------------------------------------------------------------------------------- */

/* Instances of our templates that the target wants now. */
static void list_enabled(const char *root, struct list *l)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/" WANTS, root);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);

		if (n > strlen(SUFFIX) && !strncmp(e->d_name, PREFIX, strlen(PREFIX)) &&
		    strchr(e->d_name, '@') && !strcmp(e->d_name + n - strlen(SUFFIX), SUFFIX))
			add(l, "%s", e->d_name);
	}
	if (d)
		closedir(d);
}

static void drop_in(char *path, size_t size, const char *root, const char *unit, const char *file)
{
	snprintf(path, size, "%s/etc/systemd/system/%s.d%s", root, unit, file);
}

/* Each module has a user of its own, which its spare shares: a template's instances could only have one
 * for all, or one each. */
static int set_users(const char *root, const struct list *l)
{
	char path[PATH_MAX];
	FILE *f;

	for (uint32_t i = 0; i < l->nr; i++) {
		if (l->user[i] == 0)
			continue;
		drop_in(path, sizeof(path), root, l->name[i], "");
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return fos_ctl_fail("cannot make %s: %s", path, strerror(errno));
		drop_in(path, sizeof(path), root, l->name[i], USER_FILE);
		f = fopen(path, "we");
		if (!f)
			return fos_ctl_fail("cannot write %s: %s", path, strerror(errno));
		fprintf(f, "# written by flowosctl enable\n[Service]\nUser=flowos-pm-%u\n", l->user[i]);
		if (fclose(f) != 0)
			return fos_ctl_fail("cannot write %s: %s", path, strerror(errno));
	}
	return FOS_EXIT_OK;
}

/* What else is in the drop-in's directory is the operator's. */
static void forget_users(const char *root, const struct list *l)
{
	char path[PATH_MAX];

	for (uint32_t i = 0; i < l->nr; i++) {
		drop_in(path, sizeof(path), root, l->name[i], USER_FILE);
		unlink(path);
		drop_in(path, sizeof(path), root, l->name[i], "");
		rmdir(path);
	}
}

/* systemctl VERB [--root ROOT] UNIT...; nothing to do without units.  A running instance that is no
 * longer needed is stopped as well: restarting the target would start it again. */
static int systemctl(const char *verb, const char *root, const struct list *l)
{
	extern char **environ;
	const char *argv[MOST + 6] = {"systemctl", "--quiet", verb};
	bool running = !strcmp(root, "/") && access("/run/systemd/system", F_OK) == 0;
	char *copy[MOST + 6];
	uint32_t n = 3;
	pid_t pid;
	int status = 0, rc;

	if (l->nr == 0)
		return 0;
	if (!running) {
		argv[n++] = "--root";
		argv[n++] = root;
	} else if (!strcmp(verb, "disable")) {
		argv[n++] = "--now";
	}
	for (uint32_t i = 0; i < l->nr; i++)
		argv[n++] = l->name[i];
	/* posix_spawnp() does not write through its argument, for all that its type says */
	memcpy(copy, argv, sizeof(copy));
	rc = posix_spawnp(&pid, "systemctl", NULL, NULL, copy, environ);
	if (rc != 0) {
		fos_ctl_fail("cannot run systemctl: %s; `apt install systemd`", strerror(rc));
		return -rc;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	fos_ctl_fail("`systemctl %s` failed, see its message above", verb);
	return -EIO;
}

static int enable(const char *file, const char *root)
{
	struct list wanted = {.nr = 0}, now = {.nr = 0}, fresh = {.nr = 0}, stale = {.nr = 0};
	int status = plan(file, &wanted);

	if (status == FOS_EXIT_OK) {
		list_enabled(root, &now);
		for (uint32_t i = 0; i < wanted.nr; i++)
			if (!has(&now, wanted.name[i]))
				add(&fresh, "%s", wanted.name[i]);
		for (uint32_t i = 0; i < now.nr; i++)
			if (!has(&wanted, now.name[i]))
				add(&stale, "%s", now.name[i]);
		if (systemctl("disable", root, &stale) < 0 || systemctl("enable", root, &fresh) < 0)
			status = FOS_EXIT_FAILED;
		forget_users(root, &stale);
	}
	if (status == FOS_EXIT_OK)
		status = set_users(root, &wanted);
	if (status == FOS_EXIT_OK)
		printf("%u units enabled, %u of them new, %u removed; `systemctl daemon-reload && "
		       "systemctl restart flowos.target` makes it so\n", wanted.nr, fresh.nr,
		       stale.nr);
	empty(&wanted);
	empty(&now);
	empty(&fresh);
	empty(&stale);
	return status;
}

int fos_ctl_enable(int argc, char **argv)
{
	static const char synopsis[] = "enable [FILE] [--root DIR]";
	static const struct option option[] = {
		{"root", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	const char *root = "/";
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", option, NULL)) != -1) {
		if (c != 'r')
			return fos_ctl_misuse(synopsis, "unknown option or missing argument '%s'",
					      argv[optind - 1]);
		root = optarg;
	}
	if (argc > optind + 1)
		return fos_ctl_misuse(synopsis, "at most one FILE is needed");
	fos_log_program("flowosctl");
	return enable(optind < argc ? argv[optind] : DEFAULT_FILE, root);
}
