/* mortal.h - killing a stage at a kill point: what it did so far stays in the regions, no more */
#ifndef TESTS_UNIT_MORTAL_H
#define TESTS_UNIT_MORTAL_H

#include <setjmp.h>
#include <stdbool.h>

#include "shm/killpoint.h"

static jmp_buf mortal_end;
static int mortal_left;

static inline void mortal_hook(const char *name)
{
	(void)name;
	if (--mortal_left == 0)
		longjmp(mortal_end, 1);
}

/* Does work() die at its nth kill point?  False: it has fewer, and is done. */
static inline bool mortal(void (*work)(void *), void *ctx, int n)
{
	mortal_left = n;
	fos_killpoint_hook = mortal_hook;
	if (setjmp(mortal_end) == 0) {
		work(ctx);
		fos_killpoint_hook = NULL;
		return false;
	}
	fos_killpoint_hook = NULL;
	return true;
}

#endif
