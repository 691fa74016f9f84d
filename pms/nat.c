/* nat - source NAT with a port pool for everything from inside, static destination NAT to servers
 *
 * Lesson: a gate.  on_open runs before a connection's first packet goes on; what it decides holds
 * for every packet of the connection, and egress rewrites headers without asking again.  There is
 * no on_data, so data never waits for this module.
 *
 * Lesson: PM-wide state.  Which ports are taken survives a kill: taking a port, the rewrite that
 * uses it and "this connection is open" are one commit; so are giving it back and on_close.
 *
 *   options:
 *     pool: 192.0.2.10              IPv4 address of packets that leave; the box answers ARP for it
 *     pool6: 2001:db8::10           the same for IPv6 (neighbour discovery)
 *     ports: 1024-65535             source ports handed out
 *     inside: lan                   interface where the clients are (default: the first)
 *     dnat: "192.0.2.10:8080=10.0.0.5:80"    list; IPv6 as [2001:db8::10]:8080=[fd00::5]:80; with
 *                                   "@02:00:00:00:00:05" at the end the server's Ethernet address,
 *                                   else it is learnt from the server's own connections
 *
 * TCP and UDP get a port; an ICMP echo's identifier is translated like a port (and taken from the
 * same pool), so pings of several hosts do not meet; ICMP errors about a translated packet find their
 * way and show it as its sender knows it.  Other protocols only change address.  What comes from
 * outside to a pool address and matches no dnat entry is dropped, pings of it too.  A connection
 * for which there is no port, or whose server's Ethernet address is not known, is dropped; its
 * next SYN (another first packet: after limits.closing) asks again.  With several lanes the inside
 * interface must say `inside: yes`: then the outer address alone chooses a connection's lane, and each
 * lane may hand out all ports, as no two of them talk to the same host.
 */
#include "pmhost/pm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DNAT 32

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58 };

struct end {
	uint8_t addr[16];
	uint16_t port;
};

struct dnat {
	struct end outer, inner;
	uint8_t mac[6];
	bool has_mac;
};

struct pool { /* state: ports in use, by family */
	uint8_t taken[65536 / 8];
};

struct state {
	struct pool pool[2]; /* IPv4, IPv6 */
	uint16_t next[2];
	uint8_t learnt[MAX_DNAT]; /* mac[] of that dnat entry was seen */
	uint8_t mac[MAX_DNAT][6];
};

struct conn { /* context */
	uint16_t port; /* taken from the pool; 0 = none */
	uint8_t v6;
};

static uint8_t pool_addr[2][16];
static bool pool_given[2];
static unsigned port_lo = 1024, port_hi = 65535;
static const char *inside;
static struct dnat dnat[MAX_DNAT];
static unsigned nr_dnat;

/* ---------------------------------------------------------------- ports */

static bool same(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16) == 0;
}

static bool taken(const struct pool *p, unsigned port)
{
	return p->taken[port / 8] >> (port % 8) & 1;
}

static void mark_port(struct state *s, int v6, unsigned port)
{
	s->pool[v6].taken[port / 8] |= (uint8_t)(1u << (port % 8));
}

/* The client's own port when it is free, else the next free one; 0 when none is. */
static uint16_t take_port(struct state *s, int v6, unsigned wanted)
{
	struct pool *p = &s->pool[v6];
	unsigned port = wanted;

	if (port < port_lo || port > port_hi || taken(p, port)) {
		unsigned nr = port_hi - port_lo + 1, i;

		for (i = 0; i < nr; i++) {
			port = port_lo + (s->next[v6] + i) % nr;
			if (!taken(p, port))
				break;
		}
		if (i == nr)
			return 0;
		s->next[v6] = (uint16_t)((port - port_lo + 1) % nr);
	}
	mark_port(s, v6, port);
	return (uint16_t)port;
}

static void give_port(struct state *s, int v6, unsigned port)
{
	s->pool[v6].taken[port / 8] &= (uint8_t)~(1u << (port % 8));
}

/* ---------------------------------------------------------------- options */

/* "a.b.c.d:port" or "[v6]:port" */
static bool parse_end(char *text, struct end *e)
{
	char *colon = strrchr(text, ':');
	long port = colon ? strtol(colon + 1, NULL, 10) : 0;

	if (port < 1 || port > 65535)
		return false;
	*colon = '\0';
	if (*text == '[' && colon > text && colon[-1] == ']') {
		colon[-1] = '\0';
		text++;
	}
	e->port = (uint16_t)port;
	return fos_address_parse(text, e->addr);
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		      &mac[4], &mac[5]) == 6;
}

static bool parse_dnat(const char *text, struct dnat *d)
{
	char buf[256], *inner, *mac;

	snprintf(buf, sizeof(buf), "%s", text);
	inner = strchr(buf, '=');
	if (!inner)
		return false;
	*inner++ = '\0';
	mac = strchr(inner, '@');
	d->has_mac = mac != NULL;
	if (mac) {
		*mac++ = '\0';
		if (!parse_mac(mac, d->mac))
			return false;
	}
	return parse_end(buf, &d->outer) && parse_end(inner, &d->inner);
}

static int refuse(struct fos_instance *pm, const char *key, const char *value, const char *form)
{
	fos_say(pm, "options: %s: \"%s\" is not of the form %s", key, value, form);
	return -1;
}

static int init_pool(struct fos_instance *pm, int v6, const char *key)
{
	const char *value = fos_option(pm, key, 0);

	pool_given[v6] = value != NULL;
	if (!value)
		return 0;
	if (!fos_address_parse(value, pool_addr[v6]))
		return refuse(pm, key, value, v6 ? "2001:db8::10" : "192.0.2.10");
	return fos_own_address(pm, pool_addr[v6]);
}

/* A server's port of a pool address is not handed out. */
static void keep_free(struct fos_instance *pm)
{
	struct state *s = fos_state(pm);

	for (unsigned i = 0; i < nr_dnat; i++)
		for (int v6 = 0; v6 < 2; v6++)
			if (pool_given[v6] && same(dnat[i].outer.addr, pool_addr[v6]))
				mark_port(s, v6, dnat[i].outer.port);
}

static int init(struct fos_instance *pm)
{
	const char *value = fos_option(pm, "ports", 0);

	inside = fos_option(pm, "inside", 0);
	if (!fos_lane_kept(pm, inside)) {
		fos_say(pm, "with several lanes the interface that the option `inside` names must say "
			"`inside: yes` itself: so answers to the pool find their connection's lane");
		return -1;
	}
	if (value && (sscanf(value, "%u-%u", &port_lo, &port_hi) != 2 || port_lo < 1 ||
		      port_lo > port_hi || port_hi > 65535))
		return refuse(pm, "ports", value, "1024-65535");
	for (nr_dnat = 0; (value = fos_option(pm, "dnat", nr_dnat)) != NULL; nr_dnat++) {
		if (nr_dnat == MAX_DNAT || !parse_dnat(value, &dnat[nr_dnat]))
			return refuse(pm, "dnat", value, "192.0.2.10:8080=10.0.0.5:80, 32 at most");
		if (fos_own_address(pm, dnat[nr_dnat].outer.addr) != FOS_OK)
			return -1;
	}
	if (init_pool(pm, 0, "pool") || init_pool(pm, 1, "pool6"))
		return -1;
	keep_free(pm);
	return 0;
}

/* ---------------------------------------------------------------- connections */

static bool has_ports(const struct fos_flow_info *f)
{
	return f->proto == TCP || f->proto == UDP;
}

/* The identifier of an echo request stands as its source port; 0 is what other ICMP has there. */
static bool is_echo(const struct fos_flow_info *f)
{
	return f->proto == (f->ip_version == 6 ? ICMP6 : ICMP) && f->sport;
}

/* Link-local and multicast traffic (neighbour discovery, DHCP) is nobody's to translate. */
static bool local(const uint8_t a[16], bool v6)
{
	static const uint8_t zero[16];

	if (v6)
		return a[0] == 0xff || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) ||
		       memcmp(a, zero, 16) == 0;
	return a[12] == 0 || a[12] >= 224;
}

static void set_mac(uint8_t to[6], const uint8_t mac[6], uint16_t *set, uint16_t which)
{
	static const uint8_t zero[6];

	if (memcmp(mac, zero, 6) == 0)
		return;
	memcpy(to, mac, 6);
	*set |= which;
}

static void snat(struct fos_window *w, const struct fos_flow_info *f, int v6)
{
	struct fos_instance *pm = fos_pm_of(w);
	struct fos_headers go = {.set = FOS_SET_SRC_ADDR}, back = {.set = FOS_SET_DST_ADDR};
	struct conn *c = fos_ctx(w);

	if (has_ports(f) || is_echo(f)) {
		c->v6 = (uint8_t)v6;
		c->port = take_port(fos_state(pm), v6, f->sport);
		if (c->port == 0) {
			fos_say(pm, "no port is free: a connection was refused");
			fos_drop(w);
			return;
		}
		go.sport = c->port;
		go.set |= FOS_SET_SRC_PORT;
		back.dport = f->sport;
		back.set |= FOS_SET_DST_PORT;
	}
	memcpy(go.src, pool_addr[v6], 16);
	memcpy(back.dst, f->src, 16);
	/* who asks for the pool address is told the interface's Ethernet address */
	set_mac(go.src_mac, f->out_mac, &go.set, FOS_SET_SRC_MAC);
	set_mac(back.dst_mac, f->src_mac, &back.set, FOS_SET_DST_MAC);
	fos_rewrite(w, &go);
	fos_rewrite_peer(w, &back);
}

static void to_server(struct fos_window *w, const struct fos_flow_info *f, unsigned i)
{
	const struct state *s = fos_state(fos_pm_of(w));
	bool known = dnat[i].has_mac || s->learnt[i];
	struct fos_headers go = {.set = FOS_SET_DST_ADDR | FOS_SET_DST_PORT};
	struct fos_headers back = {.set = FOS_SET_SRC_ADDR | FOS_SET_SRC_PORT};
	char text[FOS_ADDRESS_TEXT];

	if (!known && memcmp(f->dst_mac, f->in_mac, 6) == 0) {
		/* it is addressed to us, and we do not know where to send it on to */
		fos_say(fos_pm_of(w), "a connection was refused: the Ethernet address of the dnat "
			"server at %s is not known yet; give it as \"@02:00:00:00:00:05\"",
			fos_address_text(dnat[i].inner.addr, text));
		fos_drop(w);
		return;
	}
	memcpy(go.dst, dnat[i].inner.addr, 16);
	go.dport = dnat[i].inner.port;
	memcpy(back.src, f->dst, 16);
	back.sport = f->dport;
	if (known)
		set_mac(go.dst_mac, dnat[i].has_mac ? dnat[i].mac : s->mac[i], &go.set,
			FOS_SET_DST_MAC);
	set_mac(back.src_mac, f->in_mac, &back.set, FOS_SET_SRC_MAC);
	fos_rewrite(w, &go);
	fos_rewrite_peer(w, &back);
}

/* A connection that a dnat server opens itself shows where it lives. */
static void learn(struct fos_window *w, const struct fos_flow_info *f)
{
	for (unsigned i = 0; i < nr_dnat; i++) {
		struct state *s;

		if (!same(f->src, dnat[i].inner.addr))
			continue;
		s = fos_state(fos_pm_of(w));
		memcpy(s->mac[i], f->src_mac, 6);
		s->learnt[i] = 1;
	}
}

static void on_open(struct fos_window *w)
{
	const struct fos_flow_info *f = fos_flow(w);
	bool v6 = f->ip_version == 6;

	if (local(f->src, v6) || local(f->dst, v6))
		return;
	for (unsigned i = 0; i < nr_dnat && has_ports(f); i++) {
		if (same(f->dst, dnat[i].outer.addr) && f->dport == dnat[i].outer.port) {
			to_server(w, f, i);
			return;
		}
	}
	if (inside ? strcmp(f->in_name, inside) == 0 : f->in_port == 0) {
		learn(w, f);
		if (pool_given[v6])
			snat(w, f, v6);
	} else if (pool_given[v6] && same(f->dst, pool_addr[v6])) {
		fos_drop(w);
	}
}

static void on_close(struct fos_window *w, uint32_t why)
{
	const struct conn *c = fos_ctx(w);

	(void)why;
	if (!fos_flow(w)->reverse && c->port)
		give_port(fos_state(fos_pm_of(w)), c->v6, c->port);
}

FOS_PM(.name = "nat", .stream = FOS_IP, .flags = FOS_PM_REWRITES, .ctx_size = sizeof(struct conn),
	.state_size = sizeof(struct state), .init = init, .on_open = on_open,
	.on_close = on_close);
