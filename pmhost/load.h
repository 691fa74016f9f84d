/* pmhost/load.h - loading a module into this process */
#ifndef FOS_PMHOST_LOAD_H
#define FOS_PMHOST_LOAD_H

struct fos_instance;

/* Loads the module that the directory names (unless one was given) and checks that it is what the
 * directory was laid out for.  0 or -errno after one log line. */
int fos_load(struct fos_instance *pm);
void fos_unload(struct fos_instance *pm);

/* Can this file be loaded as a module here?  Runs its constructors and nothing else.  0 or -errno
 * after one log line. */
int fos_load_try(const char *path);

#endif
