/* where.c - which running box a command is about */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/check.h"
#include "deploy/ctl/ctl.h"

int fos_ctl_run_dir(const char *file, char run_dir[PATH_MAX])
{
	struct fos_config *cfg = calloc(1, sizeof(*cfg));
	char *text = NULL;
	size_t len = 0;
	FILE *report = open_memstream(&text, &len);
	int rc = -ENOMEM;

	if (cfg && report) {
		fos_config_init(cfg, report);
		rc = fos_config_load(cfg, file);
		if (rc == 0)
			rc = fos_config_check(cfg);
		snprintf(run_dir, PATH_MAX, "%s", cfg->run_dir);
		fos_config_free(cfg);
	}
	if (report)
		fclose(report);
	/* warnings come again from the keeper, which loads the file too */
	if (rc < 0 && text)
		fputs(text, stderr);
	free(text);
	free(cfg);
	return rc;
}

int fos_ctl_where(struct fos_ctl_where *w, int argc, char **argv, const char *synopsis)
{
	static const struct option option[] = {
		{"run-dir", required_argument, NULL, 'd'},
		{"output", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	int c;

	memset(w, 0, sizeof(*w));
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "o:", option, NULL)) != -1) {
		if (c == 'd')
			snprintf(w->run_dir, sizeof(w->run_dir), "%s", optarg);
		else if (c == 'o' && !strcmp(optarg, "json"))
			w->json = true;
		else if (c == 'o' && !strcmp(optarg, "text"))
			w->json = false;
		else if (c == 'o')
			return fos_ctl_misuse(synopsis, "unknown format '%s': json or text",
					      optarg);
		else
			return fos_ctl_misuse(synopsis, "unknown option or missing argument '%s'",
					      argv[optind - 1]);
	}
	for (; optind < argc; optind++) {
		struct stat st;

		/* a directory of that name is none: `restart ingress` at the source tree's top */
		if (stat(argv[optind], &st) == 0 && !S_ISDIR(st.st_mode) && !w->run_dir[0]) {
			if (fos_ctl_run_dir(argv[optind], w->run_dir) < 0)
				return FOS_EXIT_FAILED;
		} else if (w->nr_rest < (int)(sizeof(w->rest) / sizeof(w->rest[0]))) {
			w->rest[w->nr_rest++] = argv[optind];
		}
	}
	if (!w->run_dir[0])
		snprintf(w->run_dir, sizeof(w->run_dir), "/run/flowos");
	return -1;
}
