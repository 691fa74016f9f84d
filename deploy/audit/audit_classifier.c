/* audit_classifier.c - is there a piece behind each of the classifier's claims, and a claim behind
 * each piece?  See audit.h. */
#include "classifier/state.h"
#include "deploy/audit/audit.h"

/* The parts of the private area, as classifier.c lays them out. */
struct parts {
	const struct fos_cls *cls;
	const struct fos_cls_private *priv;
	const struct fos_frag *frags;
	const uint32_t *claims;
	const struct fos_piece *pieces;
	const struct fos_flow *flows;
};

static uint64_t lines(uint64_t bytes)
{
	return (bytes + FOS_CACHE_LINE - 1) / FOS_CACHE_LINE * FOS_CACHE_LINE;
}

static bool find_parts(const struct fos_audit *a, uint32_t proc, struct parts *p)
{
	uint64_t at;

	p->cls = fos_audit_table(a, proc, 0, sizeof(*p->cls));
	if (!p->cls)
		return false;
	at = p->cls->private_off;
	p->priv = fos_audit_table(a, proc, at, p->cls->private_size);
	at += lines(sizeof(*p->priv)) + lines(FOS_FRAG_BUCKETS * sizeof(uint32_t));
	p->frags = fos_audit_table(a, proc, at, FOS_FRAG_MAX * sizeof(*p->frags));
	p->claims = fos_audit_table(a, proc, p->cls->claims_off, a->dir->nr_frames * 4ull);
	p->pieces = a->box.pieces;
	p->flows = a->box.flows;
	return p->priv && p->frags && p->claims && p->priv->magic == FOS_CLS_MAGIC;
}

/* The frame of a piece that nobody has taken over is ours, or egress's since a moment ago. */
static void look_at_piece(struct fos_audit *a, uint32_t proc, const struct parts *p, uint32_t i,
			  bool taken)
{
	const struct fos_piece *pc = &p->pieces[i];
	uint32_t frame = fos_relaxed32(&pc->frame), gen = fos_relaxed32(&pc->gen);
	const struct fos_audit_frame *f;

	if (pc->flags & FOS_PIECE_BORROWED)
		return;
	if (frame >= a->dir->nr_frames) {
		fos_audit_add(a, FOS_AUDIT_CLS_PIECE, proc, i);
		return;
	}
	f = &a->frame[frame];
	if (fos_relaxed32(&p->claims[frame]) == gen)
		a->frame[frame].piece = 1;
	else if (!taken && !(f->top_proc != FOS_NONE && f->top_proc != proc &&
			     f->top_gen == ((gen + 1) & (UINT32_MAX >> 2))))
		fos_audit_add(a, FOS_AUDIT_CLS_PIECE, proc, i);
}

/* A list of pieces from `first` to `last` (FOS_NONE: to its end).  `contiguous`: each begins where
 * the one before it ends.  False: it is broken. */
static bool look_at_list(struct fos_audit *a, uint32_t proc, const struct parts *p, uint32_t first,
			 uint32_t last, bool contiguous, uint64_t taken, uint64_t *end)
{
	uint32_t i = first;

	for (uint32_t n = 0; i != FOS_NONE; n++) {
		const struct fos_piece *pc;

		if (i >= p->cls->nr_pieces || n > p->cls->nr_pieces)
			return false;
		pc = &p->pieces[i];
		if (contiguous && n > 0 && pc->pos != *end)
			return false;
		*end = pc->pos + pc->len;
		look_at_piece(a, proc, p, i, *end <= taken);
		if (i == last)
			return true;
		i = fos_relaxed32(&pc->next);
	}
	return last == FOS_NONE || first == FOS_NONE;
}

static void look_at_flow(struct fos_audit *a, uint32_t proc, const struct parts *p, uint32_t flow)
{
	const struct fos_flow *f = &p->flows[flow];
	const struct fos_out *out = &a->box.outs[flow];
	uint64_t tail = fos_acquire64(&f->app.tail), taken = 0, end = 0, ignored = 0;
	uint32_t gen = fos_acquire32(&f->gen);

	if (gen == 0)
		return;
	a->flows++;
	if (fos_acquire32(&out->gen) == gen)
		taken = fos_acquire32(&out->done) ? UINT64_MAX : fos_acquire64(&out->pos[0]);
	if (!look_at_list(a, proc, p, fos_acquire32(&f->app.first), f->app.last, true, taken,
			  &end) ||
	    (f->app.first != FOS_NONE && end < tail) ||
	    !look_at_list(a, proc, p, fos_acquire32(&f->pkt.first), f->pkt.last, true, 0,
			  &ignored) ||
	    !look_at_list(a, proc, p, fos_relaxed32(&f->ooo_first), FOS_NONE, false, 0, &ignored))
		fos_audit_add(a, FOS_AUDIT_CLS_LIST, proc, flow);
}

static void look_at_rest(struct fos_audit *a, uint32_t proc, const struct parts *p)
{
	uint64_t ignored = 0;
	uint32_t g = fos_relaxed32(&p->priv->frag_first);

	if (!look_at_list(a, proc, p, fos_relaxed32(&p->priv->purge_first), p->priv->purge_last,
			  false, 0, &ignored))
		fos_audit_add(a, FOS_AUDIT_CLS_LIST, proc, FOS_NONE);
	for (uint32_t n = 0; g < FOS_FRAG_MAX && n <= FOS_FRAG_MAX; n++) {
		if (!look_at_list(a, proc, p, fos_relaxed32(&p->frags[g].first), FOS_NONE, false,
				  0, &ignored))
			fos_audit_add(a, FOS_AUDIT_CLS_LIST, proc, FOS_NONE);
		g = fos_relaxed32(&p->frags[g].next);
	}
}

void fos_audit_classifier(struct fos_audit *a, uint32_t proc)
{
	struct parts p;

	if (!find_parts(a, proc, &p))
		return;
	for (uint32_t flow = 0; flow < p.cls->nr_flows; flow++)
		look_at_flow(a, proc, &p, flow);
	look_at_rest(a, proc, &p);
	for (uint32_t frame = 0; frame < a->dir->nr_frames; frame++)
		if (fos_relaxed32(&p.claims[frame]) != 0 && a->frame[frame].top_proc == proc &&
		    a->frame[frame].nr_slots == 0 && !a->frame[frame].piece)
			fos_audit_add(a, FOS_AUDIT_CLS_LEAK, proc, frame);
}
