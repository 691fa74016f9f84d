/* ingress/ingress.h - the ingress process: frames in, validated, on to their lane
 *
 * One process per NIC queue, or one for a capture file.  Writer of its own region, of the FILL ring
 * and of the metadata of frames it receives into.  Nothing here is lost when the process is killed:
 * the claim table says which frames were in its hands, the kernel's rings say what it had not
 * taken yet, its own rings say what it had passed on.  Checked by shm/models/frames.pml.
 */
#ifndef FOS_INGRESS_INGRESS_H
#define FOS_INGRESS_INGRESS_H

#include "ingress/parse.h"
#include "shm/build.h"
#include "shm/capture.h"
#include "shm/proc.h"
#include "shm/xsk.h"

/* claims[frame] of an ingress region: state in the low two bits, generation above.  The generation
 * grows each time the frame is passed on, so that a descriptor in a ring says which time. */
enum fos_ingress_claim {
	FOS_ING_AWAY = 0,   /* another process has it */
	FOS_ING_HELD = 1,   /* free, or being filled in */
	FOS_ING_KERNEL = 2, /* in the FILL or RX ring */
	FOS_ING_LENDING = 3 /* the one or the other: see `lend_from` */
};

/* private area of the ingress region */
struct fos_ingress_private {
	uint64_t magic;      /* set once the initial frames are claimed */
	/* offline, see replay.c */
	uint64_t nr_refused; /* packets of the capture that were not passed on */
	uint64_t batch_from; /* packets before the batch in flight */
	uint64_t batch_end;  /* clock at its end */
	uint64_t flush;      /* number of the flush that ends it */
	uint32_t phase;      /* enum phase */
	uint32_t lend_from;  /* the FILL ring's producer before the frames that are LENDING */
};

struct fos_ingress {
	struct fos_proc *proc;
	struct fos_ingress_private *priv;
	uint32_t *claims;
	uint32_t *stack; /* free frames; rebuilt from claims at every start */
	uint32_t nr_stack;
	uint32_t nr_free; /* on the stack or lent to the kernel */
	uint32_t low;     /* with fewer than these, frames are for packets that free others */
	uint32_t frame_size;
	struct fos_ring_prod *lane[FOS_MAX_LANES];
	/* live */
	struct fos_xsk_rx xsk;
	bool has_xsk;
	uint64_t lost_ns; /* when the socket was last asked what it lost */
	/* capture */
	struct fos_capture *capture;
	struct fos_capture_packet pending;
	bool has_pending;
	bool at_end;
	uint64_t nr_read;     /* packets passed on or refused so far */
	uint64_t batch_start; /* clock of the batch's first packet */
};

extern const struct fos_proc_hooks fos_ingress_hooks;
struct fos_ingress *fos_ingress_new(void);
void fos_ingress_free(struct fos_ingress *g);

/* Frames that came home over the FREE rings go on the stack.  Returns how many. */
uint32_t fos_ingress_collect(struct fos_ingress *g);

/* Passes a parsed frame to its lane, as FOS_DESC_FRAME with `follow` more frames to come, or as one
 * of these (FOS_DESC_MORE); the ring must have room.  Visible after fos_ring_commit(), before which
 * the claim must not be cleared: see fos_ingress_passed(). */
void fos_ingress_pass(struct fos_ingress *g, struct fos_ring_prod *ring, uint32_t frame,
		      enum fos_desc_kind kind, uint32_t follow);

/* A frame that the kernel had filled for nothing is free again. */
void fos_ingress_reclaim(struct fos_ingress *g, uint32_t frame);

/* After the commit: the frame is no longer ours. */
void fos_ingress_passed(struct fos_ingress *g, uint32_t frame);

/* Frames are short: the packet is not taken, and counted; its frame stays ours. */
void fos_ingress_refuse(struct fos_ingress *g, uint32_t frame);

/* Completes the metadata of a frame's packet (fos_parse()), its hash being what its port says. */
void fos_ingress_parse(const struct fos_ingress *g, struct fos_frame_meta *m);

/* The lane's ring for a packet. */
struct fos_ring_prod *fos_ingress_lane(struct fos_ingress *g, const struct fos_frame_meta *m);

/* Counts a received packet by what its metadata say. */
void fos_ingress_count(struct fos_ingress *g, const struct fos_frame_meta *m);

/* live.c and replay.c: one batch each.  fos_ingress_live_resume(): the socket's rings are mapped;
 * what a predecessor had taken is taken out of them. */
int fos_ingress_live_init(struct fos_ingress *g);
void fos_ingress_live_resume(struct fos_ingress *g);
uint32_t fos_ingress_live(struct fos_ingress *g);
int fos_ingress_replay_init(struct fos_ingress *g);
uint32_t fos_ingress_replay(struct fos_ingress *g);

#endif
