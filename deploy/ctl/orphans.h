/* orphans.h - stages whose supervisor and keeper are both gone */
#ifndef FOS_DEPLOY_CTL_ORPHANS_H
#define FOS_DEPLOY_CTL_ORPHANS_H

#include <sys/types.h>

/* Every process that was started with `--keeper SOCKET`, at most so many: pidfds, to be closed, and
 * numbers.  Returns how many. */
int fos_orphans_find(const char *socket, int *pidfd, pid_t *pids, int most);

/* Ends every process that was started with `--keeper SOCKET`: asks it, and kills it when it has not
 * ended within 5 s.  Returns how many there were. */
int fos_orphans_end(const char *socket);

#endif
