/* pmhost/packet.c - packet streams (`ip`, `tcp`) and the packets behind the bytes of `app`
 *
 * A packet stream is flow.pkt: packets in arrival order, positions never mapped.  A packet is
 * there for a stage when every PM of the stage before that watches the flow has its head past the
 * packet's end, each in the coordinates of its own stream.
 */
#include <string.h>

#include "pmhost/host.h"
#include "pmhost/window.h"

/* heads of the stage before, as far as it watches this flow */
struct ahead {
	uint32_t nr;
	uint64_t head[FOS_MAX_PARALLEL];
	bool l4[FOS_MAX_PARALLEL];
};

static void look_ahead(const struct fos_window *w, struct ahead *a)
{
	const struct fos_instance *pm = w->pm;
	const struct fos_dir_pipeline *pl = &pm->dir->pipeline[w->route.pipeline];

	a->nr = 0;
	for (uint32_t st = w->stage; st-- > 0 && a->nr == 0;) {
		for (uint32_t i = 0; i < pl->stage[st].nr_pms; i++) {
			uint32_t other = pl->stage[st].pm[i];
			struct fos_pm_pub pub;

			if (!fos_box_watches(pm->dir, other, w->flow_flags))
				continue;
			if (!fos_box_pub(pm->box, other, w->flow, w->gen, &pub))
				pub.head = 0;
			a->head[a->nr] = pub.head;
			a->l4[a->nr++] = pm->dir->pm[other].stream == FOS_STREAM_TCP;
		}
	}
}

static bool passed(const struct ahead *a, const struct fos_piece *p)
{
	for (uint32_t i = 0; i < a->nr; i++)
		if (a->head[i] < (a->l4[i] ? p->pos_l4 + p->l4_len : p->pos + p->len))
			return false;
	return true;
}

static void add(struct fos_window *w, const struct fos_piece *p, uint32_t idx, bool l4)
{
	struct fos_seg *seg = fos_window_add(w);
	uint64_t pos = l4 ? p->pos_l4 : p->pos;
	uint32_t skip = pos < w->tail ? (uint32_t)(w->tail - pos) : 0;

	seg->data = fos_box_frame(w->pm->box, p->frame) + (l4 ? p->l4_off : p->off) + skip;
	seg->pos = pos + skip;
	seg->len = (l4 ? p->l4_len : p->len) - skip;
	seg->piece = idx;
	seg->piece_off = skip;
	seg->flags = p->flags;
	w->tail = seg->pos + seg->len;
}

/* The window ends with a whole packet. */
static void trim(struct fos_window *w)
{
	while (w->nr_seg > 0 && !(w->seg[w->nr_seg - 1].flags & FOS_PIECE_LAST)) {
		w->nr_seg--;
		w->tail = w->seg[w->nr_seg].pos;
	}
}

void fos_packet_open(struct fos_window *w, uint64_t limit)
{
	const struct fos_box *box = w->pm->box;
	const struct fos_flow *f = &box->flows[w->flow];
	struct fos_local *local = &w->pm->local[w->flow];
	bool l4 = w->pm->d->stream == FOS_STREAM_TCP;
	uint32_t state = fos_acquire32(&f->state);
	/* pairs with the classifier's release of the tail: pieces below it are linked */
	uint64_t end_ip = fos_acquire64(&f->pkt.tail);
	uint64_t end = l4 ? fos_relaxed64(&f->pkt.tail_l4) : end_ip;
	struct ahead ahead;
	struct fos_piece p;
	uint32_t idx = FOS_NONE;

	look_ahead(w, &ahead);
	if (w->head < end)
		idx = fos_piece_find(box, w->flow, w->gen, false, l4, w->head, local->piece, &p);
	local->piece = idx;
	while (idx != FOS_NONE && w->tail < end && w->tail - w->head < limit) {
		if (!fos_piece_get(box, idx, w->flow, w->gen, &p) || !passed(&ahead, &p))
			break;
		if ((l4 ? p.pos_l4 + p.l4_len : p.pos + p.len) > w->tail)
			add(w, &p, idx, l4);
		if (p.pos + p.len >= end_ip)
			break;
		idx = p.next;
	}
	trim(w);
	w->more = w->tail - w->head >= limit;
	w->fin = (state & FOS_FLOW_ST_CLOSED) && w->tail == end;
}

/* ---------------------------------------------------------------- fos_packet() */

void fos_packet_describe(const struct fos_frame_meta *m, const uint8_t *data,
			 struct fos_packet *out)
{
	uint32_t base = m->data_off;

	out->time_ns = m->time_ns;
	out->number = m->number;
	out->data = data;
	out->len = m->len;
	out->flags = m->flags & (FOS_IS_IPV4 | FOS_IS_IPV6 | FOS_IS_TCP | FOS_IS_UDP | FOS_IS_ICMP |
				 FOS_IS_FRAGMENT | FOS_IS_FIRST_FRAGMENT);
	out->l3_off = m->l3_off > base ? m->l3_off - base : 0;
	out->l3_len = m->l3_len;
	out->l4_off = m->l4_off > base ? m->l4_off - base : 0;
	out->payload_off = m->payload_off > base ? m->payload_off - base : 0;
	out->payload_len = m->payload_len;
	out->proto = m->proto;
	out->csum = m->csum;
	out->tcp_flags = m->tcp_flags;
	out->in_port = m->port;
	out->link = m->link;
}

int fos_packet(struct fos_window *w, uint64_t pos, struct fos_packet *out)
{
	const struct fos_instance *pm = w->pm;
	uint32_t i = fos_window_seg(w, pos), last;
	const struct fos_frame_meta *m;
	struct fos_piece p;

	memset(out, 0, sizeof(*out));
	if (i >= w->nr_seg || w->seg[i].piece == FOS_NONE)
		return FOS_ENOENT;
	if (pm->d->stream != FOS_STREAM_APP) {
		while (i > 0 && !(w->seg[i].flags & FOS_PIECE_FIRST))
			i--;
	}
	if (!fos_piece_get(pm->box, w->seg[i].piece, w->flow, w->gen, &p))
		return FOS_ENOENT;
	m = fos_box_meta(pm->box, p.frame);
	fos_packet_describe(m, fos_box_frame(pm->box, p.frame) + m->data_off, out);
	if (out->number == 0)
		out->number = p.number;
	last = i;
	if (pm->d->stream != FOS_STREAM_APP) {
		while (last + 1 < w->nr_seg && !(w->seg[last].flags & FOS_PIECE_LAST))
			last++;
	}
	out->pos = w->seg[i].pos;
	out->end = w->seg[last].pos + w->seg[last].len;
	return FOS_OK;
}

int fos_packet_waiting(const struct fos_window *w, struct fos_packet *out)
{
	const struct fos_box *box = w->pm->box;
	const struct fos_frame_meta *m;
	struct fos_piece p;

	/* pairs with the classifier's release: the piece is filled in.  It stays, with its frame, until the
	 * gate opens, that is until this handler's commit */
	if (!fos_piece_get(box, fos_acquire32(&box->flows[w->flow].pkt.first), w->flow, w->gen, &p))
		return FOS_ENOENT;
	m = fos_box_meta(box, p.frame);
	fos_packet_describe(m, fos_box_frame(box, p.frame) + m->data_off, out);
	if (out->number == 0)
		out->number = p.number;
	return FOS_OK;
}

int fos_drop_packet(struct fos_window *w, uint64_t pos)
{
	struct fos_staged_edit e = {.pos = pos, .reason = FOS_C_drop_pm};
	struct fos_packet p;

	if (!w->pm->d->edits || w->pm->d->stream == FOS_STREAM_APP)
		return FOS_EPERM;
	if (w->again)
		return FOS_AGAIN;
	if (fos_packet(w, pos, &p) != FOS_OK)
		return FOS_ENOENT;
	if (p.pos != pos)
		return FOS_EINVAL;
	e.del = p.end - p.pos;
	return fos_edits_stage(&w->edits, &e, NULL, 0, 0);
}

_Static_assert((int)FOS_IS_IPV4 == (int)FOS_PKT_IPV4 && (int)FOS_IS_IPV6 == (int)FOS_PKT_IPV6 &&
		       (int)FOS_IS_TCP == (int)FOS_PKT_TCP && (int)FOS_IS_UDP == (int)FOS_PKT_UDP &&
		       (int)FOS_IS_ICMP == (int)FOS_PKT_ICMP &&
		       (int)FOS_IS_FRAGMENT == (int)FOS_PKT_FRAGMENT &&
		       (int)FOS_IS_FIRST_FRAGMENT == (int)FOS_PKT_FRAG_FIRST,
	       "packet flags are those of shm/frame.h");
_Static_assert((int)FOS_SUM_PARTIAL == (int)FOS_CSUM_PARTIAL &&
		       (int)FOS_SUM_BAD == (int)FOS_CSUM_BAD &&
		       (int)FOS_SUM_ABSENT == (int)FOS_CSUM_ABSENT,
	       "checksum states are those of shm/frame.h");
_Static_assert((int)FOS_IP == (int)FOS_STREAM_IP && (int)FOS_TCP == (int)FOS_STREAM_TCP &&
		       (int)FOS_APP == (int)FOS_STREAM_APP,
	       "streams are those of shm/layout.h");
_Static_assert((int)FOS_HTTP_BODY == (int)FOS_PMFILE_HTTP_BODY &&
		       (int)FOS_PM_PLAIN == (int)FOS_PMFILE_PLAIN, "as shm/pmfile.h says");
