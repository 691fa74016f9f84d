/* firewall - which connections may be: rules by addresses, protocol and ports, first match wins
 *
 * Lesson: the gate.  on_open runs once per connection, before its first packet goes on, and its
 * verdict holds for both directions and every later packet.  So a firewall of this kind costs
 * nothing per packet, and answers to what was allowed need no rule of their own.
 *
 * Lesson: PM-wide state.  The count of each rule's hits and the verdict are one commit: a connection
 * is counted once, whatever is killed.
 *
 *   options:
 *     rules:                             in this order; then those of `list`
 *       - "allow tcp from 10.0.0.0/8 to any port 80,443,8000-8080"
 *       - "reset tcp to 2001:db8::/32 port 22"
 *       - "deny from 192.0.2.7"
 *     list: /etc/flowos/rules.txt        the same, one a line; '#' begins a comment line
 *     default: allow                     for what no rule matches; default of the default: deny
 *     file: firewall.tsv                 one line for each connection refused, and the hits of each
 *                                        rule at an orderly stop (default: neither); a reload with
 *                                        other rules counts from 0
 *
 * A rule: ACTION [PROTOCOL] [from PREFIX [port PORTS]] [to PREFIX [port PORTS]].  Actions: `allow`;
 * `drop`: nothing goes on and nobody is told; `reset`: a TCP sender is answered as by a closed port,
 * others as by drop; `deny` is reset for what comes in by the interface of its wire that is listed
 * first (one's own people need not wait for a timeout) and drop for the rest.  Protocols: tcp, udp, icmp
 * (of both IP versions) or a number.  `from` is who sent the first packet.  Rules with ports match TCP
 * and UDP only.
 *
 * A connection that was silent for limits.idle is forgotten; its next packet is judged as a new
 * first one, in the direction that it has.  So are datagrams and pings.  ICMP errors about an allowed
 * connection, neighbour discovery and ARP do not come by here.
 *
 * Lines: action rule protocol src sport dst dport (tab-separated; the default is rule 0); at the
 * stop: "hits" rule count.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pmhost/pm.h"

#define MAX_RULES 4096
#define MAX_PORTS 8

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58 };

enum action { ALLOW, DROP, RESET, DENY, NR_ACTIONS };
static const char *const action_name[NR_ACTIONS] = {"allow", "drop", "reset", "deny"};

struct ports {
	uint16_t first[MAX_PORTS], last[MAX_PORTS];
	uint8_t nr; /* 0 = any */
};

struct rule {
	struct fos_prefix from, to;
	struct ports sport, dport;
	int16_t proto; /* -1 = any */
	uint8_t action;
};

struct state {
	uint64_t rules; /* sum of the rules that were hit */
	uint64_t hits[MAX_RULES + 1]; /* [0] = the default */
};

static struct rule rule[MAX_RULES + 1]; /* [0] = the default */
static unsigned nr;
static uint64_t rules;
static int out = -1;

/* ---------------------------------------------------------------- rules */

static int action_of(const char *word)
{
	int a;

	for (a = 0; a < NR_ACTIONS; a++)
		if (!strcmp(word, action_name[a]))
			break;
	return a < NR_ACTIONS ? a : -1;
}

/* A word that is no protocol is left for who reads on: -1. */
static int proto_of(const char *word)
{
	static const struct {
		const char *name;
		int number;
	} known[] = {{"tcp", TCP}, {"udp", UDP}, {"icmp", ICMP}};
	char *end;
	long n;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(word, known[i].name))
			return known[i].number;
	n = strtol(word, &end, 10);
	return *word >= '0' && *word <= '9' && !*end && n < 256 ? (int)n : -1;
}

/* "80,443,8000-8080" */
static bool parse_ports(char *word, struct ports *p)
{
	char *comma;

	do {
		comma = strchr(word, ',');
		if (comma)
			*comma = '\0';
		if (p->nr == MAX_PORTS ||
		    !fos_ports_parse(word, &p->first[p->nr], &p->last[p->nr]))
			return false;
		p->nr++;
		word = comma + 1;
	} while (comma);
	return true;
}

/* What stands behind `from` and `to`; *next is the first word after it. */
static const char *parse_side(char **text, struct fos_prefix *prefix, struct ports *ports,
			      char **next)
{
	char *word = fos_word(text);

	if (!word || !fos_prefix_parse(word, prefix))
		return "behind `from` and `to` stands an address, a prefix (10.0.0.0/8, no bits "
		       "beyond its length) or `any`";
	*next = fos_word(text);
	if (!*next || strcmp(*next, "port") != 0)
		return NULL;
	word = fos_word(text);
	*next = fos_word(text);
	if (word && parse_ports(word, ports))
		return NULL;
	return "behind `port` stand 1 to 8 ports or ranges, as in 80,443,8000-8080";
}

static const char *parse_rule(char *text, struct rule *r)
{
	char *word = fos_word(&text);
	int action = word ? action_of(word) : -1;
	const char *wrong;

	memset(r, 0, sizeof(*r));
	r->proto = -1;
	if (action < 0)
		return "a rule begins with allow, drop, reset or deny";
	r->action = (uint8_t)action;
	word = fos_word(&text);
	if (word && proto_of(word) >= 0) {
		r->proto = (int16_t)proto_of(word);
		word = fos_word(&text);
	}
	if (word && !strcmp(word, "from")) {
		wrong = parse_side(&text, &r->from, &r->sport, &word);
		if (wrong)
			return wrong;
	}
	if (word && !strcmp(word, "to")) {
		wrong = parse_side(&text, &r->to, &r->dport, &word);
		if (wrong)
			return wrong;
	}
	if (word)
		return "a rule is ACTION [tcp|udp|icmp|NUMBER] [from PREFIX [port PORTS]] "
		       "[to PREFIX [port PORTS]]";
	if ((r->sport.nr || r->dport.nr) && r->proto >= 0 && r->proto != TCP && r->proto != UDP)
		return "only tcp and udp have ports";
	return NULL;
}

static const char *add_rule(struct fos_instance *pm, char *text, void *arg)
{
	(void)pm;
	(void)arg;
	for (const char *c = text; *c; c++)
		rules = (rules ^ (uint8_t)*c) * 0x100000001b3ull;
	rules = (rules ^ 256) * 0x100000001b3ull;
	if (nr == MAX_RULES)
		return "that is one rule more than 4096";
	return parse_rule(text, &rule[++nr]);
}

static int init(struct fos_instance *pm)
{
	const char *value = fos_option(pm, "default", 0);
	int action = value ? action_of(value) : DENY;

	nr = 0;
	rules = 0xcbf29ce484222325ull;
	out = -1;
	if (action < 0) {
		fos_say(pm, "options: default: \"%s\" is none of allow, drop, reset, deny", value);
		return -1;
	}
	rule[0] = (struct rule){.proto = -1, .action = (uint8_t)action};
	if (fos_entries(pm, "rules", "list", add_rule, NULL))
		return -1;
	if (((const struct state *)fos_state(pm))->rules != rules) /* the first start, or a reload */
		*(struct state *)fos_state(pm) = (struct state){.rules = rules};
	value = fos_option(pm, "file", 0);
	if (value)
		out = fos_output(pm, value);
	return value && out < 0 ? out : 0;
}

/* ---------------------------------------------------------------- connections */

static bool has_port(const struct ports *p, uint16_t port)
{
	for (unsigned i = 0; i < p->nr; i++)
		if (port >= p->first[i] && port <= p->last[i])
			return true;
	return p->nr == 0;
}

static bool fits(const struct rule *r, const struct fos_flow_info *f)
{
	bool same = r->proto < 0 || r->proto == f->proto || (r->proto == ICMP && f->proto == ICMP6);

	if (!same || ((r->sport.nr || r->dport.nr) && f->proto != TCP && f->proto != UDP))
		return false;
	return has_port(&r->dport, f->dport) && has_port(&r->sport, f->sport) &&
	       fos_prefix_has(&r->from, f->src) && fos_prefix_has(&r->to, f->dst);
}

/* Index of the rule that decides. */
static unsigned judge(const struct fos_flow_info *f)
{
	for (unsigned i = 1; i <= nr; i++)
		if (fits(&rule[i], f))
			return i;
	return 0;
}

static void on_open(struct fos_window *w)
{
	struct fos_instance *pm = fos_pm_of(w);
	const struct fos_flow_info *f = fos_flow(w);
	unsigned i = judge(f), action = rule[i].action;
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT];

	((struct state *)fos_state(pm))->hits[i]++;
	if (action == ALLOW)
		return;
	if (action == DENY)
		action = f->in_port < f->out_port ? RESET : DROP;
	if (action == RESET && f->proto == TCP)
		fos_reset(w);
	else
		fos_drop(w);
	if (out >= 0)
		fos_printf(pm, out, "%s\t%u\t%u\t%s\t%u\t%s\t%u\n", action_name[rule[i].action], i,
			   f->proto, fos_address_text(f->src, src), f->sport,
			   fos_address_text(f->dst, dst), f->dport);
}

static void fini(struct fos_instance *pm)
{
	const struct state *s = fos_state(pm);

	for (unsigned i = 0; out >= 0 && i <= nr; i++)
		fos_printf(pm, out, "hits\t%u\t%" PRIu64 "\n", i, s->hits[i]);
}

FOS_PM(.name = "firewall", .stream = FOS_IP, .state_size = sizeof(struct state), .init = init,
	.on_open = on_open, .fini = fini);
