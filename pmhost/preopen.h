/* pmhost/preopen.h - files that a module is going to want, opened before the host becomes nobody
 *
 * What the configuration names in a PM's options is opened with the rights of who started the host: the
 * value of `file` for writing, values of other keys that are regular files for reading.  Everything
 * else the module has to reach with the rights that are left.
 */
#ifndef FOS_PMHOST_PREOPEN_H
#define FOS_PMHOST_PREOPEN_H

#include <stdbool.h>

struct fos_instance;

/* Opens the files of the options, and the module's. */
void fos_preopen(struct fos_instance *pm);

/* A descriptor of its own for a file that was opened so (for writing?); -1 = it was not. */
int fos_preopened(const char *path, bool writing);

/* Path by which the module's file can be loaded: `path`, or a way to the descriptor. */
const char *fos_preopened_module(const char *path);

#endif
