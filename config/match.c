/* match.c - a pipeline's match: a filter expression or a mapping of fields. */
#include <errno.h>
#include <string.h>

#include "config/convert.h"
#include "config/report.h"
#include "config/value.h"

enum { ETH_TYPE_MIN = 0x600, ETH_TYPE_MAX = 0xffff, VLAN_MIN = 1, VLAN_MAX = 4094 };

typedef int convert_field(struct fos_config *cfg, struct fos_config_match *match,
			  const struct fos_node *node);

static int refuse(struct fos_config *cfg, const struct fos_node *node, const char *key,
		  const char *allowed)
{
	fos_config_error(cfg, node->where, "%s: %s is not %s", key, FOS_SHOW(node->text), allowed);
	return -EINVAL;
}

static int in_port(struct fos_config *cfg, struct fos_config_match *m, const struct fos_node *node)
{
	(void)cfg;
	m->in_port_where = node->where;
	return fos_convert_text(&m->in_port_name, node->text);
}

#define MAC_FORM "a MAC address: six pairs of hexadecimal digits, like 02:00:00:00:00:01"

static int eth_src(struct fos_config *cfg, struct fos_config_match *m, const struct fos_node *node)
{
	return fos_value_mac(node->text, m->eth_src) < 0 ?
	       refuse(cfg, node, "eth_src", MAC_FORM) : 0;
}

static int eth_dst(struct fos_config *cfg, struct fos_config_match *m, const struct fos_node *node)
{
	return fos_value_mac(node->text, m->eth_dst) < 0 ?
	       refuse(cfg, node, "eth_dst", MAC_FORM) : 0;
}

static int eth_type(struct fos_config *cfg, struct fos_config_match *m, const struct fos_node *node)
{
	uint64_t v = 0;

	if (fos_value_number(node->text, true, &v) < 0 || v < ETH_TYPE_MIN || v > ETH_TYPE_MAX)
		return refuse(cfg, node, "eth_type",
			      "an EtherType: 0x0600 to 0xffff, like 0x0800 for IPv4");
	m->eth_type = (uint16_t)v;
	return 0;
}

static int vlan(struct fos_config *cfg, struct fos_config_match *m, const struct fos_node *node)
{
	uint64_t v = 0;

	if (fos_value_number(node->text, false, &v) < 0 || v < VLAN_MIN || v > VLAN_MAX)
		return refuse(cfg, node, "vlan", "a VLAN id: 1 to 4094");
	m->vlan = (uint16_t)v;
	return 0;
}

static int prefix(struct fos_config *cfg, struct fos_config_prefix *to,
		  const struct fos_node *node, const char *key)
{
	char text[FOS_VALUE_TEXT_MAX];
	int ret = fos_value_prefix(node->text, to);

	if (ret == -EDOM) {
		fos_config_error(cfg, node->where, "%s: %s has bits set behind the prefix: did you "
				 "mean '%s'?", key, FOS_SHOW(node->text),
				 fos_value_prefix_text(text, to));
		return -EINVAL;
	}
	return ret < 0 ? refuse(cfg, node, key, "an address or a prefix, like 10.0.0.0/8 or "
				"2001:db8::/32") : 0;
}

static int src(struct fos_config *cfg, struct fos_config_match *m, const struct fos_node *node)
{
	m->src_where = node->where;
	return prefix(cfg, &m->src, node, "src");
}

static int dst(struct fos_config *cfg, struct fos_config_match *m, const struct fos_node *node)
{
	m->dst_where = node->where;
	return prefix(cfg, &m->dst, node, "dst");
}

static int proto(struct fos_config *cfg, struct fos_config_match *m, const struct fos_node *node)
{
	struct fos_suggest s;
	int ret = fos_value_proto(node->text, &m->proto);

	if (ret == 0)
		return 0;
	fos_suggest_start(&s, node->text);
	fos_suggest_offer(&s, "tcp");
	fos_suggest_offer(&s, "udp");
	fos_suggest_offer(&s, "icmp");
	fos_suggest_offer(&s, "icmp6");
	fos_config_error(cfg, node->where, "proto: %s is not tcp, udp, icmp, icmp6 or a number up "
			 "to 255%s%s%s", FOS_SHOW(node->text),
			 s.best != NULL ? ": did you mean '" : "", s.best != NULL ? s.best : "",
			 s.best != NULL ? "'?" : "");
	return -EINVAL;
}

#define PORTS_FORM "a port or a range of ports: 1 to 65535, like 80 or 1024-65535"

static int sport(struct fos_config *cfg, struct fos_config_match *m, const struct fos_node *node)
{
	m->sport_where = node->where;
	return fos_value_ports(node->text, &m->sport) < 0 ?
	       refuse(cfg, node, "sport", PORTS_FORM) : 0;
}

static int dport(struct fos_config *cfg, struct fos_config_match *m, const struct fos_node *node)
{
	m->dport_where = node->where;
	return fos_value_ports(node->text, &m->dport) < 0 ?
	       refuse(cfg, node, "dport", PORTS_FORM) : 0;
}

static const struct {
	const char *key;
	uint32_t bit;
	convert_field *convert;
} fields[] = {
	{ "in_port", FOS_CONFIG_MATCH_IN_PORT, in_port },
	{ "eth_src", FOS_CONFIG_MATCH_ETH_SRC, eth_src },
	{ "eth_dst", FOS_CONFIG_MATCH_ETH_DST, eth_dst },
	{ "eth_type", FOS_CONFIG_MATCH_ETH_TYPE, eth_type },
	{ "vlan", FOS_CONFIG_MATCH_VLAN, vlan },
	{ "src", FOS_CONFIG_MATCH_SRC, src },
	{ "dst", FOS_CONFIG_MATCH_DST, dst },
	{ "proto", FOS_CONFIG_MATCH_PROTO, proto },
	{ "sport", FOS_CONFIG_MATCH_SPORT, sport },
	{ "dport", FOS_CONFIG_MATCH_DPORT, dport },
};

static int convert_filter(struct fos_config *cfg, struct fos_config_match *match,
			  const struct fos_node *node)
{
	const char *text = node->text + strspn(node->text, " \t\n");

	if (*text == '\0') {
		fos_config_error(cfg, node->where, "'match' is empty: leave it out to match "
				 "everything");
		return -EINVAL;
	}
	if (strlen(node->text) > FOS_CONFIG_FILTER_MAX) {
		fos_config_error(cfg, node->where, "match: the expression has %zu bytes, at most "
				 "%d are allowed", strlen(node->text), FOS_CONFIG_FILTER_MAX);
		return -EINVAL;
	}
	return fos_convert_text(&match->filter, node->text);
}

int fos_convert_match(struct fos_config *cfg, struct fos_config_match *match,
		      const struct fos_node *node)
{
	int ret;

	match->in_port = -1;
	if (node == NULL)
		return 0;
	match->where = node->where;
	if (node->kind == FOS_NODE_SCALAR)
		return convert_filter(cfg, match, node);
	if (node->kind == FOS_NODE_LIST) {
		fos_config_error(cfg, node->where, "'match' must be a filter expression or a "
				 "mapping of fields, not a list");
		return -EINVAL;
	}
	ret = fos_shape_check(cfg, node, &fos_schema_match, "'match'");
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct fos_node *value = fos_tree_get(node, fields[i].key);

		if (value == NULL)
			continue;
		match->set |= fields[i].bit;
		ret = fos_convert_worse(ret, fields[i].convert(cfg, match, value));
	}
	return ret;
}
