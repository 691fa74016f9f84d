/* check.c - flowosctl check: is this configuration right? */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/check.h"
#include "config/dump.h"
#include "deploy/ctl/ctl.h"
#include "shm/keeper_pms.h"

static const char synopsis[] = "check FILE [--dump] [-q]";

static int check(const char *file, bool dump, bool quiet)
{
	struct fos_config *cfg = calloc(1, sizeof(*cfg));
	struct fos_keeper_pms *pms = calloc(1, sizeof(*pms));
	int rc = -1;

	if (cfg && pms) {
		fos_config_init(cfg, stderr);
		rc = fos_config_load(cfg, file);
		if (rc == 0)
			rc = fos_config_check(cfg);
		fos_keeper_pms_init(pms, cfg);
		if (rc == 0)
			rc = fos_config_check_pms(cfg, &pms->catalogue, NULL);
		if (rc == 0 && dump)
			rc = fos_config_dump(cfg, stdout);
		else if (rc == 0 && !quiet)
			printf("%s: ok, %u pipeline%s, %u PM%s, %u warning%s\n", file,
			       cfg->pipelines_nr, cfg->pipelines_nr == 1 ? "" : "s", cfg->pms_nr,
			       cfg->pms_nr == 1 ? "" : "s", cfg->warnings,
			       cfg->warnings == 1 ? "" : "s");
		fos_keeper_pms_free(pms);
		fos_config_free(cfg);
	}
	free(pms);
	free(cfg);
	return rc == 0 ? FOS_EXIT_OK : FOS_EXIT_FAILED;
}

int fos_ctl_check(int argc, char **argv)
{
	static const struct option option[] = {
		{"dump", no_argument, NULL, 'd'},
		{"quiet", no_argument, NULL, 'q'},
		{NULL, 0, NULL, 0},
	};
	bool dump = false, quiet = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "q", option, NULL)) != -1) {
		if (c == 'd')
			dump = true;
		else if (c == 'q')
			quiet = true;
		else
			return fos_ctl_misuse(synopsis, "unknown option '%s'", argv[optind - 1]);
	}
	if (optind + 1 != argc)
		return fos_ctl_misuse(synopsis, "one FILE is needed");
	return check(argv[optind], dump, quiet);
}
