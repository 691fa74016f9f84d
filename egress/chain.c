/* egress/chain.c - packets that leave in several frames, see chain.h */
#include "egress/chain.h"

#include <string.h>

#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/mss.h"
#include "egress/out.h"
#include "shm/csum.h"

#define FOLLOW_MAX 255u /* as the classifier bounds a packet's parts */

static void drop(struct fos_egress *e, const uint32_t *frame, uint32_t nr, enum fos_counter_id why)
{
	fos_count(e->p->counter, why, 1);
	for (uint32_t i = 0; i < nr; i++)
		fos_frames_put(e, frame[i]);
}

/* Are these the frames of one packet, each with sound offsets? */
static bool linked(const struct fos_egress *e, const uint32_t *frame, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		const struct fos_frame_meta *m = fos_box_meta(&e->p->box, frame[i]);
		bool cont = m->flags & FOS_PKT_CONT;

		if (cont != (i > 0) || m->next_frame != (i + 1 < nr ? frame[i + 1] : FOS_NONE) ||
		    m->data_off < FOS_FRAME_META_SIZE || !m->len ||
		    (uint32_t)m->data_off + m->len > e->p->dir->frame_size)
			return false;
	}
	return true;
}

/* The transport checksum over all frames, where the field holds the pseudo header's sum only. */
static void whole_checksum(struct fos_egress *e, struct fos_header *h, const uint32_t *frame,
			   uint32_t nr)
{
	uint32_t at = (uint32_t)h->m->l3_off + h->m->l3_len - h->m->l4_off, len = at;
	uint16_t zero = 0, sum;
	uint64_t all;

	for (uint32_t i = 1; i < nr; i++)
		len += fos_box_meta(&e->p->box, frame[i])->len;
	memcpy(h->csum, &zero, 2);
	all = fos_csum_add(fos_header_pseudo(h, len), h->l4, at);
	for (uint32_t i = 1; i < nr; i++) {
		const struct fos_frame_meta *m = fos_box_meta(&e->p->box, frame[i]);

		all = fos_csum_add_at(all, (const uint8_t *)m + m->data_off, m->len, at);
		at += m->len;
	}
	sum = (uint16_t)~fos_csum_fold(all);
	if (!sum && h->m->flags & FOS_PKT_UDP)
		sum = 0xffff;
	memcpy(h->csum, &sum, 2);
}

static bool fits(const struct fos_egress *e, const struct fos_frame_meta *m, uint32_t nr, uint32_t port)
{
	uint32_t mtu = e->p->dir->port[port].mtu, len = m->orig_len;

	return nr <= FOS_CHAIN_MAX && len + m->data_off - m->l3_off <= (mtu ? mtu : UINT16_MAX);
}

void fos_chain_send(struct fos_egress *e, uint32_t flow, const uint32_t *frame, uint32_t nr,
		    uint32_t port)
{
	uint32_t gen = e->claims[frame[0]];
	struct fos_header h;

	if (port >= e->p->dir->nr_ports || !linked(e, frame, nr) ||
	    !fos_header_open(&h, fos_box_frame(&e->p->box, frame[0]), e->p->dir->frame_size, gen)) {
		drop(e, frame, nr, FOS_C_drop_meta);
		return;
	}
	if (!fits(e, h.m, nr, port)) {
		drop(e, frame, nr, FOS_C_drop_mtu);
		return;
	}
	if ((h.full || (flow != FOS_NONE && fos_emit_rewrites(e, flow))) &&
	    fos_header_restore(&h, gen)) {
		bool full = h.full && h.csum;

		h.full = false;
		if (flow != FOS_NONE)
			fos_emit_rewrite(e, flow, &h, NULL, 0);
		if (full)
			whole_checksum(e, &h, frame, nr);
	}
	for (uint32_t i = 0; i < nr; i++)
		fos_frames_send_part(e, frame[i], port, i + 1 < nr);
}

uint32_t fos_chain_forward(struct fos_egress *e, const struct fos_desc *d)
{
	uint32_t frame[FOLLOW_MAX + 1], nr = 0, used, flow = d->flow, port = FOS_NONE;
	bool room;

	/* they were committed together; where they are not, the first does not pass for a packet */
	used = d->len <= FOLLOW_MAX && fos_ring_peek(e->in) > d->len ? d->len + 1 : 1;
	if (d->frame < e->p->dir->nr_frames)
		port = fos_box_meta(&e->p->box, d->frame)->port;
	port = port < e->p->dir->nr_ports ? e->p->dir->port[port].peer : FOS_NONE;
	room = port >= e->p->dir->nr_ports || fos_frames_tx_room(e, port, used);
	if (!fos_egress_room(e) || !room)
		return 0;
	for (uint32_t i = 0; i < used; i++) {
		const struct fos_desc *q = fos_ring_at(e->in, i);

		if (q->kind == (i ? FOS_DESC_MORE : FOS_DESC_FORWARD) &&
		    fos_frames_claim(e, q->frame, q->gen))
			frame[nr++] = q->frame;
	}
	if (flow != FOS_NONE && !fos_out_open(e, flow, d->flow_gen))
		flow = FOS_NONE;
	if (nr == used)
		fos_chain_send(e, flow, frame, nr, port);
	else
		drop(e, frame, nr, FOS_C_drop_meta);
	return used;
}
