/* egress/icmp_error.c - ICMP errors about packets that the box sent on, see icmp_error.h */
#include "egress/icmp_error.h"

#include <netinet/in.h>

#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/icmp.h"
#include "egress/out.h"
#include "egress/recut.h"

#define MTU_MIN4 552u /* below that a message is more likely an attack; routers may fragment then */
#define MTU_MIN6 1280u /* RFC 8200 section 5 */

/* ---- numbers --------------------------------------------------------------------------------- */

/* The quoted packet's numbers as its sender knows them.  False: it cannot be in flight. */
static bool translate(const struct fos_egress *e, const struct fos_tcb *t, const struct fos_tcb *g,
		      struct fos_icmp_quoted *q)
{
	int64_t pos = fos_out_pos(t, q->seq, t->una), ack;

	/* the SYN stands before the first byte */
	if (pos > (int64_t)fos_out_max(e, t) || pos < (int64_t)t->una - (t->una == 0 ? 1 : 0))
		return false;
	if (pos >= 0)
		q->seq = fos_out_seq(t, fos_seqmap_back(fos_out_map(e, t), &e->pool, (uint64_t)pos));
	if (!q->has_ack || !g || !(g->flags & FOS_TCB_ISN))
		return true;
	ack = fos_out_pos(g, q->ack, g->in);
	if (ack >= 0)
		q->ack = fos_out_seq(g, fos_seqmap_forward(fos_out_map(e, g), &e->pool, (uint64_t)ack).at);
	return true;
}

/* A recorded error quotes what was sent unedited; in the output everything is edited. */
static void translate_offline(const struct fos_egress *e, const struct fos_tcb *t,
			      struct fos_icmp_quoted *q)
{
	int64_t pos = fos_out_pos(t, q->seq, t->in);

	if (pos >= 0)
		q->seq = fos_out_seq(t, fos_seqmap_forward(fos_out_map(e, t), &e->pool, (uint64_t)pos).at);
	q->has_ack = false;
}

/* ---- path MTU -------------------------------------------------------------------------------- */

/* Where a router does not say how much fits: the next smaller usual size (RFC 1191 section 7.1). */
static uint32_t plateau(uint32_t total)
{
	static const uint16_t usual[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};

	for (uint32_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (usual[i] < total)
			return usual[i];
	return 68;
}

/* What a message about a packet of `flow` says; true: the path is narrower than was known. */
static bool learn_mtu(struct fos_egress *e, uint32_t flow, const struct fos_icmp_quoted *q)
{
	uint32_t mtu = q->mtu || q->v6 ? q->mtu : plateau(q->total), least;
	struct fos_tcb *t = fos_out_tcb(e, flow);

	/* "too big" must be true of what is quoted (RFC 5927 section 7.2) */
	if (!q->too_big || e->p->offline || mtu >= q->total)
		return false;
	least = q->v6 ? MTU_MIN6 : MTU_MIN4;
	if (mtu < least) {
		mtu = least;
		t->flags |= q->v6 ? 0 : FOS_TCB_NODF;
	}
	if (t->flags & FOS_TCB_PMTU && mtu >= e->mores[flow].pmtu)
		return false;
	fos_out_more(e, flow)->pmtu = (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX);
	t->flags |= FOS_TCB_PMTU;
	fos_count(e->p->counter, FOS_C_mtu_learnt, 1);
	return true;
}

/* ---- the packet ------------------------------------------------------------------------------ */

/* Takes the error in; false: it is to be dropped. */
static bool take(struct fos_egress *e, uint32_t flow, struct fos_header *h)
{
	uint32_t about = FOS_PEER(flow);
	const struct fos_tcb *t = fos_out_peer(e, flow);
	struct fos_icmp_quoted q;
	bool known;

	if (!t || !fos_icmp_quoted(h, &q))
		return true;
	known = q.proto == IPPROTO_TCP && t->flags & FOS_TCB_ISN;
	if (known && e->p->offline)
		translate_offline(e, t, &q);
	else if (known && !translate(e, t, &e->tcbs[flow], &q))
		return false;
	if (known)
		fos_icmp_requote(h, &q);
	if (learn_mtu(e, about, &q) && known && e->tcbs[about].flags & FOS_TCB_EDITED)
		fos_recut_resend(e, about);
	return true;
}

void fos_icmp_error_forward(struct fos_egress *e, uint32_t flow, uint32_t frame, uint32_t port)
{
	struct fos_header h;

	if (!fos_header_open(&h, fos_box_frame(&e->p->box, frame), e->p->dir->frame_size,
			     e->claims[frame]) ||
	    !fos_header_restore(&h, e->claims[frame]) || port >= e->p->dir->nr_ports) {
		fos_count(e->p->counter, FOS_C_drop_meta, 1);
		fos_frames_put(e, frame);
		return;
	}
	if (!take(e, flow, &h)) {
		fos_count(e->p->counter, FOS_C_drop_icmp_quote, 1);
		fos_frames_put(e, frame);
		return;
	}
	fos_emit_opened(e, flow, frame, port, &h);
}
