/* check.c - flowosctl check: is this configuration right? */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/dump.h"
#include "config/link.h"
#include "deploy/ctl/ctl.h"
#include "shm/keeper_pms.h"

static const char synopsis[] = "check FILE [--dump] [--graph[=text|dot]] [-q]";

enum show { SHOW_OK, SHOW_NOTHING, SHOW_CONFIG, SHOW_TEXT, SHOW_DOT };

static void say_ok(const struct fos_config *cfg, const char *file)
{
	printf("%s: ok, %u pipeline%s, %u PM%s, %u warning%s\n", file, cfg->pipelines_nr,
	       cfg->pipelines_nr == 1 ? "" : "s", cfg->pms_nr, cfg->pms_nr == 1 ? "" : "s",
	       cfg->warnings, cfg->warnings == 1 ? "" : "s");
}

static int check(const char *file, enum show show)
{
	struct fos_pm_info *infos = calloc(FOS_CONFIG_PMS_MAX, sizeof(*infos));
	struct fos_config *cfg = calloc(1, sizeof(*cfg));
	struct fos_keeper_pms *pms = calloc(1, sizeof(*pms));
	int rc = -1;

	if (cfg && pms && infos) {
		fos_config_init(cfg, stderr);
		rc = fos_config_load(cfg, file);
		if (rc == 0)
			rc = fos_config_check(cfg);
		fos_keeper_pms_init(pms, cfg);
		if (rc == 0)
			rc = fos_config_check_pms(cfg, &pms->catalogue, infos);
		if (rc == 0 && show == SHOW_CONFIG)
			rc = fos_config_dump(cfg, stdout);
		else if (rc == 0 && (show == SHOW_TEXT || show == SHOW_DOT))
			rc = fos_config_graph(cfg, infos, stdout, show == SHOW_DOT);
		else if (rc == 0 && show == SHOW_OK)
			say_ok(cfg, file);
		fos_keeper_pms_free(pms);
		fos_config_free(cfg);
	}
	free(infos);
	free(pms);
	free(cfg);
	return rc == 0 ? FOS_EXIT_OK : FOS_EXIT_FAILED;
}

int fos_ctl_check(int argc, char **argv)
{
	static const struct option option[] = {
		{"dump", no_argument, NULL, 'd'},
		{"graph", optional_argument, NULL, 'g'},
		{"quiet", no_argument, NULL, 'q'},
		{NULL, 0, NULL, 0},
	};
	enum show show = SHOW_OK;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "q", option, NULL)) != -1) {
		if (c == 'd')
			show = SHOW_CONFIG;
		else if (c == 'q')
			show = SHOW_NOTHING;
		else if (c == 'g' && (!optarg || strcmp(optarg, "text") == 0))
			show = SHOW_TEXT;
		else if (c == 'g' && strcmp(optarg, "dot") == 0)
			show = SHOW_DOT;
		else if (c == 'g')
			return fos_ctl_misuse(synopsis, "--graph is text or dot, not '%s'", optarg);
		else
			return fos_ctl_misuse(synopsis, "unknown option '%s'", argv[optind - 1]);
	}
	if (optind + 1 != argc)
		return fos_ctl_misuse(synopsis, "one FILE is needed");
	return check(argv[optind], show);
}
