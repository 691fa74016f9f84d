/* compile.h - a module from its source, as an author would compile it */
#ifndef FOS_DEPLOY_CTL_COMPILE_H
#define FOS_DEPLOY_CTL_COMPILE_H

#include <limits.h>
#include <stdbool.h>

/* Does the name end like this? */
bool fos_ends_with(const char *name, const char *end);

/* Compiles NAME.c to the shared object `to` with $CC or cc; pm.h is found beside this program, in the
 * source tree or where `make install` put it.  The compiler's lines go to stderr.  0 or -1. */
int fos_compile(const char *source, const char *to, bool asan);

/* Runs a program and waits; its exit status, or -1.  argv[0] is looked for on the PATH. */
int fos_spawn(const char *const *argv);

/* A program beside this one: "DIR/program". */
void fos_beside(char path[PATH_MAX], const char *program);

#endif
