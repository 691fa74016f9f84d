/* shm/keeper_conf.c - from the configuration file to a draft of the directory */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/plan.h"
#include "shm/grant.h"
#include "shm/keeper.h"
#include "shm/keeper_pms.h"

static int load(struct fos_config *cfg, struct fos_keeper *k, struct fos_keeper_pms *pms)
{
	int rc = fos_config_load(cfg, k->file);

	if (rc == 0)
		rc = fos_config_check(cfg);
	fos_keeper_pms_init(pms, cfg);
	if (rc == 0)
		rc = fos_config_check_pms(cfg, &pms->catalogue, NULL);
	if (rc == 0 && !k->input && cfg->interfaces_nr == 0) {
		fos_log(FOS_LOG_ERROR,
			"%s has no `interfaces`: add them, or process a capture with --read",
			k->file);
		rc = -EINVAL;
	}
	return rc;
}

static void set_modes(struct fos_keeper *k, const struct fos_config *cfg)
{
	static const enum fos_steer_mode mode[] = {
		[FOS_CONFIG_MODE_AUTO] = FOS_STEER_AUTO,
		[FOS_CONFIG_MODE_NATIVE] = FOS_STEER_NATIVE,
		[FOS_CONFIG_MODE_GENERIC] = FOS_STEER_GENERIC,
	};
	static const enum fos_keeper_pages pages[] = {
		[FOS_CONFIG_HUGEPAGES_AUTO] = FOS_PAGES_AUTO,
		[FOS_CONFIG_HUGEPAGES_REQUIRE] = FOS_PAGES_REQUIRE,
		[FOS_CONFIG_HUGEPAGES_NEVER] = FOS_PAGES_NEVER,
	};

	for (uint32_t i = 0; i < cfg->interfaces_nr; i++)
		k->port[i].mode = mode[cfg->interfaces[i].mode];
	k->pages = pages[cfg->hugepages];
	/* a capture is in no hurry: small pages do, and nobody is to be warned */
	if (k->input && k->pages == FOS_PAGES_AUTO)
		k->pages = FOS_PAGES_NEVER;
	if (!k->socket[0])
		snprintf(k->socket, sizeof(k->socket), "%s/%s", cfg->run_dir, FOS_GRANT_SOCKET);
}

int fos_keeper_configure(struct fos_keeper *k, struct fos_dir *draft)
{
	struct fos_config *cfg = calloc(1, sizeof(*cfg));
	struct fos_keeper_pms *pms = calloc(1, sizeof(*pms));
	struct fos_plan plan = {.input = k->input, .output = k->output};
	char err[256];
	int rc = -ENOMEM;

	if (!cfg || !pms) {
		fos_log(FOS_LOG_ERROR, "%s: out of memory", k->file);
		goto out;
	}
	fos_config_init(cfg, NULL);
	rc = load(cfg, k, pms);
	if (rc == 0) {
		plan.pm = pms->file;
		plan.pm_path = (const char *const *)pms->path;
		rc = fos_plan_compile(cfg, &plan, draft, err, sizeof(err));
		if (rc < 0)
			fos_log(FOS_LOG_ERROR, "%s", err);
	}
	if (rc == 0)
		set_modes(k, cfg);
	fos_keeper_pms_free(pms);
	fos_config_free(cfg);
out:
	free(pms);
	free(cfg);
	return rc;
}
