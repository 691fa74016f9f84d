/* pmhost/fault.c - see fault.h */
#define _GNU_SOURCE
#include "pmhost/fault.h"

#include <signal.h>
#include <stdlib.h>

#include "pmhost/host.h"

#define STACK_BYTES 65536u
#define EXITED 255u

/* A signal handler has no argument to find these by. */
static struct fos_pm_region *region;
static const enum fos_handler *in;
static void *alternate; /* stack for the handler */

static void say(uint32_t what)
{
	fos_relaxed_store64(&region->fault, (uint64_t)region->head.lease_gen << 32 | what);
}

/* One more store, then the signal's own way: the disposition is the default again.  (A refused system
 * call would otherwise just have failed.) */
static void on_fault(int number)
{
	say((uint32_t)number);
	raise(number);
}

static void on_exit_inside(void)
{
	if (in && *in != FOS_IN_NONE)
		say(EXITED);
}

void fos_fault_end(const struct fos_instance *pm)
{
	const stack_t none = {.ss_flags = SS_DISABLE};

	if (in != &pm->in)
		return;
	in = NULL;
	if (sigaltstack(&none, NULL) == 0)
		free(alternate);
}

void fos_fault_watch(struct fos_instance *pm)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP,
				     SIGXCPU};
	struct sigaction a = {.sa_handler = on_fault,
			      .sa_flags = (int)(SA_ONSTACK | SA_RESETHAND)};
	/* of its own: a module that ran out of stack has none left for a handler */
	stack_t stack = {.ss_sp = alternate = malloc(STACK_BYTES), .ss_size = STACK_BYTES};

	region = pm->region;
	in = &pm->in;
	fos_relaxed_store64(&region->fault, 0);
	fos_relaxed_store64(&region->at, 0);
	if (!stack.ss_sp || sigaltstack(&stack, NULL) < 0)
		a.sa_flags = (int)SA_RESETHAND;
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		sigaction(deadly[i], &a, NULL);
	atexit(on_exit_inside);
}
