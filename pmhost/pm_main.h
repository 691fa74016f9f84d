/* pmhost/pm_main.h - a module that is a program of its own: part of pmhost/pm.h, include that
 *
 * A module is usually a shared object that flowos-pmhost loads.  It can as well be an ordinary
 * executable, with a main(), arguments and libraries as its author likes, in any language that calls C:
 *
 *	FOS_PM(.name = "color", .stream = FOS_APP, .flags = FOS_PM_EDITS, .on_data = on_data);
 *
 *	int main(void)
 *	{
 *		return fos_pm_main(&fos_pm_module);
 *	}
 *
 * Build: cc $(pkg-config --cflags flowos-pm) -o color color.c $(pkg-config --libs --static flowos-pm)
 * Configure: its path as `file` of the stage; what its option `args` lists are its arguments.
 *
 * The configuration reads the module's constants from the executable's file, as from a shared object.
 * `flowosctl run` starts it, and starts it again when it dies; which process it is to be stands in
 * FLOWOS_KEEPER and FLOWOS_PROC of its environment (FLOWOS_SPARE: as a spare).  Under systemd its
 * unit needs an ExecStart and these variables.  It is confined as every host is, by fos_pm_main(): what
 * main() does before runs with all rights of who started it.
 *
 * Other languages.  FOS_PM() stands in a C file; the hooks that it names may be functions of any language
 * that has C's linkage.  C++ takes these headers as they are, inside extern "C" { }.
 *
 * Debuggers.  gdb -p looks at the running process (on live traffic: as root); while it is attached,
 * `flowosctl run` takes no silence for hanging.  valgrind, on captures: main() has itself run by it,
 *
 *	if (!getenv("UNDER") && setenv("UNDER", "valgrind", 1) == 0)
 *		execvp("valgrind", (char *[]){"valgrind", argv[0], NULL});
 */
#ifndef FLOWOS_PM_MAIN_H
#define FLOWOS_PM_MAIN_H

struct fos_pm;

/* Attaches as the process that the environment names, and runs until it is asked to stop.  Returns the
 * exit status.  Once per process, from its only thread. */
int fos_pm_main(const struct fos_pm *module);

#endif
