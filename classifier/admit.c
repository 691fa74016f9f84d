/* classifier/admit.c - which flow a packet belongs to, see admit.h */
#include "classifier/admit.h"

#include <netinet/in.h>
#include <string.h>

#include "classifier/deliver.h"
#include "classifier/event.h"
#include "classifier/expire.h"
#include "classifier/gate.h"
#include "classifier/packet.h"
#include "classifier/pickup.h"
#include "classifier/successor.h"
#include "classifier/tcp_in.h"
#include "classifier/tcp_side.h"
#include "classifier/tcp_state.h"

static uint8_t tcp_flags(const struct fos_packet *pkt)
{
	return pkt->head_len >= 14 ? pkt->head[13] : 0;
}

/* Offline a connection also begins with a SYN+ACK: the SYN may be missing, or come later. */
static bool syn_ack(const struct fos_classifier *c, const struct fos_packet *pkt)
{
	return c->p->offline && pkt->meta.proto == IPPROTO_TCP && !pkt->damage &&
	       (tcp_flags(pkt) & (FOS_TCP_SYN | FOS_TCP_ACK | FOS_TCP_RST | FOS_TCP_FIN)) ==
		       (FOS_TCP_SYN | FOS_TCP_ACK);
}

static bool bare_syn(const struct fos_packet *pkt)
{
	return pkt->meta.proto == IPPROTO_TCP && !pkt->damage &&
	       (tcp_flags(pkt) & (FOS_TCP_SYN | FOS_TCP_ACK | FOS_TCP_RST | FOS_TCP_FIN)) ==
		       FOS_TCP_SYN;
}

static bool has_app(const struct fos_dir_pipeline *pl)
{
	return pl->nr_stages > pl->nr_pkt_stages;
}

/* ------------------------------------------------------------------ opening */

static uint32_t flow_flags(const struct fos_dir_pipeline *pl, const struct fos_flow_key *key)
{
	uint32_t flags = pl->nr_pkt_stages ? FOS_FLOW_PKT : 0;

	if (key->type)
		return flags | FOS_FLOW_AGGREGATE;
	if (key->proto == IPPROTO_TCP)
		flags |= FOS_FLOW_TCP;
	if (key->proto == IPPROTO_UDP)
		flags |= FOS_FLOW_UDP;
	if (has_app(pl) && flags & (FOS_FLOW_TCP | FOS_FLOW_UDP))
		flags |= FOS_FLOW_APP;
	return flags;
}

static uint8_t peer_port(const struct fos_classifier *c, uint8_t port)
{
	uint32_t peer = port < c->dir->nr_ports ? c->dir->port[port].peer : port;

	return peer < FOS_MAX_PORTS ? (uint8_t)peer : port;
}

static void identify(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt,
		     const struct fos_flow_key *key, bool reverse)
{
	struct fos_flow *f = &c->flows[flow];
	const struct fos_frame_meta *m = &pkt->meta;
	const uint8_t *eth = fos_box_frame(c->box, pkt->part[0].frame) + m->data_off;

	memcpy(f->src, key->src, 16);
	memcpy(f->dst, key->dst, 16);
	f->sport = key->sport;
	f->dport = key->dport;
	f->ip_version = key->ip_version;
	f->proto = key->proto;
	f->port = reverse ? peer_port(c, m->port) : m->port;
	f->vlan_outer = m->flags & FOS_PKT_VLAN ? m->vlan_outer : 0xffff;
	f->vlan_inner = m->flags & FOS_PKT_QINQ ? m->vlan_inner : 0xffff;
	memset(f->src_mac, 0, 6);
	memset(f->dst_mac, 0, 6);
	if (m->link == FOS_LINK_ETHERNET && m->len >= 14) {
		memcpy(f->dst_mac, eth + (reverse ? 6 : 0), 6);
		memcpy(f->src_mac, eth + (reverse ? 0 : 6), 6);
	}
}

static void open_flow(struct fos_classifier *c, uint32_t flow, uint32_t pipeline, uint32_t flags,
		      uint64_t time_ns, uint64_t number)
{
	struct fos_shadow *s = fos_touch(c, flow);

	s->flags = flags | (flow & 1 ? FOS_FLOW_REVERSE : 0);
	c->flows[flow].flags = s->flags;
	c->flows[flow].pipeline = (uint8_t)pipeline;
	c->flows[flow].start_ns = time_ns;
	c->flows[flow].last_time_ns = time_ns;
	c->flows[flow].number = number;
	if (flags & FOS_FLOW_TCP && flow & 1)
		c->flows[flow].tcp_state = FOS_TCP_ST_LISTEN;
}

/* A SYN may say that the connection's packets must not be changed. */
static uint32_t opaque(struct fos_classifier *c, struct fos_packet *pkt, uint32_t flags)
{
	if (!(flags & FOS_FLOW_TCP) || !(flags & FOS_FLOW_APP) || !bare_syn(pkt) ||
	    !fos_packet_segment(pkt))
		return 0;
	return fos_pickup_opaque(c, &pkt->seg);
}

/* At the limit of half-open connections the oldest one makes way: what is established is not
 * touched, and a SYN that is no part of a flood has its time. */
static void bound_half_open(struct fos_classifier *c)
{
	uint32_t limit = c->dir->max_half_open;

	if (limit == 0 || limit > c->nr_conns / 2)
		limit = c->nr_conns / 2;
	if (c->priv->nr_half_open < limit)
		return;
	fos_expire_close(c, c->priv->list[FOS_LIST_HANDSHAKE].first, FOS_CLOSE_EVICTED);
	fos_expire_free(c, 2); /* those that made way before, or they would fill the table */
	fos_cls_count(c, FOS_C_half_open_evicted);
}

/* Returns the forward flow of a new connection; FOS_NONE: the packet was dropped. */
static uint32_t open_connection(struct fos_classifier *c, struct fos_packet *pkt,
				const struct fos_flow_key *key, uint32_t pipeline, uint64_t number)
{
	uint32_t flags = flow_flags(&c->dir->pipeline[pipeline], key);
	struct fos_flow_key reverse = fos_flow_key_reverse(key);
	uint32_t conn, list = FOS_LIST_DATAGRAM;

	flags |= opaque(c, pkt, flags);
	if (flags & FOS_FLOW_TCP)
		bound_half_open(c);
	fos_expire_make_room(c);
	conn = fos_conn_new(c);
	if (conn == FOS_NONE) {
		fos_packet_drop(c, pkt, FOS_C_drop_no_flow_slot);
		return FOS_NONE;
	}
	identify(c, 2 * conn, pkt, key, false);
	open_flow(c, 2 * conn, pipeline, flags, pkt->meta.time_ns, number);
	fos_flow_hash(c, 2 * conn);
	identify(c, 2 * conn + 1, pkt, &reverse, true);
	open_flow(c, 2 * conn + 1, pipeline, flags, pkt->meta.time_ns, number);
	if (!(flags & FOS_FLOW_AGGREGATE))
		fos_flow_hash(c, 2 * conn + 1);
	if (flags & FOS_FLOW_TCP) {
		list = FOS_LIST_HANDSHAKE;
		if (!(flags & FOS_FLOW_APP))
			c->conns[conn].flags |= FOS_CONN_LIGHT;
	}
	c->conns[conn].list_ns = pkt->meta.time_ns;
	fos_conn_list(c, conn, list);
	fos_gate_check(c, conn);
	return 2 * conn;
}

/* ------------------------------------------------------------------ midstream */

static uint32_t open_stray(struct fos_classifier *c, struct fos_packet *pkt,
			   const struct fos_flow_key *key, uint32_t pipeline, uint64_t number)
{
	uint32_t flow = open_connection(c, pkt, key, pipeline, number);

	if (flow != FOS_NONE)
		c->flows[flow].pass_pos_flags |= FOS_NOTE_STRAY;
	return flow;
}

/* A TCP packet of which no start was seen, in a pipeline that reconstructs. */
static uint32_t midstream(struct fos_classifier *c, struct fos_packet *pkt,
			  const struct fos_flow_key *key, uint32_t pipeline, uint64_t number)
{
	struct fos_tcp_segment seg;

	if (pkt->damage) {
		/* packet readers are shown it; it starts nothing */
		if (c->dir->pipeline[pipeline].nr_pkt_stages)
			return open_stray(c, pkt, key, pipeline, number);
		fos_packet_drop(c, pkt, pkt->damage);
		return FOS_NONE;
	}
	if (fos_tcp_flags_bad(tcp_flags(pkt))) {
		fos_packet_drop(c, pkt, FOS_C_drop_tcp_invalid);
		return FOS_NONE;
	}
	if (c->dir->pass_midstream == 0 || !fos_tcp_parse(pkt->head, pkt->head_len, &seg) ||
	    seg.flags & (FOS_TCP_RST | FOS_TCP_SYN) || !(seg.flags & FOS_TCP_ACK)) {
		fos_cls_count(c, FOS_C_packets_midstream);
		fos_event_orphan(c, pipeline, pkt);
		fos_packet_forward(c, pkt, FOS_NONE);
		return FOS_NONE;
	}
	return open_stray(c, pkt, key, pipeline, number);
}

static struct fos_flow_key aggregate_key(const struct fos_classifier *c,
					 const struct fos_packet *pkt,
					 const struct fos_flow_key *key, uint32_t pipeline)
{
	uint32_t kind = c->dir->pipeline[pipeline].key;
	struct fos_flow_key a = { .type = (uint8_t)(1 + kind), .pipeline = (uint8_t)pipeline };

	if (kind == FOS_KEY_SRC || kind == FOS_KEY_DST)
		a.ip_version = key->ip_version;
	if (kind == FOS_KEY_SRC)
		memcpy(a.src, key->src, 16);
	if (kind == FOS_KEY_DST)
		memcpy(a.dst, key->dst, 16);
	if (kind == FOS_KEY_IN_PORT)
		a.vlan_inner = pkt->meta.port;
	return a;
}

/* Does the pipeline have a PM without which no connection is to begin, and which is down? */
static bool held_off(const struct fos_classifier *c, uint32_t pipeline)
{
	for (uint32_t i = 0; i < c->dir->nr_pms; i++) {
		const struct fos_dir_pm *d = &c->dir->pm[i];
		const struct fos_lease *l;

		if (fos_dir_place(c->dir, pipeline, i) == FOS_NONE ||
		    d->on_failure != FOS_FAIL_BLOCK || !c->box->pm[i])
			continue;
		l = &c->dir->proc[fos_proc_find(c->dir, FOS_ROLE_PM, c->box->lane, i)].lease;
		if (fos_acquire32(&l->state) != FOS_LEASE_GRANTED ||
		    fos_relaxed32(&c->box->pm[i]->head.pid) != fos_relaxed32(&l->pid))
			return true;
	}
	return false;
}

/* No 5-tuple flow: the pipelines decide.  `number` = connections of the tuple before. */
static uint32_t admit_new(struct fos_classifier *c, struct fos_packet *pkt,
			  const struct fos_flow_key *key, uint64_t number)
{
	const uint8_t *frame = fos_box_frame(c->box, pkt->part[0].frame);
	uint32_t pipeline = fos_matcher_find(c->match, frame, &pkt->meta, key);
	const struct fos_dir_pipeline *pl;

	if (pipeline == FOS_NONE) {
		fos_count(c->p->counter, FOS_C_packets_unmatched, pkt->nr);
		fos_packet_forward(c, pkt, FOS_NONE);
		return FOS_NONE;
	}
	pl = &c->dir->pipeline[pipeline];
	if (!c->p->offline && held_off(c, pipeline)) {
		fos_packet_drop(c, pkt, FOS_C_drop_pm_down);
		return FOS_NONE;
	}
	if (pl->key != FOS_KEY_5TUPLE) {
		struct fos_flow_key a = aggregate_key(c, pkt, key, pipeline);
		uint32_t flow = fos_flow_find(c, &a);

		if (flow != FOS_NONE && !(fos_touch(c, flow)->state & FOS_FLOW_ST_CLOSED))
			return flow;
		if (flow != FOS_NONE)
			fos_flow_unhash(c, flow);
		return open_connection(c, pkt, &a, pipeline, 0);
	}
	if (key->proto == IPPROTO_TCP && has_app(pl) && !bare_syn(pkt) && !syn_ack(c, pkt))
		return midstream(c, pkt, key, pipeline, number);
	if (pkt->damage && pl->nr_pkt_stages == 0) {
		fos_packet_drop(c, pkt, pkt->damage);
		return FOS_NONE;
	}
	return open_connection(c, pkt, key, pipeline, number);
}

/* ------------------------------------------------------------------ known tuples */

static uint32_t replace(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt)
{
	struct fos_flow_key key = fos_packet_key(pkt, fos_box_frame(c->box, pkt->part[0].frame));
	uint32_t conn = flow >> 1;
	uint64_t number = c->flows[flow & ~1u].number + !fos_pickup_stray(c, flow);
	bool after = fos_successor_due(c, flow);

	if (c->conns[conn].list != FOS_LIST_CLOSED)
		fos_expire_close(c, conn, FOS_CLOSE_TIMEOUT);
	fos_flow_unhash(c, 2 * conn);
	fos_flow_unhash(c, 2 * conn + 1);
	flow = admit_new(c, pkt, &key, number);
	if (after && flow != FOS_NONE && c->flows[flow].flags & FOS_FLOW_TCP && bare_syn(pkt))
		fos_successor_mark(c, flow);
	return flow;
}

/* Does this SYN begin another connection with the tuple of a known one? */
static bool syn_restarts(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt)
{
	const struct fos_flow *f = &c->flows[flow];
	struct fos_shadow *s = fos_touch(c, flow);
	struct fos_cls_conn *k = fos_cls_conn(c, flow);
	bool same;

	if (!fos_packet_segment(pkt))
		return false;
	same = s->state & FOS_FLOW_ST_SYN && f->isn == pkt->seg.seq;
	/* silent for too long: the timers just did not get to it yet */
	if (!same && pkt->meta.time_ns > f->last_time_ns &&
	    pkt->meta.time_ns - f->last_time_ns > c->dir->idle_ns)
		return true;
	if (fos_pickup_stray(c, flow))
		return true;
	/* refused before anything went through: a SYN that comes again asks again */
	if (k->flags & FOS_CONN_REFUSED)
		return !same || !(k->flags & FOS_CONN_DELIVERED);
	if (k->flags & FOS_CONN_LIGHT)
		return k->list == FOS_LIST_CLOSING || k->list == FOS_LIST_CLOSED;
	if (k->close == FOS_CLOSE_FIN)
		return !same && fos_tcp_over(c, flow, pkt->meta.time_ns);
	if (k->close == FOS_CLOSE_RST && same && s->state & FOS_FLOW_ST_ESTABLISHED)
		return false; /* a late one */
	return s->state & FOS_FLOW_ST_CLOSED;
}

/* Refused at its first packet, some time ago?  Its PMs are asked again: what they lacked then may
 * be there now.  (TCP asks by its SYN.) */
static bool asks_again(const struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt)
{
	const struct fos_cls_conn *k = &c->conns[flow >> 1];

	return k->flags & FOS_CONN_REFUSED && !(k->flags & FOS_CONN_DELIVERED) &&
	       !(c->flows[flow].flags & FOS_FLOW_TCP) && pkt->meta.time_ns > k->closed_ns &&
	       pkt->meta.time_ns - k->closed_ns >= c->dir->closing_ns;
}

/* Is the packet of the flow's connection, or does it come too late for that? */
uint32_t fos_admit_known(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt)
{
	struct fos_shadow *s = fos_touch(c, flow);
	struct fos_cls_conn *k = fos_cls_conn(c, flow);

	if (s->flags & FOS_FLOW_TCP && bare_syn(pkt))
		return syn_restarts(c, flow, pkt) ? replace(c, flow, pkt) : flow;
	if (asks_again(c, flow, pkt))
		return replace(c, flow, pkt);
	if (!(s->state & FOS_FLOW_ST_CLOSED) || k->flags & FOS_CONN_REFUSED)
		return flow;
	/* closed: what still belongs to a finished TCP connection is judged there */
	if (s->flags & FOS_FLOW_TCP && !(k->flags & FOS_CONN_LIGHT) &&
	    (k->close == FOS_CLOSE_FIN || k->close == FOS_CLOSE_RST))
		return flow;
	return replace(c, flow, pkt);
}

uint32_t fos_admit(struct fos_classifier *c, struct fos_packet *pkt,
		   const struct fos_flow_key *key)
{
	uint32_t flow = fos_flow_find(c, key);

	if (flow == FOS_NONE)
		return admit_new(c, pkt, key, 0);
	return fos_admit_known(c, flow, pkt);
}

void fos_admit_restart(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt)
{
	fos_event_cancel(c);
	flow = replace(c, flow, pkt);
	if (flow != FOS_NONE)
		fos_deliver_packet(c, flow, pkt);
}
