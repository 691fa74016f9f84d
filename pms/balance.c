/* balance - connections to one address are spread over several servers, by rewriting the destination
 *
 * Lesson: a rewrite is decided once.  on_open chooses a server while the connection's first packet
 * waits; from then on egress changes the headers of both directions and nobody asks again.
 *
 * Lesson: choosing without a table.  Every server gets a score from a hash of the client and of itself;
 * the highest wins (rendezvous hashing, Thaler and Ravishankar 1998; weighted after Schindelhauer and
 * Schomaker 2005).  So the same client finds the same server, and one that goes away moves nobody but
 * its own clients.  `least` counts connections instead, in the PM-wide state: the count, the choice
 * and "this connection is open" are one commit.
 *
 *   options:
 *     service: ["192.0.2.10:80", "[2001:db8::10]:80"]    what clients connect to; the box answers ARP
 *                                                       and neighbour solicitations for it
 *     servers:                                          address and port (no port: the service's),
 *       - "10.0.0.5:8080 weight 3"                      then as many of these as needed: a weight (1
 *       - "10.0.0.6:8080 mac 02:00:00:00:00:06"         to 1000), the Ethernet address, and `down`:
 *       - "[fd00::5]:8080 down"                         gets no new connections
 *     method: hash                                      or least: fewest connections for its weight
 *     inside: lan                                       interface where the servers are; only needed with
 *                                                       several lanes: there it says `inside: yes`
 *     affinity: source                                  one client, one server; `none`: connections are
 *                                                       spread one by one (default with `least`)
 *
 * TCP and UDP.  A server takes connections for services of its own IP version.  Servers are reached over
 * the same network as the box, or by a router whose Ethernet address the client used: a packet that
 * is addressed to the box's own Ethernet address needs the server's, which `mac` gives, or which is
 * learnt from connections that the server itself opens through the box.  A connection for which
 * no server is up, or known, is reset (UDP: dropped).  Answers must pass the box.  What runs stays where
 * it is when a server goes down.  With several lanes each counts, remembers and learns by itself, and one
 * client's connections are in one lane.
 */
#include "pmhost/pm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SERVERS 64
#define MAX_SERVICES 32
#define STICKY 1024 /* clients that `least` remembers */

enum { TCP = 6, UDP = 17 };

struct end {
	uint8_t addr[16];
	uint16_t port;
};

struct server {
	struct end end;
	uint8_t mac[6];
	uint16_t weight;
	bool has_mac, down;
};

struct sticky {
	uint8_t addr[16];
	uint8_t server[16]; /* its address: the list may be another after a restart */
	uint16_t port;
};

struct known {
	uint8_t addr[16]; /* zeros: nobody */
	uint32_t conns;
	uint16_t port;
	uint8_t mac[6];
	uint8_t has_mac;
	uint8_t pad[3];
};

struct state {
	struct known known[MAX_SERVERS];
	struct sticky sticky[STICKY];
};

struct conn { /* context */
	uint8_t slot; /* known[slot - 1] counts this connection */
};

static struct end service[MAX_SERVICES];
static struct server server[MAX_SERVERS];
static uint8_t slot_of[MAX_SERVERS]; /* each server's in state.known */
static unsigned nr_services, nr_servers;
static bool least, sticky;
static const char *inside; /* NULL: not said */

/* ---------------------------------------------------------------- options */

static bool is_v4(const uint8_t a[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(a, mapped, sizeof(mapped)) == 0;
}

/* "a.b.c.d:port", "[v6]:port", either without a port */
static bool parse_end(char *text, struct end *e)
{
	char *colon = strrchr(text, ':'), *close = strchr(text, ']');
	uint16_t last;

	e->port = 0;
	if (*text == '[') {
		if (!close || (close[1] && close[1] != ':'))
			return false;
		colon = close[1] ? close + 1 : NULL;
		*close = '\0';
		text++;
	} else if (colon && strchr(text, ':') != colon) {
		colon = NULL; /* an IPv6 address without a port */
	}
	if (colon) {
		*colon = '\0';
		if (!fos_ports_parse(colon + 1, &e->port, &last) || e->port == 0 || e->port != last)
			return false;
	}
	return fos_address_parse(text, e->addr);
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	char end;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2],
		      &mac[3], &mac[4], &mac[5], &end) == 6;
}

static const char *add_service(struct fos_instance *pm, char *text, void *arg)
{
	(void)arg;
	if (nr_services == MAX_SERVICES)
		return "that is one service more than 32";
	if (!parse_end(text, &service[nr_services]) || service[nr_services].port == 0)
		return "a service is an address and a port, as in 192.0.2.10:80 or [2001:db8::10]:80";
	if (fos_own_address(pm, service[nr_services].addr) != FOS_OK)
		return "the box cannot answer for so many addresses";
	nr_services++;
	return NULL;
}

static const char *add_server(struct fos_instance *pm, char *text, void *arg)
{
	char *word = fos_word(&text), *value;
	struct server *s = &server[nr_servers];
	uint16_t last;

	(void)pm;
	(void)arg;
	if (nr_servers == MAX_SERVERS)
		return "that is one server more than 64";
	*s = (struct server){.weight = 1};
	if (!word || !parse_end(word, &s->end))
		return "a server is an address with or without a port, as in 10.0.0.5:8080 or [fd00::5]";
	while ((word = fos_word(&text)) != NULL) {
		if (!strcmp(word, "down")) {
			s->down = true;
			continue;
		}
		value = fos_word(&text);
		if (value && !strcmp(word, "weight") && fos_ports_parse(value, &s->weight, &last) &&
		    s->weight >= 1 && s->weight <= 1000 && s->weight == last)
			continue;
		if (value && !strcmp(word, "mac") && parse_mac(value, s->mac)) {
			s->has_mac = true;
			continue;
		}
		return "behind a server stand `weight` and 1 to 1000, `mac` and an Ethernet address, or "
		       "`down`";
	}
	nr_servers++;
	return NULL;
}

static bool choice(struct fos_instance *pm, const char *key, const char *a, const char *b, bool *is_b)
{
	const char *value = fos_option(pm, key, 0);

	if (!value)
		return true;
	*is_b = !strcmp(value, b);
	if (*is_b || !strcmp(value, a))
		return true;
	fos_say(pm, "options: %s: \"%s\" is neither %s nor %s", key, value, a, b);
	return false;
}

static bool same(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16) == 0;
}

static bool is_of(const struct known *k, const struct end *e)
{
	return same(k->addr, e->addr) && k->port == e->port;
}

/* Each server keeps the slot of the state that was its own before the list changed. */
static void take_slots(struct fos_instance *pm)
{
	static const uint8_t nobody[16];
	struct state *s = fos_state(pm);
	bool used[MAX_SERVERS] = {false};

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < nr_servers; i++) {
			unsigned k;

			if (pass == 1 && slot_of[i])
				continue;
			slot_of[i] = 0;
			for (k = 0; k < MAX_SERVERS; k++)
				if (!used[k] && (pass == 0 ? is_of(&s->known[k], &server[i].end) :
							     same(s->known[k].addr, nobody) ||
								     s->known[k].conns == 0))
					break;
			if (k == MAX_SERVERS)
				continue;
			used[k] = true;
			slot_of[i] = (uint8_t)(k + 1);
			if (pass == 1)
				memset(&s->known[k], 0, sizeof(s->known[k]));
			memcpy(s->known[k].addr, server[i].end.addr, 16);
			s->known[k].port = server[i].end.port;
		}
	}
}

static int init(struct fos_instance *pm)
{
	bool none = false;

	nr_services = nr_servers = 0;
	least = false;
	inside = fos_option(pm, "inside", 0);
	if (!fos_lane_kept(pm, inside)) {
		fos_say(pm, "with several lanes the option `inside` must name the servers' interface, "
			"and that must say `inside: yes`: so answers find their connection's lane");
		return -1;
	}
	if (fos_entries(pm, "service", NULL, add_service, NULL) ||
	    fos_entries(pm, "servers", "list", add_server, NULL) ||
	    !choice(pm, "method", "hash", "least", &least))
		return -1;
	none = least;
	if (!choice(pm, "affinity", "source", "none", &none))
		return -1;
	sticky = !none;
	if (nr_services == 0 || nr_servers == 0) {
		fos_say(pm, "options: give at least one `service` and one of `servers`");
		return -1;
	}
	take_slots(pm);
	return 0;
}

/* ---------------------------------------------------------------- choosing */

/* FNV-1a, then mixed so that all bits count (the finaliser of splitmix64). */
static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	h ^= h >> 30;
	h *= 0xbf58476d1ce4e5b9ull;
	h ^= h >> 27;
	h *= 0x94d049bb133111ebull;
	return h ^ h >> 31;
}

static bool usable(unsigned i, const struct fos_flow_info *f)
{
	return !server[i].down && slot_of[i] && is_v4(server[i].end.addr) == is_v4(f->dst);
}

static int by_hash(const struct fos_flow_info *f)
{
	uint64_t client = hash(0xcbf29ce484222325ull, f->src, 16);
	double most = 0;
	int best = -1;

	if (!sticky)
		client = hash(client, &f->sport, sizeof(f->sport));
	for (unsigned i = 0; i < nr_servers; i++) {
		double at, score;

		if (!usable(i, f))
			continue;
		/* in (0, 1), from the server and not from its place in the list */
		at = ((double)(hash(hash(client, server[i].end.addr, 16), &server[i].end.port, 2) >> 11) +
		      0.5) / 9007199254740992.0;
		score = -(double)server[i].weight / log(at);
		if (best < 0 || score > most) {
			best = (int)i;
			most = score;
		}
	}
	return best;
}

static int by_count(const struct state *s, const struct fos_flow_info *f)
{
	uint64_t best_load = UINT64_MAX;
	int best = -1;

	for (unsigned i = 0; i < nr_servers; i++) {
		uint64_t load;

		if (!usable(i, f))
			continue;
		load = ((uint64_t)s->known[slot_of[i] - 1].conns + 1) * 1000000 / server[i].weight;
		if (load < best_load) {
			best_load = load;
			best = (int)i;
		}
	}
	return best;
}

/* Who served this client last, or else who has least to do. */
static int remembered(struct state *s, const struct fos_flow_info *f)
{
	struct sticky *e = &s->sticky[hash(0, f->src, 16) % STICKY];
	int best;

	for (unsigned i = 0; i < nr_servers; i++)
		if (same(e->addr, f->src) && same(e->server, server[i].end.addr) &&
		    e->port == server[i].end.port && usable(i, f))
			return (int)i;
	best = by_count(s, f);
	if (best >= 0) {
		memcpy(e->addr, f->src, 16);
		memcpy(e->server, server[best].end.addr, 16);
		e->port = server[best].end.port;
	}
	return best;
}

/* ---------------------------------------------------------------- connections */

static void refuse(struct fos_window *w, const char *why)
{
	char src[FOS_ADDRESS_TEXT];

	fos_say(fos_pm_of(w), "a connection from %s was refused: %s",
		fos_address_text(fos_flow(w)->src, src), why);
	if (fos_flow(w)->proto == TCP)
		fos_reset(w);
	else
		fos_drop(w);
}

static void to_server(struct fos_window *w, const struct fos_flow_info *f, unsigned i)
{
	struct state *s = fos_state(fos_pm_of(w));
	struct known *k = &s->known[slot_of[i] - 1];
	struct fos_headers go = {.set = FOS_SET_DST_ADDR | FOS_SET_DST_PORT};
	struct fos_headers back = {.set = FOS_SET_SRC_ADDR | FOS_SET_SRC_PORT};
	const uint8_t *mac = server[i].has_mac ? server[i].mac : k->has_mac ? k->mac : NULL;

	if (!mac && memcmp(f->dst_mac, f->in_mac, 6) == 0) {
		refuse(w, "the server's Ethernet address is not known yet; give it by `mac`");
		return;
	}
	memcpy(go.dst, server[i].end.addr, 16);
	go.dport = server[i].end.port ? server[i].end.port : f->dport;
	memcpy(back.src, f->dst, 16);
	back.sport = f->dport;
	if (mac) {
		memcpy(go.dst_mac, mac, 6);
		go.set |= FOS_SET_DST_MAC;
		/* who asked for the service's address was told this one */
		memcpy(back.src_mac, f->dst_mac, 6);
		back.set |= FOS_SET_SRC_MAC;
	}
	fos_rewrite(w, &go);
	fos_rewrite_peer(w, &back);
	k->conns++;
	((struct conn *)fos_ctx(w))->slot = slot_of[i];
}

/* A connection that a server opens itself shows its Ethernet address. */
static void learn(struct fos_window *w, const struct fos_flow_info *f)
{
	for (unsigned i = 0; i < nr_servers; i++) {
		struct known *k;

		if (!slot_of[i] || server[i].has_mac || !same(f->src, server[i].end.addr))
			continue;
		k = &((struct state *)fos_state(fos_pm_of(w)))->known[slot_of[i] - 1];
		memcpy(k->mac, f->src_mac, 6);
		k->has_mac = 1;
	}
}

static void on_open(struct fos_window *w)
{
	const struct fos_flow_info *f = fos_flow(w);
	int i;

	learn(w, f);
	for (unsigned k = 0; k < nr_services; k++) {
		if (!same(f->dst, service[k].addr) || f->dport != service[k].port ||
		    (f->proto != TCP && f->proto != UDP))
			continue;
		if (inside && strcmp(f->in_name, inside) == 0) {
			refuse(w, "it comes from the servers' side");
			return;
		}
		if (least)
			i = sticky ? remembered(fos_state(fos_pm_of(w)), f) :
				     by_count(fos_state(fos_pm_of(w)), f);
		else
			i = by_hash(f);
		if (i >= 0)
			to_server(w, f, (unsigned)i);
		else
			refuse(w, "no server is up");
		return;
	}
}

static void on_close(struct fos_window *w, uint32_t why)
{
	unsigned slot = ((struct conn *)fos_ctx(w))->slot;
	struct state *s;

	(void)why;
	if (fos_flow(w)->reverse || slot == 0 || slot > MAX_SERVERS)
		return;
	s = fos_state(fos_pm_of(w));
	if (s->known[slot - 1].conns)
		s->known[slot - 1].conns--;
}

FOS_PM(.name = "balance", .stream = FOS_IP, .flags = FOS_PM_REWRITES,
	.ctx_size = sizeof(struct conn), .state_size = sizeof(struct state), .init = init,
	.on_open = on_open, .on_close = on_close);
