/* egress/parcel.c - packets that PMs send of their own, see parcel.h */
#include "egress/parcel.h"

#include <netinet/in.h>
#include <string.h>

#include "egress/emit.h"
#include "egress/frames.h"
#include "egress/out.h"
#include "shm/bytes.h"
#include "shm/csum.h"
#include "shm/parcel.h"

#define PER_PASS 32u /* of one PM */
#define TAG_NONE 0xffffu

void fos_parcel_attach(struct fos_egress *e)
{
	e->nr_parcels = 0;
	for (uint32_t pm = 0; pm < e->p->dir->nr_pms && pm < FOS_MAX_PMS; pm++) {
		uint32_t proc = fos_proc_find(e->p->dir, FOS_ROLE_PM, e->p->box.lane, pm);
		struct fos_ring_cons *r = fos_proc_cons(e->p, FOS_RING_PARCEL, proc);

		if (r)
			e->parcels[e->nr_parcels++] =
				(struct fos_parcel_in){.ring = r, .pm = pm, .tokens = FOS_PARCEL_BURST};
	}
}

/* May the PM send one more now?  Kept in the process: a restart gives a burst. */
static bool allowed(const struct fos_egress *e, struct fos_parcel_in *in)
{
	const uint64_t each = 1000000000u / FOS_PARCEL_RATE;
	uint64_t due = (e->p->now_ns - in->filled_ns) / each;

	if (e->p->now_ns < in->filled_ns || due >= FOS_PARCEL_BURST) {
		in->tokens = FOS_PARCEL_BURST;
		in->filled_ns = e->p->now_ns;
	} else {
		in->tokens += (uint32_t)due;
		if (in->tokens > FOS_PARCEL_BURST)
			in->tokens = FOS_PARCEL_BURST;
		in->filled_ns += due * each;
	}
	if (in->tokens == 0)
		return false;
	in->tokens--;
	return true;
}

/* Link header in front of the IP header; returns its length. */
static uint32_t put_link(const struct fos_flow *f, uint8_t *to)
{
	bool inner = f->vlan_inner != TAG_NONE;
	uint32_t n = 12;

	memcpy(to, f->dst_mac, 6);
	memcpy(to + 6, f->src_mac, 6);
	if (f->vlan_outer != TAG_NONE) {
		fos_put16(to + n, inner ? 0x88a8 : 0x8100);
		fos_put16(to + n + 2, f->vlan_outer);
		n += 4;
		if (inner) {
			fos_put16(to + n, 0x8100);
			fos_put16(to + n + 2, f->vlan_inner);
			n += 4;
		}
	}
	fos_put16(to + n, f->ip_version == 4 ? 0x0800 : 0x86dd);
	return n + 2;
}

static void put_sums(uint8_t *ip, uint32_t l4, uint32_t len, uint8_t proto)
{
	bool v4 = ip[0] >> 4 == 4;
	uint64_t pseudo = 0;

	if (v4)
		fos_csum_ipv4_set(ip, l4);
	if (!v4)
		pseudo = fos_csum_pseudo6(ip + 8, ip + 24, proto, len - l4);
	else if (proto != IPPROTO_ICMP)
		pseudo = fos_csum_pseudo4(ip + 12, ip + 16, proto, (uint16_t)(len - l4));
	fos_csum_transport_set(pseudo, proto, ip + l4, len - l4);
}

static uint32_t kind_of(uint8_t proto)
{
	return proto == IPPROTO_TCP ? FOS_PKT_TCP : proto == IPPROTO_UDP ? FOS_PKT_UDP : FOS_PKT_ICMP;
}

/* The packet in frame `frame`, as if it had come in with the flow `flow`. */
static void build(struct fos_egress *e, uint32_t flow, const struct fos_parcel *p, uint32_t frame)
{
	const struct fos_flow *f = &e->p->box.flows[flow];
	uint8_t *base = fos_box_frame(&e->p->box, frame), *ip, proto;
	struct fos_frame_meta *m = fos_box_meta(&e->p->box, frame);
	uint32_t link = put_link(f, base + FOS_FRAME_DATA_OFF), l4, head;

	ip = base + FOS_FRAME_DATA_OFF + link;
	memcpy(ip, p->ip, p->len);
	l4 = fos_parcel_l4(ip, &proto);
	put_sums(ip, l4, p->len, proto);
	head = proto == IPPROTO_TCP ? (ip[l4 + 12] >> 4) * 4u : proto == IPPROTO_UDP ? 8 : 0;
	fos_header_forget(base);
	memset(m, 0, sizeof(*m));
	m->time_ns = e->p->now_ns;
	m->link = FOS_LINK_ETHERNET;
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)(link + p->len);
	m->l3_off = (uint16_t)(FOS_FRAME_DATA_OFF + link);
	m->l3_len = p->len;
	m->l4_off = (uint16_t)(m->l3_off + l4);
	m->payload_off = (uint16_t)(m->l4_off + head);
	m->payload_len = (uint16_t)(p->len - l4 - head);
	m->proto = proto;
	m->csum = FOS_CSUM_VALID;
	m->flags = (f->ip_version == 4 ? FOS_PKT_IPV4 : FOS_PKT_IPV6) | kind_of(proto);
	m->port = f->port;
	m->next_frame = FOS_NONE;
}

static enum fos_counter_id counter_of(enum fos_parcel_why why)
{
	return why == FOS_PARCEL_MALFORMED ? FOS_C_pm_sends_malformed :
	       why == FOS_PARCEL_FOREIGN ? FOS_C_pm_sends_foreign : FOS_C_pm_sends_guarded;
}

/* Is the flow there, of that generation, and still the PM's? */
static bool has_flow(struct fos_egress *e, uint32_t pm, const struct fos_parcel *p)
{
	struct fos_box_force forced;

	return p->flow < e->p->dir->nr_flows && p->flow_gen != 0 &&
	       fos_acquire32(&e->p->box.flows[p->flow].gen) == p->flow_gen &&
	       fos_dir_place(e->p->dir, fos_box_pipeline(&e->p->box, p->flow, p->flow_gen), pm) !=
		       FOS_NONE &&
	       fos_box_watches(e->p->dir, pm, e->p->box.flows[p->flow].flags) &&
	       !fos_box_forced(&e->p->box, pm, p->flow, p->flow_gen, &forced);
}

/* Two would number one stream: of a module's bare acknowledgement only that there be one is taken. */
static enum fos_counter_id send_bare(struct fos_egress *e, uint32_t flow)
{
	if (e->tcbs[flow].flags & FOS_TCB_DONE || !fos_emit_ack(e, flow))
		return FOS_C_pm_sends_gone;
	return FOS_C_packets_sent_by_pm;
}

/* Sends the copy *p, or says by its counter why not. */
static enum fos_counter_id send_one(struct fos_egress *e, struct fos_parcel_in *in,
				    const struct fos_parcel *p)
{
	enum fos_parcel_why why;
	uint32_t flow, frame;

	if (e->p->offline || !e->p->dir->pm[in->pm].sends || !has_flow(e, in->pm, p))
		return FOS_C_pm_sends_gone;
	flow = p->back ? FOS_PEER(p->flow) : p->flow;
	if (flow >= e->p->dir->nr_flows)
		return FOS_C_pm_sends_gone;
	why = p->len > FOS_PARCEL_MAX ? FOS_PARCEL_MALFORMED :
		fos_parcel_check(&e->p->box.flows[p->flow], p->back != 0, p->ip, p->len);
	if (why != FOS_PARCEL_OK && why != FOS_PARCEL_BARE)
		return counter_of(why);
	if (!fos_out_open(e, flow, p->flow_gen))
		return FOS_C_pm_sends_gone;
	if (!allowed(e, in))
		return FOS_C_pm_sends_bounded;
	if (why == FOS_PARCEL_BARE)
		return send_bare(e, flow);
	frame = fos_frames_get(e);
	if (frame == FOS_NONE)
		return FOS_C_drop_no_frame;
	build(e, flow, p, frame);
	fos_emit_plain(e, flow, frame, fos_out_port(e, flow));
	return FOS_C_packets_sent_by_pm;
}

/* Room for one, and the pieces that it may have to be cut into, out of either interface of its wire. */
static bool room(struct fos_egress *e, const struct fos_parcel *p)
{
	uint32_t out;

	if (!fos_egress_room(e))
		return false;
	if (p->flow >= e->p->dir->nr_flows)
		return true;
	out = fos_out_port(e, p->back ? FOS_PEER(p->flow) : p->flow);
	return out == FOS_NONE || fos_frames_tx_room(e, out, 2);
}

uint32_t fos_parcel_work(struct fos_egress *e)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < e->nr_parcels; i++) {
		struct fos_ring_cons *r = e->parcels[i].ring;
		uint64_t n = fos_ring_peek(r);

		if (r->broken)
			fos_count(e->p->counter, FOS_C_ring_broken, 1);
		r->broken = false;
		if (n > PER_PASS)
			n = PER_PASS;
		for (; n > 0; n--) {
			const struct fos_parcel p = *(const struct fos_parcel *)fos_ring_at(r, 0);

			if (!room(e, &p))
				break;
			fos_count(e->p->counter, send_one(e, &e->parcels[i], &p), 1);
			fos_ring_take(r, 1);
			total++;
		}
	}
	return total;
}

void fos_parcel_publish(struct fos_egress *e)
{
	for (uint32_t i = 0; i < e->nr_parcels; i++) {
		struct fos_ring_cons *r = e->parcels[i].ring;

		if (r->next != r->cursor->head)
			fos_txn_publish64(&e->txn, &r->cursor->head, r->next);
	}
}
