/* egress/edited.c - tuples of edited flows for the XDP program, see edited.h */
#include "egress/edited.h"

#include <arpa/inet.h>
#include <string.h>

#include "egress/out.h"
#include "shm/steer.h"

static void tuple_of(const struct fos_egress *e, uint32_t flow, struct fos_steer_tuple *t)
{
	const struct fos_flow *f = &e->p->box.flows[flow];
	bool v6 = f->ip_version == 6;

	memset(t, 0, sizeof(*t));
	memcpy(t->a, v6 ? f->src : f->src + 12, v6 ? 16 : 4);
	memcpy(t->b, v6 ? f->dst : f->dst + 12, v6 ? 16 : 4);
	t->port_a = htons(f->sport);
	t->port_b = htons(f->dport);
	t->family = v6 ? 6 : 4;
	t->proto = f->proto;
}

void fos_edited_mark(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	struct fos_steer_tuple tuple;

	if (!(t->flags & FOS_TCB_EDITED))
		fos_out_edit(e, flow)->edge_in = t->edge; /* up to now both ends count alike */
	t->flags |= FOS_TCB_EDITED;
	if (e->p->offline || !e->p->loop || e->p->fds.edited_map < 0 ||
	    t->flags & FOS_TCB_STEERED)
		return;
	/* the peer's packets come with another tuple where addresses are translated */
	for (uint32_t i = 0; i < 2; i++) {
		tuple_of(e, flow ^ i, &tuple);
		if (fos_steer_edited_add(e->p->fds.edited_map, &tuple) < 0)
			fos_log(FOS_LOG_WARN, "the map of edited flows is full: while the box is "
					      "down, some of them would pass unprocessed");
	}
	t->flags |= FOS_TCB_STEERED;
}

void fos_edited_unmark(struct fos_egress *e, uint32_t flow)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	const struct fos_tcb *g = fos_out_peer(e, flow);
	struct fos_steer_tuple tuple;

	if (!(t->flags & FOS_TCB_STEERED))
		return;
	t->flags &= ~(uint32_t)FOS_TCB_STEERED;
	if (g && g->flags & FOS_TCB_STEERED)
		return; /* the other direction still needs the entry */
	for (uint32_t i = 0; i < 2; i++) {
		tuple_of(e, flow ^ i, &tuple);
		fos_steer_edited_del(e->p->fds.edited_map, &tuple);
	}
}
