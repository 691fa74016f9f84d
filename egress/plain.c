/* egress/plain.c - pieces that leave exactly as they came, see plain.h */
#include "egress/plain.h"

#include "egress/frames.h"
#include "egress/header.h"
#include "egress/offline.h"
#include "egress/out.h"
#include "egress/pieces.h"

bool fos_plain_may(const struct fos_run *r)
{
	const struct fos_view *v = &r->view;

	if (v->base == v->base_tail || r->t->flags & FOS_TCB_EARLY)
		return false;
	for (uint32_t i = 0; i < v->nr_layers; i++)
		if (v->layer[i].edit != FOS_NONE)
			return false;
	return true;
}

/* Bytes that every stage has released and the receiver has room for. */
static uint64_t released(const struct fos_run *r)
{
	const struct fos_view *v = &r->view;
	uint64_t n = fos_out_window(r->e, r->t);

	if (v->base_tail - v->base < n)
		n = v->base_tail - v->base;
	for (uint32_t i = 0; i < v->nr_layers; i++) {
		const struct fos_layer *l = &v->layer[i];
		uint64_t room = l->limit > l->in ? l->limit - l->in : 0;

		n = room < n ? room : n;
	}
	return n;
}

/* Packets that may leave, as fos_frames_tx_room() counts them. */
static uint32_t tx_room(const struct fos_egress *e, uint32_t port)
{
	uint32_t room, left;

	if (port >= e->p->dir->nr_ports)
		return 0;
	room = e->sink->room(e->sink_ctx, port);
	room = room > e->tx_port[port] ? room - e->tx_port[port] : 0;
	left = FOS_EGR_TX_MAX - e->st->nr_tx;
	return room < left ? room : left;
}

/* The piece at the cursor, if it is a packet's whole payload in a frame that is there. */
static bool whole(const struct fos_run *r, uint32_t at, uint64_t most, uint32_t mtu,
		  struct fos_piece *pc)
{
	const struct fos_egress *e = r->e;

	return fos_piece_get(&e->p->box, at, r->flow, r->t->gen, pc) && pc->pos == r->view.base &&
	       pc->len > 0 && pc->len <= most && !(pc->flags & FOS_PIECE_GONE) &&
	       e->segs[pc->frame].state == FOS_SEG_AWAY && fos_run_whole(r, pc, mtu);
}

/* Of a capture: the place among its packets, and what the packet acknowledged. */
static void learn(struct fos_run *r, const struct fos_piece *pc)
{
	struct fos_egress *e = r->e;
	struct fos_tcb_file *x = fos_run_place(r, pc);
	struct fos_header h;

	if (r->template_of == pc->frame ||
	    !fos_header_open(&h, fos_box_frame(&e->p->box, pc->frame), e->p->dir->frame_size,
			     fos_frames_gen(pc->gen)) ||
	    !h.l4)
		return;
	fos_offline_passed(x, r->t, &h);
	fos_offline_read(fos_frames_seg(e, pc->frame), &h);
}

/* Cursor and records go on by the piece; its frame has been claimed. */
static void pass(struct fos_run *r, uint32_t at, const struct fos_piece *pc)
{
	struct fos_view *v = &r->view;
	struct fos_tcb *t = r->t;

	v->base += pc->len;
	for (uint32_t i = 0; i < v->nr_layers; i++) {
		v->layer[i].in += pc->len;
		v->layer[i].out += pc->len;
	}
	__builtin_prefetch(&v->box->pieces[pc->next]); /* any index may be fetched */
	v->piece = v->base < v->base_tail ? pc->next : at;
	fos_out_copy(t, pc->len);
	/* where all before it has been taken over it is, too; its frame leaves */
	if (t->taken == pc->pos) {
		t->taken = pc->pos + pc->len;
		t->piece = v->base < v->base_tail ? pc->next :
						    fos_pieces_after(r->e, r->flow, pc);
	}
}

static bool send(struct fos_run *r, uint32_t at, const struct fos_piece *pc)
{
	if (!fos_run_take(r, pc))
		return false;
	r->near = at;
	r->fin_here = pc->flags & FOS_PIECE_FIN;
	r->passed = pc->pos + pc->len;
	if (r->e->files)
		learn(r, pc);
	pass(r, at, pc);
	return true;
}

uint32_t fos_plain_send(struct fos_run *r, uint32_t max)
{
	struct fos_egress *e = r->e;
	const struct fos_view *v = &r->view;
	uint64_t most = released(r), first = r->t->out;
	uint32_t n = 0, room = tx_room(e, fos_out_port(e, r->flow));
	uint32_t mtu = fos_run_mtu(r);
	struct fos_piece pc;

	if (v->base != r->t->in || e->pool.free->nr < 4 ||
	    (!e->p->offline && !fos_seqmap_room(fos_out_map(e, r->t), &e->pool)))
		return 0;
	while (n < max && room >= 2 + (e->p->offline ? 0 : n) && fos_egress_room(e)) {
		uint32_t at = v->piece;

		if (at == FOS_NONE)
			at = fos_piece_find(&e->p->box, r->flow, r->t->gen, true, false, v->base,
					    r->t->piece, &pc);
		if (!whole(r, at, most - (r->t->out - first), mtu, &pc) || !send(r, at, &pc))
			break;
		n++;
	}
	return n;
}
