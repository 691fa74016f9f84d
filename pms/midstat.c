/* midstat - netstat for a middlebox: what each live connection is doing, and how far its ends are
 *
 *	flowosctl midstat [--once] [--sort rate|rtt|retrans|bytes|age]
 *
 * Lesson: numbers that others look at while they change.  What this module knows of a direction is its
 * context and nothing else: committed with the events that it comes from, so that it survives a kill
 * and nothing counts twice; flowosctl maps it read-only and needs no answer from the module, which
 * may be dead at that moment.  (A topic would cost messages that mostly nobody reads; flows of its
 * own by key would be a second table with a bound of its own: the flow table is one already.)
 * Bytes, packets and TCP states are the classifier's: rates are differences between two looks.
 *
 * Lesson: listen only while it pays.  A round trip needs a packet and its acknowledgement; to be told of
 * every packet would fill the module's ring under load.  So a flow asks for FOS_ON_PACKET at its
 * start (the handshake is measured), lets go when it has a sample, and listens again at the next
 * multiple of `every` since its start: both directions by the same clock, as neither may subscribe for
 * the other.  A packet that came again is not measured (Karn's rule), nor is one whose acknowledgement
 * may have passed while its side was not listening.
 *
 * A sample is the time from a packet's passing the box to the passing of its acknowledgement: the
 * network between the box and that end, both ways, and the end's delay in acknowledging.  The sum of
 * both sides is the connection's round trip.  Where modules behind this one change a stream's length,
 * numbers of the two directions are apart by that much, and samples may be.
 *
 *   options:
 *     every: 1          seconds between two measurements of a connection (at most 3600); 0: listens
 *                       always (on a capture the same each time, as the box is then ahead of the module)
 *     file: flows.tsv   a line when a direction has ended (default: none)
 *
 * A line, tab-separated: source, port, destination, port, bytes, segments that came again, their bytes,
 * segments of them with other bytes, segments out of order, windows closed, round trips measured, the
 * smoothed, the shortest and the last one in microseconds (of the end that sends), how it ended.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pmhost/pm.h"
#include "pms/lib/midstat.h"

#define SECOND 1000000000ull
#define SETTLES_NS 10000000ull
enum { TOOK = 1, GAVE = 2 }; /* .useful: a sample of this side, one of the other */
enum { TCP = 6, FIN = 1, SYN = 2, RST = 4, ACK = 16 };

#define ALWAYS                                                                                    \
	(FOS_BIT(FOS_ON_RETRANSMISSION) | FOS_BIT(FOS_ON_DIFFERING_COPY) |                        \
	 FOS_BIT(FOS_ON_OUT_OF_ORDER) | FOS_BIT(FOS_ON_ZERO_WINDOW) | FOS_BIT(FOS_ON_END) |       \
	 FOS_BIT(FOS_ON_MISSED))
#define LISTENING (ALWAYS | FOS_BIT(FOS_ON_PACKET))

static uint64_t every_ns;
static int out;

static int init(struct fos_instance *pm)
{
	const char *every = fos_option(pm, "every", 0), *file = fos_option(pm, "file", 0);
	uint64_t s = 1;

	if (every && (!fos_size_parse(every, &s) || s > 3600)) {
		fos_say(pm, "options: every: \"%s\" is not from 0 to 3600 seconds", every);
		return -1;
	}
	every_ns = s * SECOND;
	out = file ? fos_output(pm, file) : -1;
	return file && out < 0 ? out : 0;
}

/* ---------------------------------------------------------------- round trips */

struct segment {
	uint32_t end; /* sequence number behind it */
	uint32_t ack;
	uint32_t len; /* in sequence space */
	uint8_t flags;
};

static uint32_t word(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool segment_of(struct fos_window *w, struct segment *s)
{
	struct fos_packet p;

	if (fos_event_packet(w, &p) != FOS_OK || p.proto != TCP || p.l4_off == 0 ||
	    p.l4_off + 20 > p.len)
		return false;
	s->flags = p.data[p.l4_off + 13];
	s->len = p.payload_len + !!(s->flags & SYN) + !!(s->flags & FIN);
	s->end = word(p.data + p.l4_off + 4) + s->len;
	s->ack = word(p.data + p.l4_off + 8);
	return true;
}

static void sample(struct fos_midstat *c, uint64_t ns)
{
	c->rtt_last_ns = ns;
	if (c->samples++ == 0) {
		c->rtt_ns = c->rtt_min_ns = ns;
		return;
	}
	c->rtt_ns = c->rtt_ns - c->rtt_ns / 8 + ns / 8;
	if (ns < c->rtt_min_ns)
		c->rtt_min_ns = ns;
}

static bool awaits(const struct fos_midstat *peer, const struct fos_midstat *c)
{
	return peer && peer->waits && peer->round != c->answered;
}

static void stop_listening(struct fos_window *w, struct fos_midstat *c, uint64_t now)
{
	uint64_t age = now - fos_flow(w)->start_ns;

	c->waits = c->useful = 0;
	c->open_ns = 0;
	c->hears_ns = UINT64_MAX;
	fos_subscribe(w, ALWAYS);
	fos_event_timer(w, 0, every_ns - age % every_ns, 0);
}

/* The wish takes effect with the commit that follows: what passes until then is not measured. */
static void start_listening(struct fos_window *w, struct fos_midstat *c, uint64_t now)
{
	const struct fos_midstat *peer = fos_peer_ctx(w);

	c->hears_ns = now + SETTLES_NS;
	c->peer_samples = peer ? peer->samples : 0;
	fos_subscribe(w, LISTENING);
}

/* Both sides have been measured; or one, and the other will hardly be: it sends nothing. */
static bool enough(const struct fos_midstat *c, const struct fos_midstat *peer, uint64_t now)
{
	uint64_t heard = now - c->open_ns;

	if (heard > every_ns)
		return true;
	return !c->waits && !awaits(peer, c) &&
	       (c->useful == (TOOK | GAVE) || (c->useful && heard > every_ns / 4));
}

/* This side acknowledges what the other has sent, and sends what the other will acknowledge. */
static void hear(struct fos_window *w, struct fos_midstat *c, uint64_t now)
{
	const struct fos_midstat *peer = fos_peer_ctx(w);
	struct segment s;

	if (!segment_of(w, &s)) {
		fos_subscribe(w, ALWAYS); /* not TCP */
		return;
	}
	if (!c->open_ns)
		c->open_ns = now;
	if (awaits(peer, c) && s.flags & ACK && (int32_t)(s.ack - peer->sent_end) >= 0) {
		c->answered = peer->round;
		if (peer->sent_ns >= c->hears_ns) {
			sample(c, now - peer->sent_ns);
			c->useful |= TOOK;
		}
	}
	if (c->waits && peer && peer->answered == c->round) {
		c->waits = 0;
		c->useful |= peer->samples != c->peer_samples ? GAVE : 0;
	}
	if (!c->waits && s.len && !(s.flags & RST) && !(every_ns && c->useful & GAVE)) {
		c->waits = 1;
		c->round++;
		c->sent_end = s.end;
		c->sent_ns = now;
	}
	if (every_ns && enough(c, peer, now))
		stop_listening(w, c, now);
}

/* ---------------------------------------------------------------- events */

static void line(struct fos_window *w, const struct fos_midstat *c, const struct fos_event *ev)
{
	static const char *const words[] = {"?", "fin", "rst", "timeout", "evicted", "eof", "pm", "moved"};
	const struct fos_flow_info *f = fos_flow(w);
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT];

	fos_printf(fos_pm_of(w), out,
		   "%s\t%u\t%s\t%u\t%" PRIu64 "\t%u\t%" PRIu64 "\t%u\t%u\t%u\t%u\t%" PRIu64 "\t%" PRIu64
		   "\t%" PRIu64 "\t%s%s\n",
		   fos_address_text(f->src, src), f->sport, fos_address_text(f->dst, dst), f->dport,
		   ev->pos, c->again, c->again_bytes, c->differing, c->out_of_order,
		   c->zero_windows, c->samples, c->rtt_ns / 1000, c->rtt_min_ns / 1000,
		   c->rtt_last_ns / 1000, words[ev->why < 8 ? ev->why : 0],
		   c->missed ? " (events were missed)" : "");
}

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	struct fos_midstat *c = fos_ctx(w);

	c->magic = FOS_MIDSTAT_MAGIC;
	switch (ev->id) {
	case FOS_ON_PACKET:
		hear(w, c, ev->time_ns);
		break;
	case FOS_ON_RETRANSMISSION:
		c->again++;
		c->again_bytes += ev->len;
		c->waits = 0;
		break;
	case FOS_ON_DIFFERING_COPY:
		c->differing++;
		break;
	case FOS_ON_OUT_OF_ORDER:
		c->out_of_order++;
		break;
	case FOS_ON_ZERO_WINDOW:
		c->zero_windows++;
		break;
	case FOS_ON_MISSED:
		c->missed += (uint32_t)ev->len;
		if (c->hears_ns != UINT64_MAX)
			c->hears_ns = ev->time_ns;
		c->waits = 0;
		break;
	case FOS_ON_TIMER:
		start_listening(w, c, ev->time_ns);
		break;
	case FOS_ON_END:
		if (out >= 0)
			line(w, c, ev);
		break;
	}
}

FOS_PM(.name = "midstat", .stream = FOS_APP, .flags = FOS_PM_PACKETS,
	.ctx_size = sizeof(struct fos_midstat), .init = init, .events = LISTENING,
	.on_event = on_event);
