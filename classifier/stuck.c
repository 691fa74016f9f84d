/* classifier/stuck.c - a sender that cannot go on, see stuck.h */
#include "classifier/stuck.h"

#define TIMEOUT_MS 100u /* less than any timer of a sender: copies that the network made do not count */

static void tell_pms(struct fos_classifier *c, uint32_t flow)
{
	const struct fos_dir_pipeline *pl = fos_cls_pipeline(c, flow);

	for (uint32_t k = pl->nr_pkt_stages; k < pl->nr_stages; k++)
		for (uint32_t i = 0; i < pl->stage[k].nr_pms; i++)
			if (fos_box_watches(c->dir, pl->stage[k].pm[i], c->flows[flow].flags))
				fos_hint_pm(c, flow, pl->stage[k].pm[i]);
}

/* Has egress not had all of them? */
static bool held(const struct fos_classifier *c, uint32_t flow, uint32_t gen, uint64_t end)
{
	const struct fos_out *out = &c->box->outs[flow];

	/* pairs with egress's release of gen: the position is that generation's */
	return fos_acquire32(&out->gen) != gen || fos_acquire64(&out->pos[0]) < end;
}

void fos_stuck_again(struct fos_classifier *c, uint32_t flow, uint64_t pos, uint32_t len,
		     uint64_t time_ns)
{
	const struct fos_shadow *s = fos_touch(c, flow);
	struct fos_flow *f = &c->flows[flow];
	uint32_t ms = (uint32_t)(time_ns / 1000000);

	if (c->p->offline || len == 0 || s->flags & FOS_FLOW_OPAQUE || !held(c, flow, s->gen, pos + len))
		return;
	if (f->again_pos != pos + 1) {
		f->again_pos = pos + 1;
		f->again_ms = ms;
	} else if (ms - f->again_ms >= TIMEOUT_MS) {
		f->again_ms = ms;
		fos_txn_publish64(&c->txn, &f->stuck_ns, time_ns);
		tell_pms(c, flow);
	}
}
