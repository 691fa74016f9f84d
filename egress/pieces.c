/* egress/pieces.c - taking over the frames of passed pieces, see pieces.h */
#include "egress/pieces.h"

#include "egress/frames.h"
#include "egress/out.h"
#include "shm/view.h"

static uint32_t state_of(const struct fos_egress *e, uint32_t flow)
{
	/* pairs with the classifier's release of `state`: end pieces are linked */
	return fos_acquire32(&e->p->box.flows[flow].state);
}

/* Is what follows this piece in the list already true? */
static uint32_t successor(const struct fos_egress *e, uint32_t flow, const struct fos_piece *pc,
			  uint32_t state)
{
	const struct fos_flow *f = &e->p->box.flows[flow];

	if (pc->pos + pc->len < fos_acquire64(&f->app.tail) ||
	    state & (FOS_FLOW_ST_FIN | FOS_FLOW_ST_RESET | FOS_FLOW_ST_CLOSED))
		return pc->next;
	return FOS_NONE;
}

uint32_t fos_pieces_after(const struct fos_egress *e, uint32_t flow, const struct fos_piece *pc)
{
	return successor(e, flow, pc, state_of(e, flow));
}

/* First piece that was not taken yet; false: there is none (now). */
static bool untaken(struct fos_egress *e, uint32_t flow, uint32_t state, uint32_t *at,
		    struct fos_piece *pc)
{
	const struct fos_box *box = &e->p->box;
	const struct fos_tcb *t = &e->tcbs[flow];
	uint32_t ends = 0, idx = t->piece;

	if (idx != FOS_NONE && fos_piece_get(box, idx, flow, t->gen, pc)) {
		*at = idx;
		return true;
	}
	idx = fos_acquire32(&box->flows[flow].app.first);
	for (uint32_t i = 0; i <= e->p->dir->nr_pieces && idx != FOS_NONE; i++) {
		if (!fos_piece_get(box, idx, flow, t->gen, pc))
			return false;
		if (pc->len ? pc->pos + pc->len > t->taken : ends++ >= t->ends) {
			*at = idx;
			return true;
		}
		idx = successor(e, flow, pc, state);
	}
	return false;
}

/* Did the frame leave (or is about to leave) with these very bytes? */
static bool sent_whole(const struct fos_egress *e, uint32_t flow, const struct fos_piece *pc)
{
	const struct fos_seg *s = &e->segs[pc->frame];

	return s->gen == pc->gen && s->flow == flow && s->in_pos == pc->pos &&
	       !(s->flags & FOS_SEG_OWN);
}

static void take(struct fos_egress *e, uint32_t flow, const struct fos_piece *pc, uint32_t state)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);

	t->piece = successor(e, flow, pc, state);
	if (pc->len)
		t->taken = pc->pos + pc->len;
	else
		t->ends++;
	if (pc->flags & FOS_PIECE_BORROWED || (pc->len && sent_whole(e, flow, pc)))
		return;
	if (fos_frames_claim(e, pc->frame, pc->gen))
		fos_frames_put(e, pc->frame);
}

uint64_t fos_pieces_take(struct fos_egress *e, uint32_t flow, uint64_t upto)
{
	uint32_t state = state_of(e, flow), at;
	struct fos_piece pc;

	/* (what ends there is not looked for: where nothing follows yet, from the first piece on) */
	while (e->tcbs[flow].taken < upto && untaken(e, flow, state, &at, &pc)) {
		if (pc.len == 0 || pc.pos + pc.len > upto) {
			fos_out_tcb(e, flow)->piece = at;
			break;
		}
		if (!fos_egress_room(e)) {
			fos_egress_run_later(e, flow);
			return e->tcbs[flow].taken;
		}
		take(e, flow, &pc, state);
	}
	return upto;
}

/* An end piece counts once the state that announces it is published. */
static bool announced(const struct fos_piece *pc, uint32_t state)
{
	if (state & FOS_FLOW_ST_CLOSED)
		return true;
	if (pc->flags & FOS_PIECE_RST)
		return state & FOS_FLOW_ST_RESET;
	return state & FOS_FLOW_ST_FIN;
}

void fos_pieces_take_all(struct fos_egress *e, uint32_t flow)
{
	uint32_t state = state_of(e, flow), at;
	struct fos_piece pc;

	while (untaken(e, flow, state, &at, &pc)) {
		if (pc.len ? pc.pos + pc.len > fos_acquire64(&e->p->box.flows[flow].app.tail) :
			     !announced(&pc, state))
			break;
		if (!fos_egress_room(e))
			fos_egress_commit(e);
		take(e, flow, &pc, state);
	}
}

uint32_t fos_pieces_end(struct fos_egress *e, uint32_t flow, uint16_t flags)
{
	uint32_t state = state_of(e, flow), at, idx;
	struct fos_piece pc;

	if (!untaken(e, flow, state, &at, &pc))
		return FOS_NONE;
	for (idx = at; idx != FOS_NONE && fos_piece_get(&e->p->box, idx, flow, e->tcbs[flow].gen, &pc);
	     idx = successor(e, flow, &pc, state))
		if (pc.len == 0 && pc.flags & flags && announced(&pc, state))
			return pc.frame;
	return FOS_NONE;
}

bool fos_pieces_peek(struct fos_egress *e, uint32_t flow, struct fos_piece *pc)
{
	uint32_t at;

	return untaken(e, flow, state_of(e, flow), &at, pc);
}

bool fos_pieces_next(struct fos_egress *e, uint32_t flow, uint64_t upto, struct fos_piece *pc)
{
	uint32_t state = state_of(e, flow), at;
	struct fos_tcb *t;

	if (!untaken(e, flow, state, &at, pc) || pc->pos + pc->len > upto ||
	    (pc->len == 0 && !announced(pc, state))) {
		return false;
	}
	t = fos_out_tcb(e, flow);
	t->piece = successor(e, flow, pc, state);
	if (pc->len)
		t->taken = pc->pos + pc->len;
	else
		t->ends++;
	return true;
}

uint32_t fos_pieces_take_end(struct fos_egress *e, uint32_t flow, uint16_t flags)
{
	uint32_t state = state_of(e, flow), at;
	struct fos_piece pc;
	struct fos_tcb *t;

	while (untaken(e, flow, state, &at, &pc)) {
		if (pc.len || !announced(&pc, state))
			break;
		if (!(pc.flags & flags)) {
			if (flags & FOS_PIECE_FIN)
				break; /* a reset is not to be passed over */
			take(e, flow, &pc, state);
			continue;
		}
		t = fos_out_tcb(e, flow);
		t->piece = successor(e, flow, &pc, state);
		t->ends++;
		if (!(pc.flags & FOS_PIECE_BORROWED) && fos_frames_claim(e, pc.frame, pc.gen))
			return pc.frame;
		break;
	}
	return FOS_NONE;
}
