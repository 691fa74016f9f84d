/* deploy/pmtest/variant.h - one way of playing a recording: how it is cut, disordered, repeated, and
 * where modules are killed
 *
 * A seed draws a list of disturbances, each of which stands for itself: a place in a stream, not in a
 * list of segments, so that any subset of them is a way of playing, too.
 */
#ifndef FOS_DEPLOY_PMTEST_VARIANT_H
#define FOS_DEPLOY_PMTEST_VARIANT_H

#include "deploy/pmtest/recording.h"

#define VARIANT_MAX 96u /* disturbances */
#define VARIANT_MSS 1400u

enum disturb_kind {
	DISTURB_SIZE,	 /* segments have `n` bytes */
	DISTURB_SLOW,	 /* packets come so slowly that a module sees each by itself */
	DISTURB_CUT,	 /* a segment ends before `off` */
	DISTURB_LATE,	 /* the segment with the byte at `off` comes `n` places later in its burst */
	DISTURB_AGAIN,	 /* it comes a second time, `n` places later */
	DISTURB_OVERLAP, /* it begins `n` bytes earlier, with the bytes that are there */
	DISTURB_KILL,	 /* PM `conn` dies at its n-th kill point */
	DISTURB_KINDS
};

struct disturb {
	enum disturb_kind kind;
	uint32_t conn, dir;
	uint64_t off;
	uint32_t n;
};

struct variant {
	uint64_t seed;
	uint32_t segment; /* bytes of a segment where no disturbance says; 0 = as many as fit */
	bool slow;	  /* the same for DISTURB_SLOW */
	struct disturb disturb[VARIANT_MAX];
	uint32_t nr;
	bool off[VARIANT_MAX]; /* left out while shrinking */
};

/* What a seed may draw. */
struct variant_rules {
	uint32_t segment; /* as above */
	bool cuts, order, kills;
	uint32_t nr_pms;
	uint64_t kill_points[32]; /* by PM: how many an undisturbed life has */
};

void variant_draw(struct variant *v, uint64_t seed, const struct recording *r,
		  const struct variant_rules *rules);

/* Writes the packets as a pcap file into fd.  Their number. */
uint32_t variant_play(const struct variant *v, const struct recording *r, int fd);

/* One disturbance in words. */
void variant_tell(const struct disturb *d, const struct recording *r, char *to, size_t size);

uint64_t pmtest_rand(uint64_t *s);
static inline uint64_t pmtest_below(uint64_t *s, uint64_t n)
{
	return n ? pmtest_rand(s) % n : 0;
}

#endif
