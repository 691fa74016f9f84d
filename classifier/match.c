/* classifier/match.c - pipelines by OpenFlow-like fields and pcap filters, see match.h */
#include "classifier/match.h"

#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/box.h"
#include "shm/proc.h"

#define LINK_SLOTS 4u /* link types of one capture that are remembered */
#define PLAIN_MAX 2048u

struct filter {
	uint32_t link;
	bool used;
	bool good;
	struct bpf_program program;
};

struct fos_matcher {
	const struct fos_dir *dir;
	struct filter filter[FOS_MAX_PIPELINES][LINK_SLOTS];
	bool speaks_of_vlan[FOS_MAX_PIPELINES];
	bool speaks_of_chain[FOS_MAX_PIPELINES];
	uint8_t plain[PLAIN_MAX];
};

/* Link types of capture files and libpcap's own numbers differ for raw IP only. */
static int dlt_of(uint32_t link)
{
	return link == 101 ? DLT_RAW : (int)link;
}

static bool compile(const char *text, uint32_t link, struct bpf_program *program, char *err,
		    size_t err_size)
{
	pcap_t *p = pcap_open_dead(dlt_of(link), 65535);
	bool good;

	if (!p) {
		snprintf(err, err_size, "no memory for a filter");
		return false;
	}
	good = pcap_compile(p, program, text, 1, PCAP_NETMASK_UNKNOWN) == 0;
	if (!good)
		snprintf(err, err_size, "filter \"%s\": %s", text, pcap_geterr(p));
	pcap_close(p);
	return good;
}

static const char *expression(const struct fos_matcher *m, uint32_t i)
{
	return fos_dir_string(m->dir, m->dir->pipeline[i].match.filter_off);
}

static bool is_filter(const struct fos_matcher *m, uint32_t i)
{
	return m->dir->pipeline[i].match.fields & FOS_MATCH_FILTER;
}

struct fos_matcher *fos_matcher_create(const struct fos_dir *dir, char *err, size_t err_size)
{
	struct fos_matcher *m = calloc(1, sizeof(*m));

	if (!m) {
		snprintf(err, err_size, "no memory");
		return NULL;
	}
	m->dir = dir;
	for (uint32_t i = 0; i < dir->nr_pipelines; i++) {
		struct filter *f = &m->filter[i][0];

		if (!is_filter(m, i) || dir->pipeline[i].first)
			continue;
		m->speaks_of_vlan[i] = strstr(expression(m, i), "vlan") != NULL;
		m->speaks_of_chain[i] = strstr(expression(m, i), "ip6[") ||
					strstr(expression(m, i), "protochain");
		f->link = FOS_LINK_ETHERNET;
		if (!compile(expression(m, i), f->link, &f->program, err, err_size)) {
			fos_matcher_destroy(m);
			return NULL;
		}
		f->used = f->good = true;
	}
	return m;
}

void fos_matcher_destroy(struct fos_matcher *m)
{
	for (uint32_t i = 0; m && i < FOS_MAX_PIPELINES; i++)
		for (uint32_t k = 0; k < LINK_SLOTS; k++)
			if (m->filter[i][k].good)
				pcap_freecode(&m->filter[i][k].program);
	free(m);
}

/* The filter for a link type; NULL when the expression cannot be said for it. */
static struct filter *filter_for(struct fos_matcher *m, uint32_t i, uint32_t link)
{
	char err[256];

	for (uint32_t k = 0; k < LINK_SLOTS; k++) {
		struct filter *f = &m->filter[i][k];

		if (f->used && f->link == link)
			return f->good ? f : NULL;
		if (f->used)
			continue;
		f->used = true;
		f->link = link;
		f->good = compile(expression(m, i), link, &f->program, err, sizeof(err));
		if (!f->good)
			fos_log(FOS_LOG_WARN, "link type %u matches nothing: %s", link, err);
		return f->good ? f : NULL;
	}
	return NULL;
}

static bool run(const struct filter *f, const uint8_t *data, uint32_t caplen, uint32_t len)
{
	struct pcap_pkthdr h = { .caplen = caplen, .len = len };

	return pcap_offline_filter(&f->program, &h, data) != 0;
}

/* First byte behind IPv6 extension headers, where they are to be left out; 0: nothing to leave out. */
static uint32_t behind_extensions(const struct fos_matcher *m, uint32_t i,
				  const struct fos_frame_meta *meta)
{
	if (!(meta->flags & FOS_PKT_IPV6) || !(meta->flags & FOS_PKT_OPTIONS) ||
	    meta->flags & FOS_PKT_IP_BAD || m->speaks_of_chain[i])
		return 0;
	return meta->l4_off ? meta->l4_off : meta->payload_off;
}

/* The packet without what the expression does not know of; returns its length. */
static uint32_t plain(struct fos_matcher *m, const uint8_t *frame, const struct fos_frame_meta *meta,
		      uint32_t tags, uint32_t l4)
{
	const uint8_t *data = frame + meta->data_off;
	uint32_t n = 0, from = 0, left;

	if (tags) {
		memcpy(m->plain, data, n = 12);
		from = 12 + tags;
	}
	if (l4) {
		uint32_t ip_end = (uint32_t)meta->l3_off - meta->data_off + 40;

		memcpy(m->plain + n, data + from, ip_end - from);
		n += ip_end - from;
		m->plain[n - 34] = meta->proto;
		from = l4 - meta->data_off;
	}
	left = meta->len - from;
	if (left > PLAIN_MAX - n)
		left = PLAIN_MAX - n;
	memcpy(m->plain + n, data + from, left);
	return n + left;
}

static bool match_filter(struct fos_matcher *m, uint32_t i, const uint8_t *frame,
			 const struct fos_frame_meta *meta)
{
	const struct filter *f = filter_for(m, i, meta->link);
	uint32_t tags = 0, l4 = behind_extensions(m, i, meta), n;

	if (!f)
		return false;
	if (meta->flags & FOS_PKT_VLAN && !m->speaks_of_vlan[i] && meta->link == FOS_LINK_ETHERNET)
		tags = meta->flags & FOS_PKT_QINQ ? 8 : 4;
	if (!tags && !l4)
		return run(f, frame + meta->data_off, meta->len, meta->orig_len);
	n = plain(m, frame, meta, tags, l4);
	return run(f, m->plain, n, meta->orig_len - tags - (l4 ? l4 - meta->l3_off - 40 : 0));
}

/* ------------------------------------------------------------------ fields */

static bool in_prefix(const uint8_t addr[16], const uint8_t prefix[16], uint32_t bits)
{
	uint32_t bytes = bits / 8, rest = bits % 8;

	if (bits > 128 || memcmp(addr, prefix, bytes) != 0)
		return false;
	return rest == 0 || ((addr[bytes] ^ prefix[bytes]) >> (8 - rest)) == 0;
}

static bool match_ethernet(const struct fos_match *t, const uint8_t *frame,
			   const struct fos_frame_meta *m)
{
	const uint8_t *eth = frame + m->data_off;

	if (t->fields & (FOS_MATCH_ETH_SRC | FOS_MATCH_ETH_DST) && m->link != FOS_LINK_ETHERNET)
		return false;
	if (t->fields & FOS_MATCH_ETH_DST && memcmp(eth, t->eth_dst, 6) != 0)
		return false;
	if (t->fields & FOS_MATCH_ETH_SRC && memcmp(eth + 6, t->eth_src, 6) != 0)
		return false;
	if (t->fields & FOS_MATCH_ETH_TYPE && m->eth_type != t->eth_type)
		return false;
	if (t->fields & FOS_MATCH_VLAN &&
	    (!(m->flags & FOS_PKT_VLAN) || (m->vlan_outer & 0xfffu) != t->vlan))
		return false;
	return true;
}

/* `proto: icmp` means both versions' ICMP. */
static bool match_proto(const struct fos_match *t, const struct fos_frame_meta *m)
{
	return m->proto == t->proto ||
	       (t->proto == IPPROTO_ICMP && m->proto == IPPROTO_ICMPV6);
}

static bool has_ports(const struct fos_frame_meta *m)
{
	return m->proto == IPPROTO_TCP || m->proto == IPPROTO_UDP;
}

bool fos_match_fields(const struct fos_match *t, const uint8_t *frame,
		      const struct fos_frame_meta *m, const struct fos_flow_key *key)
{
	if (t->fields & FOS_MATCH_IN_PORT && m->port != t->in_port)
		return false;
	if (!match_ethernet(t, frame, m))
		return false;
	if (t->fields & FOS_MATCH_SRC && !in_prefix(key->src, t->src, t->src_bits))
		return false;
	if (t->fields & FOS_MATCH_DST && !in_prefix(key->dst, t->dst, t->dst_bits))
		return false;
	if (t->fields & FOS_MATCH_PROTO && !match_proto(t, m))
		return false;
	if (t->fields & FOS_MATCH_SPORT &&
	    (!has_ports(m) || key->sport < t->sport_lo || key->sport > t->sport_hi))
		return false;
	if (t->fields & FOS_MATCH_DPORT &&
	    (!has_ports(m) || key->dport < t->dport_lo || key->dport > t->dport_hi))
		return false;
	return true;
}

uint32_t fos_matcher_find(struct fos_matcher *m, const uint8_t *frame,
			  const struct fos_frame_meta *meta, const struct fos_flow_key *key)
{
	for (uint32_t i = 0; i < m->dir->nr_pipelines; i++) {
		const struct fos_match *t = &m->dir->pipeline[i].match;

		if (m->dir->pipeline[i].first)
			continue; /* a version: found by way of the one that it replaces */
		if (is_filter(m, i) && !match_filter(m, i, frame, meta))
			continue;
		if (fos_match_fields(t, frame, meta, key))
			return fos_dir_newest(m->dir, i);
	}
	return FOS_NONE;
}
