/* IP options, extension headers and tags on segments that the box makes: as on those that came. */
#include "tests/unit/egress_icmp.h"

#define MSS 1000u

static char text[3000];
static char stuffing[256];

/* chains end with TCP (6) */
static const uint8_t hop[8] = {6, 0, 5, 2, 0, 0, 1, 0};
static const uint8_t hop_dst[24] = {60, 0, 1, 4, 0, 0, 0, 0, 6, 1, 1, 12};
static const uint8_t atomic[8] = {6, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef};
static const uint8_t hop_atomic[16] = {44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 1, 2, 3, 4};
static const uint8_t routing[24] = {6, 2, 2, 0, 0, 0, 0, 0, 0xfd, [23] = 2};
static const uint8_t alert[4] = {0x94, 4, 0, 0};
static const uint8_t long_options[24] = {0x94, 4, 0, 0, 0x44, 20, 5, 0};

static const struct row {
	const char *what;
	bool v6, vlan, qinq;
	const uint8_t *ext;
	uint32_t len;
	uint8_t first;
} table[] = {
	{"hop-by-hop options", true, false, false, hop, sizeof(hop), 0},
	{"hop-by-hop and destination options", true, false, false, hop_dst, sizeof(hop_dst), 0},
	{"an atomic fragment header", true, false, false, atomic, sizeof(atomic), 44},
	{"hop-by-hop and atomic fragment", true, true, false, hop_atomic, sizeof(hop_atomic), 0},
	{"a used-up routing header", true, false, false, routing, sizeof(routing), 43},
	{"IPv4 router alert", false, false, false, alert, sizeof(alert), 0},
	{"IPv4 timestamp option, VLAN", false, true, false, long_options, sizeof(long_options), 0},
	{"QinQ", false, true, true, NULL, 0, 0},
	{"QinQ and hop-by-hop", true, true, true, hop, sizeof(hop), 0},
};

static bool as_it_came(const struct row *r, const struct out_packet *o)
{
	uint32_t l3 = o->m.l3_off - FOS_FRAME_DATA_OFF, head = r->v6 ? 40 : 20;
	const uint8_t *ip = o->bytes + l3;

	if (!!(o->m.flags & FOS_PKT_QINQ) != r->qinq || !!(o->m.flags & FOS_PKT_VLAN) != r->vlan)
		return false;
	if (r->qinq && (o->m.vlan_outer != 9 || o->m.vlan_inner != 5))
		return false;
	if (r->len && r->v6 && ip[6] != r->first)
		return false;
	return o->tcp == ip + head + r->len && (!r->len || !memcmp(ip + head, r->ext, r->len)) &&
	       o->m.csum == FOS_CSUM_VALID && !(o->m.flags & (FOS_PKT_IP_BAD | FOS_PKT_L4_BAD));
}

static void test_row(const struct row *r)
{
	uint32_t same = 0, all = 0, largest = 0, bytes = 0;
	struct out_packet *o;

	world_start(true, false, r->v6);
	W.vlan = r->vlan;
	W.qinq = r->qinq;
	W.ext = r->ext;
	W.ext_len = r->len;
	W.ext_first = r->first;
	handshake();
	W.taken = W.nr_out;
	data(0, text, 900, 0);
	edit(0, 10, 0, stuffing);
	edit(0, 20, 0, stuffing);
	release_to(0, 900);
	run();
	while ((o = next_out()) != NULL) {
		all++;
		same += as_it_came(r, o);
		bytes += o->m.payload_len;
		largest = o->m.payload_len > largest ? o->m.payload_len : largest;
	}
	is_u64(bytes, 900 + 2 * 255, "%s: all bytes leave", r->what);
	is_u64(same, all, "%s: on each segment that the box makes", r->what);
	is_u64(largest, MSS - r->len, "%s: they count against the MSS (RFC 6691)", r->what);
	/* an acknowledgement and a reset of the box's own */
	send_desc(FOS_DESC_REXMIT, 0, FOS_NONE, 0, 900);
	W.now += 20000000;
	run();
	o = next_out();
	ok(o && as_it_came(r, o), "%s: on what is sent again", r->what);
	/* an error about such a packet finds its way to the number that it quotes */
	W.taken = W.nr_out;
	icmp_error(&W.out[(W.nr_out - 1) % MAX_OUT], r->v6 ? 1 : 3, 1, 0, 20);
	run();
	o = next_out();
	ok(o && !!(o->m.flags & FOS_PKT_QINQ) == r->qinq && o->m.csum == FOS_CSUM_VALID &&
		   o->m.flags & FOS_PKT_ICMP_ERROR,
	   "%s: an error about one goes on, with its tags", r->what);
	world_stop();
}

int main(void)
{
	for (uint32_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	memset(stuffing, '#', 255);
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		test_row(&table[i]);
	return done();
}
