/* check.c - names, references, wires, matches. */
#include <errno.h>
#include <pcap/pcap.h>
#include <string.h>

#include "config/check.h"
#include "config/report.h"

enum {
	HINT_MAX = 600,
	SNAPLEN = 65535,
	ETH_IPV4 = 0x0800,
	ETH_IPV6 = 0x86dd,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
};

/* "ERROR: did you mean ...?" for a name that is no interface. */
static void unknown_interface(struct fos_config *cfg, struct fos_where where, const char *key,
			      const char *name)
{
	struct fos_words words = { .len = 0 };
	struct fos_suggest s;
	char hint[HINT_MAX];

	fos_suggest_start(&s, name);
	for (uint32_t i = 0; i < cfg->interfaces_nr; i++) {
		fos_suggest_offer(&s, cfg->interfaces[i].name);
		fos_words_add(&words, cfg->interfaces[i].name);
	}
	fos_hint_text(hint, sizeof(hint), &s, "known", &words);
	if (cfg->interfaces_nr == 0)
		snprintf(hint, sizeof(hint), ": the file has no 'interfaces'");
	fos_config_error(cfg, where, "%s: interface %s does not exist%s", key, FOS_SHOW(name),
			 hint);
}

static void check_interfaces(struct fos_config *cfg)
{
	for (uint32_t i = 0; i < cfg->interfaces_nr; i++) {
		const struct fos_config_interface *b = &cfg->interfaces[i];

		for (uint32_t k = 0; k < i; k++) {
			const struct fos_config_interface *a = &cfg->interfaces[k];

			if (strcmp(a->name, b->name) == 0)
				fos_config_error(cfg, b->where, "interface '%s' appears twice "
						 "(first on line %d)", b->name, a->where.line);
			else if (strcmp(a->nic, b->nic) == 0)
				fos_config_error(cfg, b->nic_where, "NIC %s has two roles: '%s' "
						 "(line %d) and '%s'", FOS_SHOW(b->nic), a->name,
						 a->where.line, b->name);
		}
	}
}

/* What is inside on both sides has nothing to choose a lane by. */
static void check_sides(struct fos_config *cfg, const struct fos_config_wire *w)
{
	const struct fos_config_interface *a, *b;

	if (w->end[0] < 0 || w->end[1] < 0 || w->end[0] == w->end[1])
		return;
	a = &cfg->interfaces[w->end[0]];
	b = &cfg->interfaces[w->end[1]];
	if (a->inside && b->inside)
		fos_config_error(cfg, b->inside_where, "inside: '%s' is inside and so is '%s', at the "
				 "other end of its wire: one of them at most", b->name, a->name);
}

static void check_wires(struct fos_config *cfg)
{
	const struct fos_config_wire *wire_of[FOS_CONFIG_INTERFACES_MAX] = { NULL };

	for (uint32_t i = 0; i < cfg->wires_nr; i++) {
		struct fos_config_wire *w = &cfg->wires[i];

		for (int e = 0; e < 2; e++) {
			int n = fos_config_find_interface(cfg, w->end_name[e]);

			w->end[e] = n;
			if (n < 0)
				unknown_interface(cfg, w->end_where[e], "wires", w->end_name[e]);
			else if (wire_of[n] == w)
				fos_config_error(cfg, w->end_where[e], "wires: interface '%s' is "
						 "at both ends of this wire", w->end_name[e]);
			else if (wire_of[n] != NULL)
				fos_config_error(cfg, w->end_where[e], "wires: interface '%s' is "
						 "in another wire already (line %d)",
						 w->end_name[e], wire_of[n]->where.line);
			if (n >= 0 && wire_of[n] == NULL)
				wire_of[n] = w;
		}
		check_sides(cfg, w);
	}
	for (uint32_t i = 0; i < cfg->interfaces_nr; i++)
		if (wire_of[i] == NULL)
			fos_config_warn(cfg, cfg->interfaces[i].where, "interface '%s' is in no "
					"wire: what enters it has no way out",
					cfg->interfaces[i].name);
}

static void check_sizes(struct fos_config *cfg)
{
	uint64_t queues = 0;

	for (uint32_t i = 0; i < cfg->interfaces_nr; i++)
		queues += cfg->interfaces[i].queues > 0 ? cfg->interfaces[i].queues : 1;
	if (cfg->frames < queues * FOS_CONFIG_FRAMES_QUEUE_MIN)
		fos_config_error(cfg, cfg->frames_where, "frames: %u are too few for %llu NIC "
				 "queues: at least %u for each", cfg->frames,
				 (unsigned long long)queues, FOS_CONFIG_FRAMES_QUEUE_MIN);
	if (cfg->ooo_per_flow_bytes > cfg->ooo_total_bytes)
		fos_config_error(cfg, cfg->ooo_per_flow_where, "ooo_per_flow: %llu bytes for one "
				 "flow are more than ooo_total, %llu for all",
				 (unsigned long long)cfg->ooo_per_flow_bytes,
				 (unsigned long long)cfg->ooo_total_bytes);
}

#define BRIDGED "only IPv4 and IPv6 are taken from the wire, the bridge carries the rest"

static bool compiles(pcap_t *dead, const char *filter)
{
	struct bpf_program program;

	if (pcap_compile(dead, &program, filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return false;
	pcap_freecode(&program);
	return true;
}

static void check_filter(struct fos_config *cfg, const struct fos_config_match *m)
{
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	char ip_only[FOS_CONFIG_FILTER_MAX + 32];

	if (dead == NULL) {
		fos_config_error(cfg, m->where, "match: out of memory for the filter");
		return;
	}
	/* behind the filter: `vlan` in it moves where the type is looked for */
	snprintf(ip_only, sizeof(ip_only), "(%s) and (ip or ip6)", m->filter);
	if (!compiles(dead, m->filter))
		fos_config_error(cfg, m->where, "match: %s does not compile: %s (see "
				 "pcap-filter(7))", FOS_SHOW(m->filter), pcap_geterr(dead));
	else if (!compiles(dead, ip_only) && strstr(pcap_geterr(dead), "rejects all"))
		fos_config_warn(cfg, m->where, "match: %s gets no traffic: " BRIDGED,
				FOS_SHOW(m->filter));
	pcap_close(dead);
}

/* Fields that can never hold together. */
static void check_fields(struct fos_config *cfg, const struct fos_config_match *m)
{
	const uint32_t ends = FOS_CONFIG_MATCH_SRC | FOS_CONFIG_MATCH_DST;
	bool ports = m->set & (FOS_CONFIG_MATCH_SPORT | FOS_CONFIG_MATCH_DPORT);
	bool first = m->set & FOS_CONFIG_MATCH_SPORT;
	uint8_t family = m->set & FOS_CONFIG_MATCH_SRC ? m->src.family : m->dst.family;

	if ((m->set & ends) == ends && m->src.family != m->dst.family)
		fos_config_error(cfg, m->dst_where, "match: 'src' is an IPv%u and 'dst' an IPv%u "
				 "address: no packet has both", m->src.family, m->dst.family);
	else if ((m->set & ends) && (m->set & FOS_CONFIG_MATCH_ETH_TYPE) &&
		 m->eth_type != (family == 4 ? ETH_IPV4 : ETH_IPV6))
		fos_config_error(cfg, m->set & FOS_CONFIG_MATCH_SRC ? m->src_where : m->dst_where,
				 "match: an IPv%u address never meets eth_type 0x%04x", family,
				 m->eth_type);
	if (ports && (m->set & FOS_CONFIG_MATCH_PROTO) && m->proto != PROTO_TCP &&
	    m->proto != PROTO_UDP)
		fos_config_error(cfg, first ? m->sport_where : m->dport_where,
				 "match: '%s' needs 'proto: tcp' or 'proto: udp', protocol %u has "
				 "no ports", first ? "sport" : "dport", m->proto);
}

static void check_match(struct fos_config *cfg, struct fos_config_match *m)
{
	if (m->filter != NULL)
		check_filter(cfg, m);
	else
		check_fields(cfg, m);
	if (m->set & FOS_CONFIG_MATCH_ETH_TYPE && m->eth_type != ETH_IPV4 &&
	    m->eth_type != ETH_IPV6)
		fos_config_warn(cfg, m->where, "match: eth_type 0x%04x gets no traffic: " BRIDGED,
				m->eth_type);
	if (!(m->set & FOS_CONFIG_MATCH_IN_PORT))
		return;
	m->in_port = fos_config_find_interface(cfg, m->in_port_name);
	if (m->in_port < 0)
		unknown_interface(cfg, m->in_port_where, "in_port", m->in_port_name);
}

static void check_pipelines(struct fos_config *cfg)
{
	const struct fos_config_pipeline *all = NULL;

	for (uint32_t i = 0; i < cfg->pipelines_nr; i++) {
		struct fos_config_pipeline *p = &cfg->pipelines[i];

		for (uint32_t k = 0; k < i; k++)
			if (strcmp(cfg->pipelines[k].name, p->name) == 0)
				fos_config_error(cfg, p->name_where, "pipeline '%s' appears twice "
						 "(first on line %d)", p->name,
						 cfg->pipelines[k].name_where.line);
		check_match(cfg, &p->match);
		if (all != NULL)
			fos_config_warn(cfg, p->where, "pipeline '%s' gets no traffic: '%s' (line "
					"%d) matches everything, and the first match wins",
					p->name, all->name, all->where.line);
		else if (p->match.filter == NULL && p->match.set == 0)
			all = p;
	}
}

static void check_pm_names(struct fos_config *cfg)
{
	for (uint32_t i = 0; i < cfg->pms_nr; i++) {
		int first = fos_config_find_pm(cfg, cfg->pms[i].name);

		if (first < (int)i)
			fos_config_error(cfg, cfg->pms[i].where, "PM '%s' appears twice (first on "
					 "line %d): give this one another name and say "
					 "'file: PATH'", cfg->pms[i].name,
					 cfg->pms[first].where.line);
	}
}

int fos_config_check(struct fos_config *cfg)
{
	uint32_t before = cfg->errors;

	check_interfaces(cfg);
	check_wires(cfg);
	check_sizes(cfg);
	check_pipelines(cfg);
	check_pm_names(cfg);
	return cfg->errors == before ? 0 : -EINVAL;
}
