/* egress/urgent.c - flag and pointer of urgent data, see urgent.h */
#include "egress/urgent.h"

#include "egress/out.h"

static bool translates(const struct fos_egress *e)
{
	return e->p->dir->tcp_urgent;
}

void fos_urgent_learn(struct fos_egress *e, uint32_t flow, const struct fos_header *h, uint64_t in)
{
	uint16_t urg = fos_header_urg(h);
	struct fos_tcb_more *m;
	struct fos_tcb *t;

	if (!urg || !translates(e))
		return;
	t = fos_out_tcb(e, flow);
	m = fos_out_more(e, flow);
	if (t->flags & FOS_TCB_URG && in + urg <= m->urg_in)
		return;
	m->urg_in = in + urg;
	t->flags |= FOS_TCB_URG;
}

/* Pointer from output position `out` to what input position `at` has become; 0 = it is not ahead,
 * too far ahead, or the byte before it was deleted. */
static uint16_t pointer(const struct fos_egress *e, const struct fos_tcb *t, uint64_t at,
			uint64_t out)
{
	uint64_t from = fos_seqmap_forward(fos_out_map(e, t), &e->pool, at - 1).at;
	uint64_t to = fos_seqmap_forward(fos_out_map(e, t), &e->pool, at).at;

	if (from == to || from + 1 <= out || from + 1 - out > UINT16_MAX)
		return 0;
	return (uint16_t)(from + 1 - out);
}

void fos_urgent_fill(struct fos_egress *e, uint32_t flow, const struct fos_header *h, uint64_t in,
		     uint64_t out, struct fos_header_tcp *w)
{
	const struct fos_tcb *t = &e->tcbs[flow];
	uint16_t own = in == UINT64_MAX ? 0 : fos_header_urg(h);

	w->with_urg = true;
	w->urg = 0;
	if (!translates(e))
		return;
	if (own)
		w->urg = pointer(e, t, in + own, out);
	else if (in == UINT64_MAX && t->flags & FOS_TCB_URG)
		w->urg = pointer(e, t, e->mores[flow].urg_in, out);
}
