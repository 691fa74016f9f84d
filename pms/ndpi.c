/* ndpi - the protocol of each connection, found by the library nDPI: one line for each
 *
 * Lesson: a library that keeps memory of its own.  What nDPI knows of a connection cannot be committed;
 * it is kept by the process and may be lost.  The context holds what must not be: how many packets
 * were looked at, and that the line has been written.  After a kill detection begins anew with the
 * next packet and still ends; the answer may be poorer then (a guess by ports), never a second one.
 *
 * Lesson: stop watching.  As soon as the answer stands, both directions are let go, and the rest of the
 * connection costs nothing.
 *
 *   options:
 *     file: protocols.tsv        where the lines go (default: standard output)
 *     packets: 32                of a connection, looked at before it is given up (1 to 255)
 *
 * Lines, tab-separated: src sport dst dport protocol packets name category how; protocol is the IP
 * protocol's number, name as nDPI writes it ("TLS.Google", "Unknown"), how is `seen`, `guessed` (from
 * ports and addresses) or `unknown`.  At most 16384 connections are under examination at a time; of
 * two that fall on the same place the older one begins anew.
 */
#include <ndpi_api.h>
#include <stdlib.h>
#include <string.h>

#include "pmhost/pm.h"

#define PLACES 16384u

struct flow { /* context */
	uint8_t packets; /* looked at, of this direction */
	uint8_t done;    /* the line has been written */
};

static struct place { /* of a connection under examination */
	uint64_t id, start_ns;
	struct ndpi_flow_struct *flow;
} place[PLACES];

static struct ndpi_detection_module_struct *ndpi;
static uint64_t most;
static int out;

/* ---------------------------------------------------------------- what nDPI remembers */

static void forget(struct place *p)
{
	if (p->flow)
		ndpi_free_flow(p->flow);
	memset(p, 0, sizeof(*p));
}

static struct place *place_of(const struct fos_flow_info *f)
{
	struct place *p = &place[f->id / 2 % PLACES];

	/* a slot of the flow table that is used again began at another time */
	if (p->flow && (p->id != f->id / 2 || p->start_ns != f->start_ns))
		forget(p);
	return p;
}

static struct place *examine(const struct fos_flow_info *f)
{
	struct place *p = place_of(f);

	if (!p->flow) {
		p->flow = ndpi_flow_malloc(ndpi_detection_get_sizeof_ndpi_flow_struct());
		if (!p->flow)
			abort();
		memset(p->flow, 0, ndpi_detection_get_sizeof_ndpi_flow_struct());
		p->id = f->id / 2;
		p->start_ns = f->start_ns;
	}
	return p;
}

static int init(struct fos_instance *pm)
{
	const char *value = fos_option(pm, "packets", 0);
	NDPI_PROTOCOL_BITMASK all;

	most = 32;
	if (value && (!fos_size_parse(value, &most) || most < 1 || most > 255)) {
		fos_say(pm, "options: packets: \"%s\" is not from 1 to 255", value);
		return -1;
	}
	ndpi = ndpi_init_detection_module(ndpi_no_prefs);
	if (!ndpi) {
		fos_say(pm, "nDPI cannot be started: not enough memory");
		return -1;
	}
	NDPI_BITMASK_SET_ALL(all);
	ndpi_set_protocol_detection_bitmask2(ndpi, &all);
	ndpi_finalize_initialization(ndpi);
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

static void fini(struct fos_instance *pm)
{
	(void)pm;
	for (unsigned i = 0; i < PLACES; i++)
		forget(&place[i]);
	ndpi_exit_detection_module(ndpi);
}

/* ---------------------------------------------------------------- the answer */

static bool answered(struct fos_window *w)
{
	const struct flow *peer = fos_peer_ctx(w);

	return ((const struct flow *)fos_ctx(w))->done || (peer && peer->done);
}

static unsigned looked_at(struct fos_window *w)
{
	const struct flow *peer = fos_peer_ctx(w);

	return ((const struct flow *)fos_ctx(w))->packets + (peer ? peer->packets : 0u);
}

static const char *how(ndpi_protocol is, bool guessed)
{
	if (is.app_protocol == NDPI_PROTOCOL_UNKNOWN && is.master_protocol == NDPI_PROTOCOL_UNKNOWN)
		return "unknown";
	return guessed ? "guessed" : "seen";
}

static void answer(struct fos_window *w, ndpi_protocol is, bool guessed)
{
	const struct fos_flow_info *f = fos_flow(w);
	const uint8_t *a = f->reverse ? f->dst : f->src, *b = f->reverse ? f->src : f->dst;
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT], name[128];
	struct flow *c = fos_ctx(w);

	fos_printf(fos_pm_of(w), out, "%s\t%u\t%s\t%u\t%u\t%u\t%s\t%s\t%s\n", fos_address_text(a, src),
		   f->reverse ? f->dport : f->sport, fos_address_text(b, dst),
		   f->reverse ? f->sport : f->dport, f->proto, looked_at(w),
		   ndpi_protocol2name(ndpi, is, name, sizeof(name)),
		   ndpi_category_get_name(ndpi, is.category), how(is, guessed));
	c->done = 1;
}

static void give_up(struct fos_window *w)
{
	uint8_t guessed = 0;
	ndpi_protocol is = ndpi_detection_giveup(ndpi, examine(fos_flow(w))->flow, 1, &guessed);

	answer(w, is, guessed);
}

static void look(struct fos_window *w, const struct fos_packet *p)
{
	size_t len = (size_t)(p->end - p->pos);
	const uint8_t *ip = len <= UINT16_MAX ? fos_peek(w, p->pos, len) : NULL;
	struct flow *c = fos_ctx(w);
	ndpi_protocol is;
	struct place *at;

	if (!ip || p->csum == FOS_SUM_BAD)
		return;
	at = examine(fos_flow(w));
	is = ndpi_detection_process_packet(ndpi, at->flow, ip, (unsigned short)len,
					   p->time_ns / 1000000u);
	if (c->packets < UINT8_MAX)
		c->packets++;
	if (ndpi_is_protocol_detected(ndpi, is) && !ndpi_extra_dissection_possible(ndpi, at->flow))
		answer(w, is, false);
	else if (looked_at(w) >= most && ndpi_is_protocol_detected(ndpi, is))
		answer(w, is, false);
	else if (looked_at(w) >= most)
		give_up(w);
}

static void on_data(struct fos_window *w)
{
	struct fos_packet p;

	for (uint64_t pos = fos_head(w); !answered(w) && fos_packet(w, pos, &p) == FOS_OK; pos = p.end)
		look(w, &p);
	if (answered(w))
		fos_bypass(w);
	if (fos_release_all(w) == FOS_OK && answered(w))
		forget(place_of(fos_flow(w)));
}

static void on_close(struct fos_window *w, uint32_t why)
{
	(void)why;
	if (!answered(w) && ((const struct flow *)fos_ctx(w))->packets)
		give_up(w);
}

FOS_PM(.name = "ndpi", .stream = FOS_IP, .ctx_size = sizeof(struct flow), .init = init,
	.on_data = on_data, .on_close = on_close, .fini = fini);
