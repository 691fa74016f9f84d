/* classifier/event.c - what happens on a flow, see event.h */
#include "classifier/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "classifier/history.h"
#include "classifier/reassembly.h"
#include "classifier/tcp_side.h"
#include "shm/build.h"

/* ------------------------------------------------------------------ who wants what */

int fos_event_attach(struct fos_classifier *c)
{
	struct fos_event_state *e = &c->event;
	uint8_t *own = fos_box_own(c->box);
	uint32_t *table = (void *)(own + c->cls->missed_off);

	for (uint32_t pm = 0; pm < c->dir->nr_pms; pm++) {
		uint32_t proc = fos_proc_find(c->dir, FOS_ROLE_PM, c->box->lane, pm);
		struct fos_event_ring *r = &e->ring[e->nr_rings];
		uint64_t room;

		r->ring = fos_proc_prod(c->p, FOS_RING_EVENT, proc);
		if (!r->ring)
			continue;
		room = fos_build_event_room(c->dir, &c->dir->ring[r->ring->id]);
		r->room = room ? own + room : NULL;
		r->missed = table + (uint64_t)fos_build_event_index(c->dir, pm) * c->cls->nr_flows;
		r->pm = pm;
		e->nr_rings++;
	}
	e->miss = calloc(FOS_MISSES * e->nr_rings + 1, sizeof(*e->miss));
	return e->miss ? 0 : -ENOMEM;
}

void fos_event_detach(struct fos_classifier *c)
{
	free(c->event.miss);
}

/* What a PM has asked for on a flow; until it has looked at it, what its module begins with. */
static uint32_t asked(const struct fos_classifier *c, uint32_t pm, uint32_t flow)
{
	const struct fos_dir_pm *d = &c->dir->pm[pm];
	struct fos_pm_pub pub;

	if (fos_dir_place(c->dir, fos_box_pipeline(c->box, flow, c->conns[flow >> 1].gen), pm) ==
		    FOS_NONE ||
	    !fos_box_watches(c->dir, pm, c->flows[flow].flags))
		return 0;
	if (!fos_box_pub(c->box, pm, flow, c->conns[flow >> 1].gen, &pub))
		return d->events;
	return pub.flags & FOS_PM_CLOSED ? 0 : pub.events;
}

static uint32_t tighter(uint32_t a, uint32_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

uint32_t fos_event_look(struct fos_classifier *c, uint32_t flow)
{
	uint32_t kinds = 0, bound = 0, last = 0;

	for (uint32_t i = 0; i < c->event.nr_rings; i++) {
		uint32_t want = asked(c, c->event.ring[i].pm, flow);

		kinds |= want & FOS_EVENTS_KINDS;
		bound = tighter(bound, want >> FOS_EVENTS_BOUND_SHIFT & FOS_EVENTS_BOUND_MASK);
		last |= want & FOS_EVENTS_LAST_COPY;
	}
	kinds |= bound << FOS_EVENTS_BOUND_SHIFT | last;
	c->local[flow].unwanted = ~kinds;
	return kinds;
}

static uint32_t wanted(struct fos_classifier *c, uint32_t flow)
{
	uint32_t unwanted = c->local[flow].unwanted;

	return unwanted ? ~unwanted : fos_event_look(c, flow);
}

uint64_t fos_event_bound(struct fos_classifier *c, uint32_t flow)
{
	uint32_t code = wanted(c, flow) >> FOS_EVENTS_BOUND_SHIFT & FOS_EVENTS_BOUND_MASK;

	return code == 0 || code > 40 ? UINT64_MAX : 1ull << (code + 9);
}

bool fos_event_last_copy(struct fos_classifier *c, uint32_t flow)
{
	return wanted(c, flow) & FOS_EVENTS_LAST_COPY;
}

void fos_event_keep_old(struct fos_classifier *c, uint32_t flow, uint64_t pos, uint32_t len)
{
	struct fos_event_state *e = &c->event;

	if (!e->pkt || !fos_event_wanted(c, flow, FOS_EVENT_DIFFERING_COPY))
		return;
	e->old_pos = pos;
	e->old_len = (uint16_t)fos_reasm_copy(c, flow, pos, len, e->old, FOS_EVENT_OLD_MAX, &e->old_off);
}

void fos_event_reset(struct fos_classifier *c, uint32_t flow)
{
	struct fos_event_state *e = &c->event;

	fos_event_forget(c, flow);
	for (uint32_t i = 0; i < e->nr_rings; i++)
		if (e->ring[i].missed[flow] != 0)
			fos_txn_publish32(&c->txn, &e->ring[i].missed[flow], 0);
}

/* ------------------------------------------------------------------ telling */

static void miss(struct fos_classifier *c, uint32_t ring, uint32_t flow)
{
	struct fos_event_state *e = &c->event;
	uint32_t i = e->nr_missed;

	fos_cls_count(c, FOS_C_events_missed);
	if (flow == FOS_NONE)
		return;
	while (i-- > 0) {
		if (e->miss[i].ring == ring && e->miss[i].flow == flow) {
			e->miss[i].nr++;
			return;
		}
	}
	if (e->nr_missed == FOS_MISSES * e->nr_rings)
		abort(); /* fos_batch_room() promised room */
	e->miss[e->nr_missed++] = (struct fos_event_miss){ring, flow, 1};
}

/* The packet in hand, and what its bytes repeat, go with the event. */
static void put_packet(struct fos_classifier *c, const struct fos_packet *pkt, uint8_t *room,
		       struct fos_event_slot *slot)
{
	const uint8_t *frame = fos_box_frame(c->box, pkt->part[0].frame);
	const struct fos_event_state *e = &c->event;
	struct fos_frame_meta m = pkt->meta;

	if (m.len > FOS_EVENT_PACKET_MAX)
		m.len = FOS_EVENT_PACKET_MAX;
	memcpy(room, &m, sizeof(m));
	memcpy(room + FOS_EVENT_PACKET_OFF, frame + m.data_off, m.len);
	slot->packet_len = m.len;
	if (slot->kind == FOS_EVENT_DIFFERING_COPY && e->old_len && e->old_pos == slot->pos) {
		memcpy(room + FOS_EVENT_OLD_OFF, e->old, e->old_len);
		slot->old_len = e->old_len;
		slot->old_off = e->old_off;
		return;
	}
	if (slot->kind == FOS_EVENT_RETRANSMISSION || slot->kind == FOS_EVENT_DIFFERING_COPY)
		slot->old_len = (uint16_t)fos_reasm_copy(c, slot->flow, slot->pos, slot->len,
							 room + FOS_EVENT_OLD_OFF,
							 FOS_EVENT_OLD_MAX, &slot->old_off);
}

static void put(struct fos_classifier *c, uint32_t i, const struct fos_event_slot *slot,
		const struct fos_packet *pkt)
{
	const struct fos_event_ring *r = &c->event.ring[i];
	struct fos_event_slot *to;

	if (fos_ring_room(r->ring, 1) == 0) {
		miss(c, i, slot->flow);
		return;
	}
	to = fos_ring_slot(r->ring, 0);
	*to = *slot;
	if (pkt && r->room)
		put_packet(c, pkt, r->room + (r->ring->next & r->ring->mask) * FOS_EVENT_ROOM, to);
	fos_ring_advance(r->ring, 1);
	fos_cls_count(c, FOS_C_events_told);
}

static void tell(struct fos_classifier *c, const struct fos_event_slot *slot,
		 const struct fos_packet *pkt)
{
	for (uint32_t i = 0; i < c->event.nr_rings; i++)
		if (asked(c, c->event.ring[i].pm, slot->flow) & FOS_EVENT_BIT(slot->kind))
			put(c, i, slot, pkt);
}

static struct fos_event_slot describe(struct fos_classifier *c, uint32_t flow,
				      enum fos_event_kind kind, uint64_t pos, uint32_t len,
				      uint64_t time_ns)
{
	const struct fos_shadow *s = fos_touch(c, flow);

	return (struct fos_event_slot){
		.at = s->app_tail, .pos = pos, .time_ns = time_ns, .flow = flow,
		.flow_gen = s->gen, .len = len, .kind = (uint16_t)kind,
		.sender = c->flows[flow].tcp_state, .before[0] = c->flows[flow].tcp_state,
		.receiver = c->flows[FOS_PEER(flow)].tcp_state,
		.before[1] = c->flows[FOS_PEER(flow)].tcp_state,
	};
}

static void collect(struct fos_classifier *c, const struct fos_event_slot *slot)
{
	struct fos_event_state *e = &c->event;

	if (!e->pkt)
		tell(c, slot, NULL);
	else if (e->nr_slots < FOS_EVENTS_PER_PACKET)
		e->slot[e->nr_slots++] = *slot;
	else
		fos_cls_count(c, FOS_C_events_missed);
}

/* Which of the packet's flows it is: 0 the one that it came on, 1 its peer, 2 neither. */
static uint32_t whose(const struct fos_classifier *c, uint32_t flow)
{
	return flow == c->event.flow ? 0 : flow == FOS_PEER(c->event.flow) ? 1 : 2;
}

/* The end is the last that is told of a flow, whatever still comes. */
static bool over(const struct fos_classifier *c, uint32_t flow)
{
	uint32_t i = whose(c, flow);

	return c->event.pkt && i < 2 && c->event.over[i];
}

void fos_event_happened(struct fos_classifier *c, uint32_t flow, enum fos_event_kind kind,
			uint64_t pos, uint32_t len, uint64_t time_ns)
{
	struct fos_event_slot slot;

	if (!fos_event_wanted(c, flow, kind) || over(c, flow))
		return;
	slot = describe(c, flow, kind, pos, len, time_ns);
	collect(c, &slot);
}

void fos_event_note(struct fos_classifier *c, uint32_t flow, enum fos_event_kind kind, uint64_t pos,
		    uint32_t len, uint64_t time_ns)
{
	struct fos_flow_events *e = fos_history_keep(c, flow);

	if (e) {
		if (e->count[kind] < UINT16_MAX)
			e->count[kind]++;
		e->last_pos = pos;
		e->last_ns = time_ns;
		e->last_len = len;
		e->last_kind = (uint16_t)kind;
	}
	fos_event_happened(c, flow, kind, pos, len, time_ns);
}

void fos_event_closed(struct fos_classifier *c, uint32_t flow, enum fos_close why)
{
	struct fos_event_slot slot;

	/* of one that had no beginning nothing has been told */
	if (!fos_event_wanted(c, flow, FOS_EVENT_CLOSE) ||
	    !(fos_cls_conn(c, flow)->flags & FOS_CONN_DELIVERED))
		return;
	slot = describe(c, flow, FOS_EVENT_CLOSE, fos_touch(c, flow)->app_tail, 0,
			c->event.pkt ? c->event.pkt->meta.time_ns : c->now_ns);
	slot.why = (uint8_t)why;
	collect(c, &slot);
}

/* ------------------------------------------------------------------ a packet in hand */

void fos_event_begin(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt)
{
	struct fos_event_state *e = &c->event;

	if (e->nr_rings == 0)
		return;
	e->pkt = pkt;
	e->flow = flow;
	e->nr_slots = 0;
	e->old_len = 0;
	e->tail = fos_touch(c, flow)->app_tail;
	for (uint32_t i = 0; i < 2; i++) {
		e->before[i] = c->flows[flow ^ i].tcp_state;
		e->over[i] = fos_touch(c, flow ^ i)->state & FOS_FLOW_ST_CLOSED;
	}
	fos_event_happened(c, flow, FOS_EVENT_PACKET, e->tail, pkt->l4_len, pkt->meta.time_ns);
}

void fos_event_cancel(struct fos_classifier *c)
{
	c->event.pkt = NULL;
	c->event.nr_slots = 0;
}

/* What follows from the packet as a whole. */
static void sum_up(struct fos_classifier *c)
{
	struct fos_event_state *e = &c->event;
	uint64_t now = e->pkt->meta.time_ns, tail = fos_touch(c, e->flow)->app_tail;

	if (tail > e->tail)
		fos_event_happened(c, e->flow, FOS_EVENT_NEW_DATA, e->tail, (uint32_t)(tail - e->tail),
				now);
	if (c->flows[e->flow].tcp_state != e->before[0])
		fos_event_happened(c, e->flow, FOS_EVENT_STATE, tail, 0, now);
	if (c->flows[FOS_PEER(e->flow)].tcp_state != e->before[1])
		fos_event_happened(c, FOS_PEER(e->flow), FOS_EVENT_STATE,
				fos_touch(c, FOS_PEER(e->flow))->app_tail, 0, now);
}

/* By kind; those of one kind as they came. */
static void sort(struct fos_event_slot *s, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		struct fos_event_slot x = s[i];
		uint32_t k = i;

		for (; k > 0 && s[k - 1].kind > x.kind; k--)
			s[k] = s[k - 1];
		s[k] = x;
	}
}

static void complete(const struct fos_classifier *c, struct fos_event_slot *s)
{
	const struct fos_event_state *e = &c->event;
	uint32_t own = whose(c, s->flow);

	if (own == 2)
		return;
	s->sender = c->flows[s->flow].tcp_state;
	s->receiver = c->flows[FOS_PEER(s->flow)].tcp_state;
	s->before[0] = e->before[own];
	s->before[1] = e->before[1 - own];
	if (own == 0 && s->kind < FOS_EVENT_NEW_DATA)
		s->at = e->tail;
}

void fos_event_end(struct fos_classifier *c)
{
	struct fos_event_state *e = &c->event;
	const struct fos_packet *pkt = e->pkt;

	if (!pkt)
		return;
	sum_up(c);
	e->pkt = NULL;
	if (e->nr_slots > 1)
		sort(e->slot, e->nr_slots);
	for (uint32_t i = 0; i < e->nr_slots; i++) {
		complete(c, &e->slot[i]);
		tell(c, &e->slot[i], pkt);
	}
	e->nr_slots = 0;
}

void fos_event_orphan(struct fos_classifier *c, uint32_t pipeline, const struct fos_packet *pkt)
{
	const struct fos_event_slot slot = {
		.time_ns = pkt->meta.time_ns, .flow = FOS_NONE, .len = pkt->l4_len,
		.kind = FOS_EVENT_ORPHAN,
	};

	for (uint32_t i = 0; i < c->event.nr_rings; i++) {
		const struct fos_dir_pm *d = &c->dir->pm[c->event.ring[i].pm];

		if (fos_dir_place(c->dir, pipeline, c->event.ring[i].pm) != FOS_NONE &&
		    d->events & FOS_EVENT_BIT(FOS_EVENT_ORPHAN))
			put(c, i, &slot, pkt);
	}
}

void fos_event_publish(struct fos_classifier *c)
{
	struct fos_event_state *e = &c->event;

	for (uint32_t i = 0; i < e->nr_rings; i++) {
		struct fos_ring_prod *r = e->ring[i].ring;

		if (r->next != *fos_ring_tail_word(r))
			fos_txn_publish64(&c->txn, fos_ring_tail_word(r), r->next);
	}
	for (uint32_t i = 0; i < e->nr_missed; i++) {
		const struct fos_event_miss *m = &e->miss[i];
		uint32_t *word = &e->ring[m->ring].missed[m->flow];
		bool began = c->flows[m->flow].gen != fos_touch(c, m->flow)->gen;

		fos_txn_publish32(&c->txn, word, (began ? 0 : *word) + m->nr);
		/* told from the flow's record, so it is to be looked at */
		fos_hint_pm(c, m->flow, e->ring[m->ring].pm);
	}
	e->nr_missed = 0;
}

/* ------------------------------------------------------------------ windows */

void fos_event_window(struct fos_classifier *c, uint32_t flow, int64_t end, uint64_t time_ns)
{
	int64_t edge;

	if (fos_tcp_overruns(c, flow, end, &edge))
		fos_event_note(c, flow, FOS_EVENT_WINDOW_OVERRUN, (uint64_t)edge,
			       (uint32_t)(end - edge), time_ns);
}
