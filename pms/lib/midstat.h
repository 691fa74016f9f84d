/* pms/lib/midstat.h - what midstat knows of one direction of a connection
 *
 * The context of pms/midstat.c, and thus shared memory: `flowosctl midstat` reads the committed copy.  Both
 * are of one build (flowosctl refuses a box of another layout); `magic` tells the contexts of midstat from
 * those of other modules.  Times are nanoseconds of the box's clock.  "Round trip": from the box to the end
 * that sends this direction, and back.
 */
#ifndef FLOWOS_PMS_LIB_MIDSTAT_H
#define FLOWOS_PMS_LIB_MIDSTAT_H

#include <stdint.h>

#define FOS_MIDSTAT_MAGIC 0x5441545344494d31ull /* "1MIDSTAT" */

struct fos_midstat {
	uint64_t magic;
	uint64_t again_bytes; /* payload that came again */
	uint32_t again;       /* segments with such bytes */
	uint32_t differing;   /* that came again as others */
	uint32_t out_of_order;
	uint32_t zero_windows; /* times that this end closed its window */
	uint32_t missed;       /* events that came too fast to be told */
	uint32_t samples;      /* of the round trip */
	uint64_t rtt_ns;       /* smoothed as RFC 6298 section 2 does; 0 = not measured yet */
	uint64_t rtt_min_ns;
	uint64_t rtt_last_ns;

	/* the measurement that is underway */
	uint64_t sent_ns;   /* when the packet passed whose acknowledgement is awaited */
	uint64_t hears_ns;  /* is told of every packet since then: 0 at first, as .events says */
	uint64_t open_ns;   /* first packet heard this time of listening; 0 = none */
	uint32_t sent_end;  /* sequence number behind that packet */
	uint32_t round;     /* counts such packets */
	uint32_t answered;  /* the other side's round that this side has acknowledged */
	uint32_t peer_samples; /* of the other side, when this side began to listen */
	uint8_t waits;      /* for an acknowledgement of sent_end */
	uint8_t useful;     /* this time of listening has brought samples */
	uint8_t pad[6];
};

#endif
