/* shm/keeper_pms.h - finds PM files by name and reads what they say of themselves
 *
 * The PM path: $FLOWOS_PM_PATH (directories separated by ':'), then ../pms and ../lib/flowos/pm
 * beside the program, then /usr/lib/flowos/pm.  Callers: keeper, flowosctl.
 */
#ifndef FOS_SHM_KEEPER_PMS_H
#define FOS_SHM_KEEPER_PMS_H

#include "config/check.h"
#include "shm/pmfile.h"

#define FOS_KEEPER_PM_DIRS 16

struct fos_keeper_pms {
	const struct fos_config *cfg;
	struct fos_pmfile file[FOS_CONFIG_PMS_MAX];	/* by PM index, after fos_config_check_pms() */
	char *path[FOS_CONFIG_PMS_MAX];			/* absolute */
	char *dir[FOS_KEEPER_PM_DIRS];
	uint32_t nr_dirs;
	char **name;					/* of every PM file on the path */
	uint32_t nr_names;
	struct fos_pm_catalogue catalogue;		/* for fos_config_check_pms() */
};

void fos_keeper_pms_init(struct fos_keeper_pms *p, const struct fos_config *cfg);
void fos_keeper_pms_free(struct fos_keeper_pms *p);

#endif
