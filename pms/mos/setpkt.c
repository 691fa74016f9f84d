/* setpkt.c - mtcp_setlastpkt(): packets dropped, headers and payload changed
 *
 * Header fields change with the connection's first packet, for all packets of the connection: what is
 * overwritten one way is written back the other way.  A later packet's fields may be overwritten with
 * what they are, or will be.  Payload changes are kept until the bytes are in the window, and are then
 * edits of the stream: both ends' sequence numbers stay true.
 */
#include "pms/mos/setpkt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DOES (MOS_DROP | MOS_OVERWRITE | MOS_CHOMP | MOS_INSERT)
#define WHERE (MOS_ETH_HDR | MOS_IP_HDR | MOS_TCP_HDR | MOS_TCP_PAYLOAD)

/* Bytes of the headers by what becomes of them: f, a field of the flow; c, computed when the packet leaves;
 * - stays as it is. */
static const char eth_bytes[] = "ffffffffffff--";
static const char ip_bytes[] = "-fcc----f-ccffffffff";
static const char tcp_bytes[] = "ffff------------cc--";

static struct fos_mos_packet *const pkt = &fos_mos.packet;

/* ---------------------------------------------------------------- headers */

struct fields {
	uint8_t mac[12];
	uint8_t tos, ttl;
	uint8_t addr[8];
	uint8_t port[4];
};

static void fields_of(const uint8_t *frame, uint32_t l4, struct fields *f)
{
	memcpy(f->mac, frame, 12);
	f->tos = frame[ETH_HLEN + 1];
	f->ttl = frame[ETH_HLEN + 8];
	memcpy(f->addr, frame + ETH_HLEN + 12, 8);
	memcpy(f->port, frame + l4, 4);
}

static void set_mapped(uint8_t out[16], const uint8_t in[4])
{
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, in, 4);
}

static uint16_t port_of(const uint8_t p[2])
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* What the flow's rewrites make of a packet's fields. */
static void rewritten(const struct fos_headers *h, struct fields *f)
{
	if (h->set & FOS_SET_DST_MAC)
		memcpy(f->mac, h->dst_mac, 6);
	if (h->set & FOS_SET_SRC_MAC)
		memcpy(f->mac + 6, h->src_mac, 6);
	if (h->set & FOS_SET_DSCP)
		f->tos = (uint8_t)(h->dscp << 2 | (f->tos & 3));
	if (h->set & FOS_SET_TTL)
		f->ttl = h->ttl;
	if (h->set & FOS_SET_SRC_ADDR)
		memcpy(f->addr, h->src + 12, 4);
	if (h->set & FOS_SET_DST_ADDR)
		memcpy(f->addr + 4, h->dst + 12, 4);
	if (h->set & FOS_SET_SRC_PORT)
		memcpy(f->port, &(uint16_t){htons(h->sport)}, 2);
	if (h->set & FOS_SET_DST_PORT)
		memcpy(f->port + 2, &(uint16_t){htons(h->dport)}, 2);
}

/* Is each byte of `to` that differs from `now` what the flow's rewrites make of it? */
static bool will_be(const struct fields *now, const struct fields *to, const struct fos_headers *set)
{
	struct fields then = *now;
	const uint8_t *a = (const void *)now, *b = (const void *)to, *c = (const void *)&then;

	rewritten(set, &then);
	for (size_t i = 0; i < sizeof(*now); i++)
		if (b[i] != a[i] && b[i] != c[i])
			return false;
	return true;
}

static int overwrite_header(uint32_t at, const char *bytes, size_t nr, size_t offset,
			    const uint8_t *data, size_t len)
{
	struct fields before, after;
	uint8_t old[sizeof(ip_bytes)];
	const struct fos_mos_conn *c = fos_mos.conn;

	if (offset > nr || len > nr - offset)
		return fos_mos_fail(offset > nr ? EINVAL : EOPNOTSUPP);
	for (size_t i = 0; i < len; i++)
		if (bytes[offset + i] == '-' && pkt->frame[at + offset + i] != data[i])
			return fos_mos_fail(EOPNOTSUPP);
	if (!c || !pkt->l4)
		return fos_mos_fail(EOPNOTSUPP);
	fields_of(pkt->frame, pkt->l4, &before);
	memcpy(old, pkt->frame + at + offset, len);
	memcpy(pkt->frame + at + offset, data, len);
	fields_of(pkt->frame, pkt->l4, &after);
	/* of what was there before the process was, it is not known */
	if (pkt->first || c->adopted || will_be(&before, &after, &c->set[fos_mos.from]))
		return 0;
	memcpy(pkt->frame + at + offset, old, len);
	return fos_mos_fail(EOPNOTSUPP);
}

/* What the program has made of the first packet's headers, as rewrites of both directions. */
static void set_mac(uint8_t to[6], const uint8_t mac[6], uint16_t *set, uint16_t which)
{
	static const uint8_t none[6];

	if (*set & which || memcmp(mac, none, 6) == 0)
		return;
	memcpy(to, mac, 6);
	*set |= which;
}

/* A field that differs is set one way, and set back the other way. */
static void set_addresses(const struct fields *was, const struct fields *is, struct fos_headers *go,
			  struct fos_headers *back)
{
	if (memcmp(was->addr, is->addr, 4)) {
		set_mapped(go->src, is->addr);
		set_mapped(back->dst, was->addr);
		go->set |= FOS_SET_SRC_ADDR;
		back->set |= FOS_SET_DST_ADDR;
	}
	if (memcmp(was->addr + 4, is->addr + 4, 4)) {
		set_mapped(go->dst, is->addr + 4);
		set_mapped(back->src, was->addr + 4);
		go->set |= FOS_SET_DST_ADDR;
		back->set |= FOS_SET_SRC_ADDR;
	}
	if (memcmp(was->port, is->port, 2)) {
		go->sport = port_of(is->port);
		back->dport = port_of(was->port);
		go->set |= FOS_SET_SRC_PORT;
		back->set |= FOS_SET_DST_PORT;
	}
	if (memcmp(was->port + 2, is->port + 2, 2)) {
		go->dport = port_of(is->port + 2);
		back->sport = port_of(was->port + 2);
		go->set |= FOS_SET_DST_PORT;
		back->set |= FOS_SET_SRC_PORT;
	}
}

static void open_conn(struct fos_window *w, struct fos_mos_conn *c)
{
	struct fos_headers *go = &c->set[MOS_SIDE_CLI], *back = &c->set[MOS_SIDE_SVR];
	const struct fos_flow_info *f = fos_flow(w);
	struct fields was, is;

	if (!pkt->built || !pkt->l4 || !pkt->raw.data)
		return;
	fields_of(pkt->frame, pkt->l4, &is);
	pkt->built = false;
	fos_mos_packet_build();
	fields_of(pkt->frame, pkt->l4, &was);
	set_addresses(&was, &is, go, back);
	if (memcmp(was.mac, is.mac, 6))
		set_mac(go->dst_mac, is.mac, &go->set, FOS_SET_DST_MAC);
	if (memcmp(was.mac + 6, is.mac + 6, 6))
		set_mac(go->src_mac, is.mac + 6, &go->set, FOS_SET_SRC_MAC);
	if (was.tos != is.tos) {
		go->dscp = is.tos >> 2;
		go->set |= FOS_SET_DSCP;
	}
	if (was.ttl != is.ttl) {
		go->ttl = is.ttl;
		go->set |= FOS_SET_TTL;
	}
	if (go->set & FOS_SET_SRC_ADDR) {
		/* who asks for the address is told the interface's Ethernet address */
		fos_own_address(fos_mos.pm, go->src);
		set_mac(go->src_mac, f->out_mac, &go->set, FOS_SET_SRC_MAC);
		set_mac(back->dst_mac, f->src_mac, &back->set, FOS_SET_DST_MAC);
	}
	if (go->set)
		fos_rewrite(w, go);
	if (back->set)
		fos_rewrite_peer(w, back);
}

/* ---------------------------------------------------------------- payload */

static bool same(const struct fos_mos_edit *a, const struct fos_mos_edit *b)
{
	return a->pos == b->pos && a->kind == b->kind && a->len == b->len &&
	       (a->kind == FOS_MOS_CHOMP || !memcmp(a->data, b->data, a->len));
}

static int change_payload(int does, uint64_t offset, const uint8_t *data, uint16_t len)
{
	struct fos_mos_conn *c = fos_mos.conn;
	const struct tcphdr *tcp = (const void *)(pkt->frame + pkt->l4);
	int from = fos_mos.from;
	struct fos_mos_edit **at, *e;

	if (!c || !pkt->l4 || !c->known[from])
		return fos_mos_fail(EOPNOTSUPP);
	if (offset > pkt->raw.payload_len ||
	    (does != MOS_INSERT && len > pkt->raw.payload_len - offset))
		return fos_mos_fail(EINVAL);
	e = malloc(sizeof(*e) + len);
	if (!e)
		return fos_mos_fail(ENOMEM);
	e->pos = fos_mos_position(c, from, tcp) + offset;
	e->kind = does == MOS_CHOMP ? FOS_MOS_CHOMP :
		  does == MOS_INSERT ? FOS_MOS_INSERT : FOS_MOS_OVERWRITE;
	e->len = len;
	if (does != MOS_CHOMP)
		memcpy(e->data, data, len);
	e->next = NULL;
	for (at = &c->edits[from]; *at && !same(*at, e); at = &(*at)->next)
		;
	if (*at) /* the packet has come again before its bytes were in sequence */
		free(e);
	else
		*at = e;
	return 0;
}

static void stage(struct fos_window *w, const struct fos_mos_edit *e, uint64_t pos)
{
	if (e->kind == FOS_MOS_CHOMP)
		fos_delete(w, pos, e->len);
	else if (e->kind == FOS_MOS_INSERT)
		fos_insert(w, pos, e->data, e->len);
	else
		fos_overwrite(w, pos, e->data, e->len);
}

/* Those whose bytes are in the window; those whose bytes have gone on are forgotten. */
static void data_comes(struct fos_window *w, struct fos_mos_conn *c, uint64_t delta)
{
	struct fos_mos_edit **at = &c->edits[fos_mos.from];
	uint64_t head = fos_head(w) + delta, tail = fos_tail(w) + delta;

	while (*at) {
		struct fos_mos_edit *e = *at;

		if (e->pos < head) {
			*at = e->next;
			free(e);
			continue;
		}
		if (e->pos + (e->kind == FOS_MOS_INSERT ? 0 : e->len) <= tail)
			stage(w, e, e->pos - delta);
		at = &e->next;
	}
}

const struct fos_mos_changes fos_mos_setpkt = {.open = open_conn, .data = data_comes};

/* ---------------------------------------------------------------- the call */

static bool one(int bits)
{
	return bits && (bits & (bits - 1)) == 0;
}

int mtcp_setlastpkt(mctx_t mctx, int sock, int side, off_t offset, byte *data, uint16_t datalen,
		    int option)
{
	int does = option & DOES, where = option & WHERE;

	(void)side;
	if (!fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE | FOS_MOS_LISTENER | FOS_MOS_RAW))
		return -1;
	if (!fos_mos_edits || !fos_mos_packet_build())
		return fos_mos_fail(EACCES);
	if (!one(does) || offset < 0 || (does != MOS_DROP && !one(where)) ||
	    (does & (MOS_OVERWRITE | MOS_INSERT) && !data))
		return fos_mos_fail(EINVAL);
	if (does == MOS_DROP) {
		if (!fos_mos.conn)
			return fos_mos_fail(EOPNOTSUPP);
		fos_mos.drop = true;
		return 0;
	}
	if (where == MOS_TCP_PAYLOAD)
		return change_payload(does, (uint64_t)offset, data, datalen);
	if (does != MOS_OVERWRITE)
		return fos_mos_fail(EOPNOTSUPP);
	if (where == MOS_ETH_HDR)
		return overwrite_header(0, eth_bytes, sizeof(eth_bytes) - 1, (size_t)offset, data,
					datalen);
	if (where == MOS_IP_HDR)
		return overwrite_header(ETH_HLEN, ip_bytes, sizeof(ip_bytes) - 1, (size_t)offset,
					data, datalen);
	return overwrite_header(pkt->l4, tcp_bytes, sizeof(tcp_bytes) - 1, (size_t)offset, data,
				datalen);
}
