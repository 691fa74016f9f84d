/* midstat.h - what `flowosctl midstat` shows: rows from two looks at a running box */
#ifndef FOS_DEPLOY_CTL_MIDSTAT_H
#define FOS_DEPLOY_CTL_MIDSTAT_H

#include "deploy/ctl/ctl.h"
#include "pms/lib/midstat.h"

/* [0]: the direction of the connection's first packet, and the end that sends it */
struct fos_midstat_row {
	uint32_t lane, flow, gen;
	struct fos_flow f[2];
	struct fos_midstat m[2]; /* zeros where the module has not heard anything yet */
	uint64_t rate[2];        /* bits a second between the two looks, headers included */
	uint64_t age_ns;
};

struct fos_midstat_rows {
	struct fos_midstat_row *row; /* by lane and flow */
	size_t nr, cap;
	uint64_t time_ns;
};

enum fos_midstat_sort {
	FOS_MIDSTAT_RATE,
	FOS_MIDSTAT_RTT,
	FOS_MIDSTAT_RETRANS,
	FOS_MIDSTAT_BYTES,
	FOS_MIDSTAT_AGE,
	FOS_MIDSTAT_NR_SORTS
};

/* midstat_look.c: all connections that a midstat of this box watches.  Returns how many modules could be
 * one: 0 = this box has none.  `rows` begins as zeros, and may be used again. */
unsigned fos_midstat_look(const struct fos_ctl_view *v, struct fos_midstat_rows *rows);

/* Rates from an earlier look; a connection that is not in it is as old as it is. */
void fos_midstat_rates(const struct fos_midstat_rows *before, struct fos_midstat_rows *now);

/* Sorted for display, the greatest first; equal ones by lane and flow. */
void fos_midstat_order(struct fos_midstat_rows *rows, enum fos_midstat_sort by);

#endif
