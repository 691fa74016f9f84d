/* orphans.h - stages whose supervisor and keeper are both gone */
#ifndef FOS_DEPLOY_CTL_ORPHANS_H
#define FOS_DEPLOY_CTL_ORPHANS_H

/* Ends every process that was started with `--keeper SOCKET`: asks it, and kills it when it has not
 * ended within 5 s.  Returns how many there were. */
int fos_orphans_end(const char *socket);

#endif
