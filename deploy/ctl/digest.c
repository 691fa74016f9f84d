/* digest.c - flowosctl digest: the digest PM over captures, each line prefixed with its path
 *
 * A box of its own per capture, offline, with one pipeline that takes everything.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/ctl/ctl.h"
#include "deploy/ctl/run.h"

static const char synopsis[] = "digest CAPTURE...";

struct work {
	char dir[PATH_MAX];
	char config[PATH_MAX + 16];
	char lines[PATH_MAX + 16];
};

static int make_work(struct work *w)
{
	const char *tmp = getenv("TMPDIR");
	FILE *f;

	snprintf(w->dir, sizeof(w->dir), "%s/flowos-digest-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(w->dir))
		return fos_ctl_fail("cannot make a temporary directory %s: %s; set TMPDIR to one "
				    "that is writable", w->dir, strerror(errno));
	snprintf(w->config, sizeof(w->config), "%s/digest.yaml", w->dir);
	snprintf(w->lines, sizeof(w->lines), "%s/lines", w->dir);
	f = fopen(w->config, "we");
	if (!f)
		return fos_ctl_fail("cannot write %s: %s", w->config, strerror(errno));
	fprintf(f, "version: 1\n"
		   "memory: { frames: 4K, flows: 64K, edits: 256 }\n"
		   /* what a capture shows belongs together however long it pauses */
		   "limits: { idle: 24h, handshake: 1h, closing: 1h }\n"
		   "pipelines:\n"
		   "  - name: all\n"
		   "    match: \"ip or ip6 or vlan\"\n"
		   "    stages:\n"
		   "      - pm: digest\n"
		   "        options: { file: \"%s\" }\n", w->lines);
	fclose(f);
	return FOS_EXIT_OK;
}

static void remove_work(const struct work *w)
{
	unlink(w->config);
	unlink(w->lines);
	rmdir(w->dir);
}

static int print_lines(const struct work *w, const char *capture)
{
	FILE *f = fopen(w->lines, "re");
	char *line = NULL;
	size_t room = 0;

	/* no TCP data: no line, and maybe no file */
	while (f && getline(&line, &room, f) > 0)
		printf("%s\t%s", capture, line);
	free(line);
	if (f)
		fclose(f);
	unlink(w->lines);
	return fflush(stdout) == 0 ? FOS_EXIT_OK : FOS_EXIT_FAILED;
}

static int digest(const struct work *w, const char *capture)
{
	struct fos_run_conf conf = {.file = w->config, .input = capture};
	int status;

	if (access(capture, R_OK) < 0)
		return fos_ctl_fail("cannot read the capture %s: %s", capture, strerror(errno));
	status = fos_ctl_run_box(&conf);
	/* of a capture that ends in the middle, what it holds */
	return print_lines(w, capture) == FOS_EXIT_OK ? status : FOS_EXIT_FAILED;
}

int fos_ctl_digest(int argc, char **argv)
{
	struct work w;
	int worst = FOS_EXIT_OK;

	if (argc < 2)
		return fos_ctl_misuse(synopsis, "at least one CAPTURE is needed");
	if (argv[1][0] == '-' && argv[1][1])
		return fos_ctl_misuse(synopsis, "unknown option '%s'", argv[1]);
	if (make_work(&w) != FOS_EXIT_OK)
		return FOS_EXIT_FAILED;
	for (int i = 1; i < argc && worst != 130; i++) {
		int status = digest(&w, argv[i]);

		worst = status ? status : worst;
	}
	remove_work(&w);
	return worst;
}
