/* Which pipeline a packet belongs to: fields, filters, order, tags, link types. */
#include "classifier/match.h"
#include "classifier/packet.h"
#include "tests/tap.h"
#include "tests/unit/cls_world.h"

static struct fos_dir *dir;
static uint32_t strings;
static uint8_t frame[4096];
static struct fos_frame_meta meta;
static struct fos_flow_key key;

static struct fos_match *pipeline(uint32_t fields)
{
	struct fos_match *m = &dir->pipeline[dir->nr_pipelines++].match;

	memset(m, 0, sizeof(*m));
	m->fields = fields;
	return m;
}

static void filter(const char *text)
{
	pipeline(FOS_MATCH_FILTER)->filter_off =
		fos_build_string(dir, text, strlen(text) + 1, &strings);
}

static void packet(const struct cw_ip *ip, uint32_t link)
{
	static const uint64_t seed[2];
	struct fos_packet pkt = {.nr = 0};
	uint8_t l4[100], p[200];
	uint32_t n = cw_l4(ip, "datadata", 8, l4), skip = link == FOS_LINK_ETHERNET ? 0 : 14;

	pkt.head_len = n < FOS_L4_HDR ? n : FOS_L4_HDR;
	memcpy(pkt.head, l4, pkt.head_len);
	n = cw_wrap(ip, l4, n, p);
	memset(frame, 0, sizeof(frame));
	memset(&meta, 0, sizeof(meta));
	meta.data_off = FOS_FRAME_DATA_OFF;
	meta.len = meta.orig_len = (uint16_t)(n - skip);
	meta.link = (uint16_t)link;
	meta.port = ip->src == 1 ? 0 : 1;
	memcpy(frame + FOS_FRAME_DATA_OFF, p + skip, n - skip);
	fos_parse(frame, &meta, seed);
	pkt.meta = meta;
	key = fos_packet_key(&pkt, frame);
}

static uint32_t find(void)
{
	char err[256];
	struct fos_matcher *m = fos_matcher_create(dir, err, sizeof(err));
	uint32_t i;

	if (!m) {
		diag("%s", err);
		return 99;
	}
	i = fos_matcher_find(m, frame, &meta, &key);
	fos_matcher_destroy(m);
	return i;
}

static void fresh(void)
{
	dir->nr_pipelines = 0;
}

static void test_fields(void)
{
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 4000, .dport = 80, .proto = IPPROTO_TCP};
	struct fos_match *m;

	packet(&ip, FOS_LINK_ETHERNET);
	fresh();
	m = pipeline(FOS_MATCH_PROTO | FOS_MATCH_DPORT);
	m->proto = IPPROTO_TCP;
	m->dport_lo = 80;
	m->dport_hi = 81;
	is_u64(find(), 0, "protocol and port");
	m->dport_lo = 81;
	is_u64(find(), FOS_NONE, "another port");
	fresh();
	m = pipeline(FOS_MATCH_SRC);
	m->src[10] = m->src[11] = 0xff;
	m->src[12] = 10;
	m->src_bits = 96 + 8;
	is_u64(find(), 0, "10.0.0.0/8");
	m->src[12] = 11;
	is_u64(find(), FOS_NONE, "11.0.0.0/8");
	m->src[12] = 10;
	m->src[15] = 2;
	m->src_bits = 96 + 31;
	is_u64(find(), FOS_NONE, "10.0.0.2/31");
	m->src[15] = 0;
	is_u64(find(), 0, "10.0.0.0/31");
	fresh();
	pipeline(FOS_MATCH_IN_PORT)->in_port = 1;
	is_u64(find(), FOS_NONE, "another interface");
	dir->pipeline[0].match.in_port = 0;
	is_u64(find(), 0, "its interface");
	fresh();
	m = pipeline(FOS_MATCH_ETH_SRC | FOS_MATCH_ETH_TYPE);
	m->eth_src[5] = 1;
	m->eth_type = 0x0800;
	is_u64(find(), 0, "Ethernet source and type");
	m->eth_type = 0x86dd;
	is_u64(find(), FOS_NONE, "another type");
	fresh();
	pipeline(FOS_MATCH_VLAN)->vlan = 5;
	is_u64(find(), FOS_NONE, "an untagged packet has no VLAN");
	ip.vlan = 5 | 3 << 13;
	packet(&ip, FOS_LINK_ETHERNET);
	is_u64(find(), 0, "VLAN by its number, whatever the priority");
	ip = (struct cw_ip){.src = 1, .dst = 2, .v6 = true, .proto = IPPROTO_ICMPV6};
	packet(&ip, FOS_LINK_ETHERNET);
	fresh();
	pipeline(FOS_MATCH_PROTO)->proto = IPPROTO_ICMP;
	is_u64(find(), 0, "icmp means both versions");
	pipeline(0);
	dir->pipeline[0].match.fields |= FOS_MATCH_SPORT;
	is_u64(find(), 1, "no fields: everything");
}

static void test_filters(void)
{
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 4000, .dport = 80, .proto = IPPROTO_TCP};
	struct cw_ip udp = {.src = 1, .dst = 2, .sport = 4000, .dport = 80, .proto = IPPROTO_UDP};
	char err[256];

	fresh();
	filter("tcp port 81");
	filter("tcp port 80 and host 10.0.0.2");
	filter("tcp");
	packet(&ip, FOS_LINK_ETHERNET);
	is_u64(find(), 1, "the first that matches wins");
	packet(&udp, FOS_LINK_ETHERNET);
	is_u64(find(), FOS_NONE, "none matches");
	ip.vlan = 7;
	packet(&ip, FOS_LINK_ETHERNET);
	is_u64(find(), 1, "tags are transparent");
	fresh();
	filter("not tcp port 80");
	is_u64(find(), FOS_NONE, "also to what a filter denies");
	fresh();
	filter("vlan 7 and tcp port 80");
	is_u64(find(), 0, "unless the filter speaks of them");
	ip.vlan = 0;
	packet(&ip, 101);
	fresh();
	filter("tcp port 80");
	is_u64(find(), 0, "raw IP captures have their own program");
	fresh();
	filter("ether src 00:00:00:00:00:01");
	is_u64(find(), FOS_NONE, "what cannot be said of them matches nothing");
	fresh();
	filter("tcp prot 80");
	ok(fos_matcher_create(dir, err, sizeof(err)) == NULL && strstr(err, "tcp prot 80"),
	   "a filter that does not compile is named");
}

/* libpcap's "tcp port" looks right behind the IPv6 header; the box looks behind extension headers. */
static void test_extensions(void)
{
	static const struct {
		const char *expression;
		uint32_t found;
	} rows[] = {
		{"udp port 53", 0},
		{"udp dst port 53 and src host fd00::1", 0},
		{"tcp port 53", FOS_NONE},
		{"not udp port 53", FOS_NONE},
		{"udp port 54", FOS_NONE},
		{"ip6[6] = 44", 0},
		{"ip6 protochain 17", 0},
	};
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 4000, .dport = 53, .proto = IPPROTO_UDP,
			   .v6 = true, .more = true, .id = 9};

	for (uint32_t tagged = 0; tagged < 2; tagged++) {
		ip.vlan = tagged ? 5 : 0;
		packet(&ip, FOS_LINK_ETHERNET);
		for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			fresh();
			filter(rows[i].expression);
			is_u64(find(), rows[i].found, "a first fragment%s: '%s'",
			       tagged ? ", tagged" : "", rows[i].expression);
		}
	}
}

int main(void)
{
	tap_plan(0);
	dir = calloc(1, sizeof(*dir));
	if (!dir)
		abort();
	test_fields();
	test_filters();
	test_extensions();
	free(dir);
	return done();
}
