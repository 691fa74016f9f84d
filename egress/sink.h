/* egress/sink.h - where packets leave: AF_XDP, a capture file, or a test's memory
 *
 * Egress asks room(), commits its batch, then calls send() with what the batch decided: send()
 * must take all of it.  A frame given to send() belongs to the sink until reap() returns it; the
 * sink never looks at it afterwards.  Single-threaded; nothing blocks except a capture's disk.
 */
#ifndef FOS_EGRESS_SINK_H
#define FOS_EGRESS_SINK_H

#include "shm/proc.h"

/* One packet on its way out; also the form kept in the region between commit and send. */
struct fos_tx {
	uint64_t number;  /* offline: input frame that caused it */
	uint64_t time_ns; /* offline: that frame's time */
	uint32_t frame;
	uint16_t off; /* of the packet, from the frame's first byte */
	uint16_t len;
	uint32_t port;
	uint32_t wire_len; /* length on the wire; more than len where the capture cut it */
	uint32_t more;     /* 1: the packet goes on in the next one (of the same port) */
	uint32_t pad;
};

struct fos_sink_ops {
	/* 0 or -errno after one fos_log line. */
	int (*open)(void *ctx, struct fos_proc *p);
	/* Packets that send() would take for this port now. */
	uint32_t (*room)(void *ctx, uint32_t port);
	void (*send)(void *ctx, uint32_t port, const struct fos_tx *tx, uint32_t n);
	/* Have the network take what was sent; true: some is left, call again. */
	bool (*kick)(void *ctx);
	/* Frames the sink is done with, at most max; counted as returned by reap_done(). */
	uint32_t (*reap)(void *ctx, uint32_t *frames, uint32_t max);
	void (*reap_done)(void *ctx);
	/* A number that moves on with every send() on the port and survives the process; a
	 * restarted egress sees by it whether its last batch went out. */
	uint64_t (*mark)(void *ctx, uint32_t port);
	/* Offline: everything of this batch is there, write it out in input order. */
	void (*flush)(void *ctx);
	/* The sockets are others now (struct fos_proc_hooks.renew); only sinks that have some. */
	int (*renew)(void *ctx);
	/* The orderly end, before close(): the last flush(), and an output that got nothing. */
	void (*finish)(void *ctx);
	/* Also when the process could not start: nothing of struct fos_proc is there any more. */
	void (*close)(void *ctx);
};

/* Frames that a sink hands back by its own account, in order. */
struct fos_sink_back {
	uint32_t *frame; /* room for every frame of the box */
	uint32_t nr;
	uint32_t seen; /* reaped, and not yet counted as returned */
};

static inline uint32_t fos_sink_back_reap(struct fos_sink_back *b, uint32_t *frames, uint32_t max)
{
	uint32_t n = 0;

	while (n < max && b->seen < b->nr)
		frames[n++] = b->frame[b->seen++];
	return n;
}

static inline void fos_sink_back_done(struct fos_sink_back *b)
{
	if (b->seen == b->nr)
		b->seen = b->nr = 0;
}

extern const struct fos_sink_ops fos_sink_xsk_ops;
extern const struct fos_sink_ops fos_sink_capture_ops;

/* Contexts for the two; freed by close(). NULL = no memory. */
void *fos_sink_xsk_new(void);
void *fos_sink_capture_new(void);

#endif
