/* egress/out.h - the output TCB of a flow: what was sent, what was acknowledged, in which numbers
 *
 * Naming: flow f carries bytes from its source to its destination; f ^ 1 is its peer.  A packet of
 * direction f carries sequence numbers of f's output and acknowledges the peer's input, because
 * the peer's edits lie between the two ends.
 */
#ifndef FOS_EGRESS_OUT_H
#define FOS_EGRESS_OUT_H

#include "egress/egress.h"

/* The TCB of this generation of a flow, ready to be changed; opened when it is met for the first
 * time.  NULL: index out of range, or the flow is of another generation by now. */
struct fos_tcb *fos_out_open(struct fos_egress *e, uint32_t flow, uint32_t gen);

/* Keeps the TCB as it is, once a batch (fos_out_tcb()). */
void fos_out_save(struct fos_egress *e, const struct fos_tcb *t);

/* The same for a flow that is known to be open. */
static inline struct fos_tcb *fos_out_tcb(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb *t = &e->tcbs[flow];

	if (t->batch != e->batch) {
		fos_out_save(e, t);
		t->batch = e->batch;
	}
	return t;
}

/* The other records of a flow that is known to be open, kept as they are before the caller changes them. */
static inline struct fos_tcb_more *fos_out_more(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb_more *m = &e->mores[flow];

	if (m->batch != e->batch) {
		fos_egress_save(e, m, sizeof(*m));
		m->batch = e->batch;
	}
	return m;
}

/* Only where e->edits is there. */
static inline struct fos_tcb_edit *fos_out_edit(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb_edit *x = &e->edits[flow];

	if (x->batch != e->batch) {
		fos_egress_save(e, x, sizeof(*x));
		x->batch = e->batch;
	}
	return x;
}

/* Only where e->files is there. */
static inline struct fos_tcb_file *fos_out_file(struct fos_egress *e, uint32_t flow)
{
	fos_egress_save(e, &e->files[flow], sizeof(e->files[flow]));
	return &e->files[flow];
}

/* What the box does about losses of this flow, to be changed: all 0 until it is. */
struct fos_tcb_more *fos_out_loss(struct fos_egress *e, uint32_t flow);

/* Where input positions of a flow lie in its output, to look at.  Its `in` and `out` do not count. */
static inline const struct fos_seqmap *fos_out_map(const struct fos_egress *e, const struct fos_tcb *t)
{
	return t->flags & FOS_TCB_MAPPED ? &e->edits[t - e->tcbs].map : &fos_seqmap_same;
}

/* Where an input position lies in the output, and the other way (fos_seqmap_back()). */
static inline uint64_t fos_out_forward(const struct fos_egress *e, const struct fos_tcb *t, uint64_t in)
{
	if (!(t->flags & FOS_TCB_MAPPED))
		return in;
	return fos_seqmap_forward(&e->edits[t - e->tcbs].map, &e->pool, in).at;
}

static inline uint64_t fos_out_back(const struct fos_egress *e, const struct fos_tcb *t, uint64_t out)
{
	if (!(t->flags & FOS_TCB_MAPPED))
		return out;
	return fos_seqmap_back(&e->edits[t - e->tcbs].map, &e->pool, out);
}

/* n bytes leave as they came. */
static inline void fos_out_copy(struct fos_tcb *t, uint64_t n)
{
	t->in += n;
	t->out += n;
}

/* Of the bytes that come next `del` do not leave, and `ins` others do.  False: no map node is free, or no
 * module may edit; nothing changed. */
bool fos_out_replace(struct fos_egress *e, uint32_t flow, uint64_t del, uint64_t ins);

/* Everything below output position `pos` has been acknowledged: its map is given back. */
void fos_out_prune(struct fos_egress *e, uint32_t flow, uint64_t pos);

/* How far the flow has come in the output of the pipeline's i-th editor, as published or to be; i = 0:
 * in its input. */
static inline uint64_t fos_out_passed(const struct fos_egress *e, uint32_t flow, uint32_t i)
{
	return i == 0 ? e->tcbs[flow].passed : e->edits ? e->edits[flow].pos[i - 1] : 0;
}

/* The same begins anew: the flow has gone into another pipeline. */
void fos_out_passed_anew(struct fos_egress *e, uint32_t flow, uint32_t i, uint64_t pos);

/* RFC 6298 section 2; before any back-off. */
uint64_t fos_out_rto_us(const struct fos_tcb *t);

/* A payload of `len` bytes came in this direction. */
void fos_out_learn_len(struct fos_egress *e, uint32_t flow, uint32_t len);

/* The peer's TCB to look at; NULL when it is not open in the same connection. */
static inline const struct fos_tcb *fos_out_peer(const struct fos_egress *e, uint32_t flow)
{
	uint32_t peer = FOS_PEER(flow);
	const struct fos_tcb *g = &e->tcbs[peer];

	if (peer >= e->p->dir->nr_flows || !g->gen ||
	    g->gen != fos_relaxed32(&e->p->box.flows[peer].gen))
		return NULL;
	return g;
}

/* Position after everything sent, the FIN counting one. */
static inline uint64_t fos_out_wire(const struct fos_tcb *t)
{
	return t->out + ((t->flags & FOS_TCB_FIN_SENT) ? 1 : 0);
}

/* Position after what has left ahead of a hole (early.h); 0: nothing has. */
static inline uint64_t fos_out_early(const struct fos_egress *e, const struct fos_tcb *t)
{
	return t->flags & FOS_TCB_EARLY ? e->mores[t - e->tcbs].early : 0;
}

/* Position after everything that has left, also ahead of a hole: no more can be acknowledged. */
static inline uint64_t fos_out_max(const struct fos_egress *e, const struct fos_tcb *t)
{
	uint64_t wire = fos_out_wire(t), early = fos_out_early(e, t);

	return early > wire ? early : wire;
}

/* fos_out_wire() on the input side. */
static inline uint64_t fos_out_wire_in(const struct fos_tcb *t)
{
	return t->in + ((t->flags & FOS_TCB_FIN_SENT) ? 1 : 0);
}

/* Sequence number of a position: the one place where 64 bits become 32. */
static inline uint32_t fos_out_seq(const struct fos_tcb *t, uint64_t pos)
{
	return t->isn + 1 + (uint32_t)pos;
}

/* And back: the position nearest to `near`; negative before the stream's first byte. */
static inline int64_t fos_out_pos(const struct fos_tcb *t, uint32_t seq, uint64_t near)
{
	return (int64_t)near + (int32_t)(seq - (t->isn + 1) - (uint32_t)near);
}

/* Is `seq` newer than `than` (RFC 7323 comparison)? */
static inline bool fos_out_newer(uint32_t a, uint32_t than)
{
	return (int32_t)(a - than) > 0;
}

/* A timestamp that a packet of this direction carried. */
static inline void fos_out_learn_ts(struct fos_tcb *t, uint32_t tsval)
{
	if (!(t->flags & FOS_TCB_TS) || fos_out_newer(tsval, t->ts_seen))
		t->ts_seen = tsval;
	t->flags |= FOS_TCB_TS;
}

/* A packet all of whose bytes were deleted shows in no span; its timestamp counts all the same: the
 * sender recognises by its echo which copy was acknowledged (RFC 7323, RFC 3522). */
static inline void fos_out_learn_passed(const struct fos_egress *e, struct fos_tcb *t,
					const struct fos_flow *f)
{
	uint32_t tsval = fos_relaxed32(&f->ts_recent);

	if (!e->p->offline && t->flags & FOS_TCB_TS && fos_out_newer(tsval, t->ts_seen))
		t->ts_seen = tsval;
}

/* May a timestamp in a packet of this direction that is no SYN be learnt?  Where the handshake was seen
 * it has said so: a hostile end may put one in that nobody agreed on. */
static inline bool fos_out_has_ts(const struct fos_egress *e, const struct fos_tcb *t)
{
	return t->flags & FOS_TCB_TS || e->p->offline ||
	       e->p->box.flows[t - e->tcbs].flags & FOS_FLOW_PICKUP;
}

/* What a packet of this direction that acknowledges `ack` reports of congestion (AE, CWR, ECE). */
static inline void fos_out_learn_ace(struct fos_tcb *t, uint32_t ack, uint8_t ace)
{
	if (!(t->flags & FOS_TCB_ACK_KNOWN) || !fos_out_newer(t->ack_seen, ack))
		t->ace = ace;
}

/* The acknowledgement that a packet of direction `flow` carries now (inline: the newest the
 * destination may know of; offline: `as_came` translated).  False: nothing to acknowledge yet. */
bool fos_out_ack(const struct fos_egress *e, uint32_t flow, uint32_t as_came, uint32_t *ack);

/* Publishes whether the receiver's window has room: while it has none, nobody's hold runs out. */
void fos_out_note_window(struct fos_egress *e, uint32_t flow);

/* The flow's sender is told `ack`: the classifier knows by it an exact RST. */
void fos_out_tell_ack(struct fos_egress *e, uint32_t flow, uint32_t ack);

/* What a packet of t's direction acknowledges and offers, as it came; the newest acknowledgement brings
 * the window that counts. */
void fos_out_learn_ack(struct fos_tcb *t, uint32_t ack, uint16_t wnd);

/* A packet of direction `flow` acknowledged `ack` with raw window `wnd`: moves the peer flow's
 * una and edge, frees what was retained, may have the peer flow run.  Returns false when it
 * acknowledges what was never sent. */
bool fos_out_acked(struct fos_egress *e, uint32_t flow, uint32_t ack, uint16_t wnd, bool scaled);

/* Port that packets of this direction leave by; FOS_NONE: none. */
static inline uint32_t fos_out_port(const struct fos_egress *e, uint32_t flow)
{
	uint32_t in = e->p->box.flows[flow].port;
	uint32_t out = in < e->p->dir->nr_ports ? e->p->dir->port[in].peer : FOS_NONE;

	return out < e->p->dir->nr_ports ? out : FOS_NONE;
}

/* Bytes the receiver's window allows beyond `out`. */
uint64_t fos_out_window(const struct fos_egress *e, const struct fos_tcb *t);

/* Room in the receiver's window for which a sender waits while something is on its way: a whole segment,
 * or half of what there ever was (RFC 1122 section 4.2.3.4). */
uint32_t fos_out_enough(const struct fos_egress *e, const struct fos_tcb *t);

/* Payload of a segment that the box makes, at most: half of the largest window, as hosts do.  A receiver
 * takes the longest segment for its unit: one that fills its buffer makes it open its window by crumbs
 * from then on (Linux).  UINT32_MAX: the window is not known, or no bound. */
uint32_t fos_out_segment_max(const struct fos_egress *e, const struct fos_tcb *t);

/* The window field of the newest acknowledgement in direction `flow`.  Where the peer's bytes were
 * edited it offers the sender what will fit the receiver, and never less than was offered before
 * (RFC 9293 section 3.8.6: the right edge is not taken back).  *edge: that edge, 0 = as it came. */
uint16_t fos_out_wnd(const struct fos_egress *e, uint32_t flow, uint64_t *edge);

/* The same for an acknowledgement `ack` between the one that left last and what the receiver has said: the
 * edge stays where it was, but for what the scale cannot say.  False: that would be beyond the receiver's
 * own edge, and a window is not to shrink when that is told. */
bool fos_out_kept_wnd(const struct fos_egress *e, uint32_t flow, uint32_t ack, uint16_t *wnd,
		      uint64_t *edge);

/* A packet of direction `flow` tells that edge (0: none): later windows are not to end before it. */
void fos_out_tell_edge(struct fos_egress *e, uint32_t flow, uint64_t edge);

/* Queues a published position; positions never recede. */
void fos_out_publish(struct fos_egress *e, uint32_t flow, uint32_t i, uint64_t pos);

/* Nothing will leave any more: frees what is retained.  The flow's next run takes over what is left
 * of its pieces and publishes `done`. */
void fos_out_finish(struct fos_egress *e, uint32_t flow);

/* Both ends have everything: finishes the connection's flows when that is so. */
void fos_out_check_done(struct fos_egress *e, uint32_t flow);

/* The rewrites of this direction, copied; returns how many (one per rewriting PM). */
uint32_t fos_out_rewrites(struct fos_egress *e, uint32_t flow, struct fos_rewrite *rw,
			  uint32_t max);

#endif
