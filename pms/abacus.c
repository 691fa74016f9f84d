/* abacus - what each subscriber is charged for, as a cellular operator counts
 *
 * Lesson: bytes and events together.  A byte that comes again because the network lost it is not the
 * subscriber's fault and is not charged.  Whoever knows that can hide traffic in "retransmissions" that
 * carry other bytes than the first time; so copies that differ are reported (and the platform lets only
 * the first copy through).  The idea is the mOS authors' Abacus.
 *
 * Lesson: what must be right is not added up from events, of which some may be missed (FOS_ON_MISSED), but
 * taken from positions: bytes charged are the distance that the stream has come, settled at the latest
 * by on_close, which is never missed.  What came again is told by events alone: missed ones are not in it.
 *
 * Lesson: counting per flow, adding up per subscriber.  A flow's counts are in its context and cost
 * nothing to commit; the accounts are PM-wide state, which is copied by each commit that touches it,
 * so a flow settles every `settle` and at its end.
 *
 *   options:
 *     subscribers:                       whose account: the first that fits, source before destination
 *       - "10.0.0.0/8 each 32"           an account for each address
 *       - "2001:db8::/32 each 64"        for each /64
 *       - "192.0.2.0/24"                 one for all of them
 *     list: /etc/flowos/subscribers.txt  more, one a line
 *     settle: 10                         seconds (10) between two settlements of a flow; 0 = at its end
 *     file: abacus.tsv                   where the lines go (default: standard output)
 *
 * Lines, tab-separated.  When the first copy of bytes that differ comes: "tunnel" src sport dst dport
 * position length.  At an orderly stop for each account: "account" prefix connections sent received
 * again differing, where sent and received are application bytes charged, `again` those that came more
 * than once and are not charged, `differing` segments whose repeated bytes were others.  There is room
 * for 1023 accounts for each lane; who finds none is in the account "other".
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pmhost/pm.h"

#define MAX_RULES 256
#define MAX_ACCOUNTS 1024 /* the last is "other" */
#define OTHER (MAX_ACCOUNTS - 1)
#define SECOND 1000000000ull

struct rule {
	struct fos_prefix of;
	uint8_t each; /* bits of an account's prefix */
};

struct counts {
	uint64_t charged;
	uint64_t again;
	uint64_t differing;
};

struct account {
	struct fos_prefix of;
	uint8_t used;
	uint64_t connections;
	uint64_t charged[2]; /* sent, received */
	uint64_t again, differing;
};

struct state {
	struct account account[MAX_ACCOUNTS];
};

struct flow { /* context */
	struct counts now, settled;
	uint64_t upto; /* position up to which bytes have been charged */
	bool known, sends; /* the subscriber has been looked up; it is the source */
	bool nobody;       /* no rule fits */
	bool counted;      /* as a connection */
	struct fos_prefix of;
};

static struct rule rule[MAX_RULES];
static unsigned nr;
static uint64_t settle_ns;
static int out;

/* ---------------------------------------------------------------- options */

static const char *add(struct fos_instance *pm, char *text, void *arg)
{
	char *prefix = fos_word(&text), *each = fos_word(&text), *bits = fos_word(&text), *end = NULL;
	struct rule *r = &rule[nr];
	bool v4;
	long n;

	(void)pm;
	(void)arg;
	if (nr == MAX_RULES)
		return "that is one prefix more than 256";
	if (!prefix || !fos_prefix_parse(prefix, &r->of) || (each && strcmp(each, "each") != 0) ||
	    (each && !bits) || fos_word(&text))
		return "an entry is PREFIX [each BITS], as in 10.0.0.0/8 each 32";
	v4 = strchr(prefix, ':') == NULL && strcmp(prefix, "any") != 0;
	n = each ? strtol(bits, &end, 10) + (v4 ? 96 : 0) : r->of.bits;
	if ((each && (*end || end == bits)) || n < r->of.bits || n > 128)
		return "behind `each` stands the length of an account's prefix, not shorter than its own";
	r->each = (uint8_t)n;
	nr++;
	return NULL;
}

static int init(struct fos_instance *pm)
{
	const char *s = fos_option(pm, "settle", 0);
	char *end;

	nr = 0;
	settle_ns = (s ? strtoull(s, &end, 10) : 10) * SECOND;
	if (s && (*end || end == s || settle_ns > 86400 * SECOND)) {
		fos_say(pm, "options: settle: seconds, at most 86400: \"%s\"", s);
		return -1;
	}
	if (fos_entries(pm, "subscribers", "list", add, NULL))
		return -1;
	if (nr == 0) {
		fos_say(pm, "options: `subscribers` names nobody");
		return -1;
	}
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

/* ---------------------------------------------------------------- accounts */

static bool find_rule(const uint8_t addr[16], struct fos_prefix *of)
{
	for (unsigned i = 0; i < nr; i++)
		if (fos_prefix_has(&rule[i].of, addr)) {
			of->bits = rule[i].each;
			memset(of->addr, 0, sizeof(of->addr));
			memcpy(of->addr, addr, of->bits / 8);
			if (of->bits % 8)
				of->addr[of->bits / 8] = (uint8_t)(addr[of->bits / 8] &
								  (0xff00 >> of->bits % 8));
			return true;
		}
	return false;
}

static struct flow *look_up(struct fos_window *w)
{
	const struct fos_flow_info *f = fos_flow(w);
	struct flow *c = fos_ctx(w);

	if (!c->known) {
		c->sends = find_rule(f->src, &c->of);
		c->nobody = !c->sends && !find_rule(f->dst, &c->of);
		c->known = true;
		c->upto = fos_head(w);
		if (settle_ns && !c->nobody)
			fos_event_timer(w, 0, settle_ns, settle_ns);
	}
	return c;
}

static struct account *account_of(struct state *s, const struct fos_prefix *of)
{
	uint32_t at = of->bits;

	for (int i = 0; i < 16; i++)
		at = (at ^ of->addr[i]) * 16777619u;
	for (uint32_t n = 0; n < OTHER; n++) {
		struct account *a = &s->account[(at + n) % OTHER];

		if (!a->used) {
			a->of = *of;
			a->used = 1;
		}
		if (memcmp(&a->of, of, sizeof(*of)) == 0)
			return a;
	}
	s->account[OTHER].used = 1;
	return &s->account[OTHER];
}

static void settle(struct fos_window *w, struct flow *c)
{
	struct account *a;

	if (c->nobody || (c->counted && memcmp(&c->now, &c->settled, sizeof(c->now)) == 0))
		return;
	a = account_of(fos_state(fos_pm_of(w)), &c->of);
	a->connections += !c->counted && !fos_flow(w)->reverse;
	a->charged[!c->sends] += c->now.charged - c->settled.charged;
	a->again += c->now.again - c->settled.again;
	a->differing += c->now.differing - c->settled.differing;
	c->settled = c->now;
	c->counted = true;
}

/* ---------------------------------------------------------------- traffic */

static void report(struct fos_window *w, const struct fos_event *ev)
{
	const struct fos_flow_info *f = fos_flow(w);
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT];

	fos_printf(fos_pm_of(w), out, "tunnel\t%s\t%u\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\n",
		   fos_address_text(f->src, src), f->sport, fos_address_text(f->dst, dst), f->dport,
		   ev->pos, ev->len);
}

static void charge(struct flow *c, uint64_t to)
{
	if (to <= c->upto)
		return;
	c->now.charged += to - c->upto;
	c->upto = to;
}

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	struct flow *c = look_up(w);

	charge(c, ev->at);
	switch (ev->id) {
	case FOS_ON_RETRANSMISSION:
		c->now.again += ev->len;
		break;
	case FOS_ON_DIFFERING_COPY:
		if (c->now.differing++ == 0 && !c->nobody)
			report(w, ev);
		break;
	case FOS_ON_TIMER:
	case FOS_ON_END:
		settle(w, c);
		break;
	}
}

static void on_close(struct fos_window *w, uint32_t why)
{
	struct flow *c = look_up(w);

	(void)why;
	charge(c, fos_tail(w));
	settle(w, c);
}

static void fini(struct fos_instance *pm)
{
	const struct state *s = fos_state(pm);
	char text[FOS_ADDRESS_TEXT];

	for (unsigned i = 0; i < MAX_ACCOUNTS; i++) {
		const struct account *a = &s->account[i];
		bool v4 = a->of.bits >= 96 && memcmp(a->of.addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;

		if (!a->used)
			continue;
		fos_printf(pm, out, "account\t");
		if (i == OTHER)
			fos_printf(pm, out, "other");
		else
			fos_printf(pm, out, "%s/%u", fos_address_text(a->of.addr, text),
				   a->of.bits - (v4 ? 96u : 0u));
		fos_printf(pm, out,
			   "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
			   a->connections, a->charged[0], a->charged[1], a->again, a->differing);
	}
}

#define WANTED                                                                                    \
	(FOS_BIT(FOS_ON_NEW_DATA) | FOS_BIT(FOS_ON_RETRANSMISSION) |                              \
	 FOS_BIT(FOS_ON_DIFFERING_COPY) | FOS_BIT(FOS_ON_MISSED) | FOS_BIT(FOS_ON_TIMER) |        \
	 FOS_BIT(FOS_ON_END))

FOS_PM(.name = "abacus", .stream = FOS_APP, .ctx_size = sizeof(struct flow),
	.state_size = sizeof(struct state), .init = init, .events = WANTED, .on_event = on_event,
	.on_close = on_close, .fini = fini);
