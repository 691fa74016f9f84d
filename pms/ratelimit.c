/* ratelimit - bytes a second: for each flow, and for all flows of a prefix together
 *
 * Lesson: dropping packets.  A module on `ip` with FOS_PM_EDITS decides packet by packet who goes on.
 * What it drops comes again by TCP's own means, more slowly: that is what tells a sender to slow
 * down.  Holding bytes back instead would be bounded by `hold`, and a held byte is not acknowledged,
 * so this module polices and does not shape.
 *
 * Lesson: two kinds of memory, one commit.  A flow's bucket is in its context, a prefix's in the
 * PM-wide state; they move with the release that lets the packets go, so a kill neither forgives nor
 * charges a byte twice.  A bucket is one number: the time at which it will be full again (the
 * "theoretical arrival time" of the cell rate algorithm, ITU-T I.371), so nothing has to tick.
 *
 *   options:
 *     flow: "1M burst 64K"               bytes a second of each direction of a connection
 *     prefixes:                          the first that fits, once for the source (what the prefix
 *       - "10.0.0.0/8 10M burst 256K"    sends) and once for the destination (what it receives), each
 *       - "2001:db8::/32 4M"             with a bucket of its own
 *     list: /etc/flowos/rates.txt        more prefixes, one a line
 *     file: ratelimit.tsv                where the lines go (default: standard output)
 *
 * K, M and G are multiples of 1024; the burst, which may pass at once, is by default a quarter of a
 * second's bytes and at least 64K.  A packet goes on when all its buckets have room for it, and is
 * charged to none otherwise; one that is larger than a burst goes on when the bucket is full.  Every
 * packet counts with all bytes of its IP header and payload, pure acknowledgements too.  With several
 * lanes each lane has its own buckets: a prefix whose flows are spread over n gets n times its rate.
 *
 * Lines, tab-separated, with packets and bytes that were dropped: for each flow that lost some, at its
 * end, "flow" src sport dst dport packets bytes; at an orderly stop for each prefix "sent" and
 * "received" number packets bytes.
 */
#include <inttypes.h>
#include <string.h>

#include "pmhost/pm.h"

#define MAX_PREFIXES 256
#define MAX_RATE (1ull << 40)
#define MAX_BURST (1ull << 30)
#define SECOND 1000000000ull

struct rate {
	uint64_t rate; /* bytes a second; 0 = no limit */
	uint64_t burst_ns; /* what the burst takes at that rate */
};

struct lost {
	uint64_t packets;
	uint64_t bytes;
};

enum way { SENT, RECEIVED, NR_WAYS };

struct state {
	uint64_t rules; /* sum of the configuration that the rest is for */
	uint64_t full_ns[MAX_PREFIXES][NR_WAYS];
	struct lost lost[MAX_PREFIXES][NR_WAYS];
};

struct flow { /* context */
	uint64_t full_ns;
	struct lost lost;
	uint64_t rules; /* sum of the configuration for which prefix[] was looked up */
	int16_t prefix[NR_WAYS]; /* -1 = none */
};

static struct rate per_flow;
static struct rate rate[MAX_PREFIXES];
static struct fos_prefix prefix[MAX_PREFIXES];
static unsigned nr;
static uint64_t rules;
static int out;

/* ---------------------------------------------------------------- options */

/* "10M [burst 256K]" */
static const char *parse_rate(char *text, struct rate *r)
{
	char *word = fos_word(&text);
	uint64_t burst;

	if (!word || !fos_size_parse(word, &r->rate) || r->rate == 0 || r->rate > MAX_RATE)
		return "a rate is a number of bytes a second, as in 500K, 10M, 1G";
	burst = r->rate / 4 > 65536 ? r->rate / 4 : 65536;
	if (burst > MAX_BURST)
		burst = MAX_BURST;
	word = fos_word(&text);
	if (word) {
		char *size = fos_word(&text);

		if (strcmp(word, "burst") != 0 || !size || fos_word(&text) ||
		    !fos_size_parse(size, &burst) || burst == 0 || burst > MAX_BURST)
			return "behind the rate stands nothing, or `burst` and bytes, at most 1G";
	}
	r->burst_ns = burst * SECOND / r->rate;
	return NULL;
}

static const char *set_flow(struct fos_instance *pm, char *text, void *arg)
{
	(void)pm;
	(void)arg;
	return per_flow.rate ? "one rate for all flows is enough" : parse_rate(text, &per_flow);
}

static const char *add_prefix(struct fos_instance *pm, char *text, void *arg)
{
	char *word = fos_word(&text);
	const char *wrong;

	(void)pm;
	(void)arg;
	if (nr == MAX_PREFIXES)
		return "that is one prefix more than 256";
	if (!word || !fos_prefix_parse(word, &prefix[nr]))
		return "an entry is PREFIX RATE [burst BYTES], as in 10.0.0.0/8 10M burst 256K";
	wrong = parse_rate(text, &rate[nr]);
	for (unsigned i = 0; !wrong && i < 16; i++)
		rules = rules * 31 + prefix[nr].addr[i];
	rules = rules * 31 + prefix[nr].bits + 1;
	nr++;
	return wrong;
}

static int init(struct fos_instance *pm)
{
	nr = 0;
	rules = 1;
	per_flow.rate = 0;
	if (fos_entries(pm, "flow", NULL, set_flow, NULL) ||
	    fos_entries(pm, "prefixes", "list", add_prefix, NULL))
		return -1;
	if (nr == 0 && per_flow.rate == 0) {
		fos_say(pm, "options: neither `flow` nor `prefixes` limits anything");
		return -1;
	}
	if (((const struct state *)fos_state(pm))->rules != rules) /* the first start, or a reload */
		*(struct state *)fos_state(pm) = (struct state){.rules = rules};
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

/* ---------------------------------------------------------------- packets */

/* Would the bucket have room for a packet that takes `cost` at `now`?  Then *full gets its new value. */
static bool fits(const struct rate *r, uint64_t now, uint64_t bytes, uint64_t *full)
{
	uint64_t cost = bytes * SECOND / r->rate, most = r->burst_ns + 65535 * SECOND / r->rate;

	if (*full > now + most)
		*full = now + most; /* the clock was set back */
	if (*full > now && *full - now + cost > r->burst_ns)
		return false;
	*full = (*full > now ? *full : now) + cost;
	return true;
}

static int16_t find_prefix(const uint8_t addr[16])
{
	for (unsigned i = 0; i < nr; i++)
		if (fos_prefix_has(&prefix[i], addr))
			return (int16_t)i;
	return -1;
}

static void look_up(struct fos_window *w, struct flow *c)
{
	const struct fos_flow_info *f = fos_flow(w);

	c->prefix[SENT] = find_prefix(f->src);
	c->prefix[RECEIVED] = find_prefix(f->dst);
	c->rules = rules;
}

/* NULL: the packet may go on, and has been charged.  Else who is to note its loss besides the flow. */
static struct lost *refuse(struct fos_window *w, uint64_t now, uint64_t bytes)
{
	struct flow *c = fos_ctx(w);
	bool shared = c->prefix[SENT] >= 0 || c->prefix[RECEIVED] >= 0;
	struct state *s = shared ? fos_state(fos_pm_of(w)) : NULL;
	uint64_t own = c->full_ns, full[NR_WAYS] = {0};

	if (per_flow.rate && !fits(&per_flow, now, bytes, &own))
		return &c->lost;
	for (int i = 0; shared && i < NR_WAYS; i++) {
		int16_t k = c->prefix[i];

		if (k < 0)
			continue;
		full[i] = s->full_ns[k][i];
		if (!fits(&rate[k], now, bytes, &full[i]))
			return &s->lost[k][i];
	}
	c->full_ns = own;
	for (int i = 0; shared && i < NR_WAYS; i++)
		if (c->prefix[i] >= 0)
			s->full_ns[c->prefix[i]][i] = full[i];
	return NULL;
}

static void note(struct lost *l, uint64_t bytes)
{
	l->packets++;
	l->bytes += bytes;
}

/* One packet; false: there is no room to drop it now. */
static bool police(struct fos_window *w, const struct fos_packet *p)
{
	uint64_t now = p->time_ns ? p->time_ns : fos_now_ns(fos_pm_of(w)), bytes = p->end - p->pos;
	struct lost *lost = refuse(w, now, bytes);
	struct flow *c;

	if (!lost)
		return true;
	if (fos_drop_packet(w, p->pos) != FOS_OK) {
		/* much is staged: it takes effect, and then there is room.  What a release has kept
		 * is fetched again, or changes to it would not count. */
		if (fos_release(w, p->pos) != FOS_OK || fos_drop_packet(w, p->pos) != FOS_OK)
			return false;
		lost = refuse(w, now, bytes);
	}
	c = fos_ctx(w);
	note(&c->lost, bytes);
	if (lost && lost != &c->lost)
		note(lost, bytes);
	return true;
}

static void on_data(struct fos_window *w)
{
	struct flow *c = fos_ctx(w);
	uint64_t pos = fos_head(w);
	struct fos_packet p;

	if (c->rules != rules)
		look_up(w, c);
	for (; fos_packet(w, pos, &p) == FOS_OK; pos = p.end)
		if (!police(w, &p))
			return;
	fos_release(w, pos);
}

static void on_close(struct fos_window *w, uint32_t why)
{
	const struct fos_flow_info *f = fos_flow(w);
	const struct flow *c = fos_ctx(w);
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT];

	(void)why;
	if (c->lost.packets)
		fos_printf(fos_pm_of(w), out, "flow\t%s\t%u\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\n",
			   fos_address_text(f->src, src), f->sport, fos_address_text(f->dst, dst),
			   f->dport, c->lost.packets, c->lost.bytes);
}

static void fini(struct fos_instance *pm)
{
	static const char *const name[NR_WAYS] = {"sent", "received"};
	const struct state *s = fos_state(pm);

	for (unsigned k = 0; k < nr; k++)
		for (int i = 0; i < NR_WAYS; i++)
			fos_printf(pm, out, "%s\t%u\t%" PRIu64 "\t%" PRIu64 "\n", name[i], k + 1,
				   s->lost[k][i].packets, s->lost[k][i].bytes);
}

FOS_PM(.name = "ratelimit", .stream = FOS_IP, .flags = FOS_PM_EDITS,
	.ctx_size = sizeof(struct flow), .state_size = sizeof(struct state), .init = init,
	.on_data = on_data, .on_close = on_close, .fini = fini);
