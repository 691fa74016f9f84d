/* pm.h - flowosctl pm: its commands.  argv[0] is the command's name; they return the exit status. */
#ifndef FOS_DEPLOY_CTL_PM_H
#define FOS_DEPLOY_CTL_PM_H

#include <limits.h>
#include <stdbool.h>

int fos_ctl_pm_new(int argc, char **argv);

/* Something that is installed in share/flowos, or lies in deploy/ of the source tree. */
bool fos_share(const char *what, char path[PATH_MAX]);

#endif
