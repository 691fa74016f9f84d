/* pmhost/event_info.c - calls of pm_event.h that tell and ask; timers */
#include <string.h>

#include "pmhost/event_host.h"
#include "pmhost/host.h"
#include "pmhost/visit.h"
#include "pmhost/window.h"

#define PERIOD_MIN 1000000u /* ns */

const char *fos_tcp_state_name(uint32_t state)
{
	static const char *const name[] = {
		"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
		"FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"};

	return state < sizeof(name) / sizeof(name[0]) ? name[state] : "?";
}

/* The flow's part for events, about to change; NULL when the module has none or there is no flow. */
static struct fos_event_ctx *change(struct fos_window *w)
{
	if (!w->pm->events || w->flow == FOS_NONE)
		return NULL;
	w->ctx_touched = w->asks = true;
	return fos_host_event_ctx(w);
}

/* ---------------------------------------------------------------- what a flow asks for */

void fos_subscribe(struct fos_window *w, uint32_t events)
{
	struct fos_event_ctx *x = change(w);

	if (!x)
		return;
	x->mask = (events & (FOS_BIT(FOS_NR_ON) - 1)) ^ w->pm->d->events;
	x->flags &= (uint8_t)~FOS_EVENT_STOPPED;
}

uint32_t fos_subscribed(const struct fos_window *w)
{
	return w->pm->events && w->flow != FOS_NONE ? fos_events_mask(w) & FOS_EVENTS_KINDS : 0;
}

void fos_stop(struct fos_window *w)
{
	struct fos_event_ctx *x = change(w);

	w->verdict = FOS_VERDICT_BYPASS;
	if (!x)
		return;
	x->flags |= FOS_EVENT_STOPPED;
	memset(x->timer, 0, sizeof(x->timer));
}

void fos_buffer(struct fos_window *w, uint64_t bytes)
{
	struct fos_event_ctx *x = change(w);
	uint8_t code = 1;

	if (!x)
		return;
	while (bytes > 1ull << (code + 9) && code < 40)
		code++;
	x->bound = bytes ? code : 0;
}

void fos_overlap(struct fos_window *w, enum fos_overlap which)
{
	struct fos_event_ctx *x = change(w);

	if (!x)
		return;
	x->flags &= (uint8_t)~FOS_EVENT_LAST;
	if (which == FOS_OVERLAP_LAST)
		x->flags |= FOS_EVENT_LAST;
}

void fos_tcp_states(const struct fos_window *w, uint32_t *own, uint32_t *peer)
{
	const struct fos_flow *f = w->pm->box->flows;

	*own = w->flow == FOS_NONE ? FOS_CLOSED : f[w->flow].tcp_state;
	*peer = w->flow == FOS_NONE ? FOS_CLOSED : f[FOS_PEER(w->flow)].tcp_state;
}

/* ---------------------------------------------------------------- definitions and pairs */

int fos_event_define(struct fos_instance *pm, uint32_t base, fos_event_filter_fn *filter,
		     const void *arg, size_t arg_len)
{
	if (!pm->events || pm->in != FOS_IN_INIT)
		return FOS_EPERM;
	return fos_event_defs_define(&pm->events->defs, base, filter, arg, arg_len);
}

/* Until the module has looked at a flow, the classifier tells of what FOS_PM() names and of nothing else:
 * its first packets would be missed.  What the host itself tells needs no name. */
static bool told_from_the_start(const struct fos_instance *pm, uint32_t root)
{
	return root == FOS_EVENT_NONE || root == FOS_ON_TIMER || root == FOS_ON_REPLAY ||
	       pm->d->events & FOS_BIT(root);
}

int fos_event_handle(struct fos_instance *pm, uint32_t event, fos_event_handler_fn *handler,
		     bool every_flow)
{
	uint32_t root;
	int rc;

	if (!pm->events || pm->in != FOS_IN_INIT)
		return FOS_EPERM;
	root = fos_event_defs_root(&pm->events->defs, event);
	if (every_flow && !told_from_the_start(pm, root)) {
		fos_say(pm, "event %u for every flow comes from built-in event %u, which .events of its "
			"FOS_PM() does not name", event, root);
		return FOS_EINVAL;
	}
	if (!every_flow && root == FOS_ON_ORPHAN)
		return FOS_EINVAL; /* there is no flow to take it up */
	rc = fos_event_defs_handle(&pm->events->defs, event, handler, every_flow);
	return rc < 0 ? rc : FOS_OK;
}

static inline int toggle(struct fos_window *w, uint32_t event, fos_event_handler_fn *handler, bool there)
{
	struct fos_event_host *e = w->pm->events;
	struct fos_event_ctx *x = change(w);
	uint32_t i;
	int rc;

	if (!x)
		return FOS_EPERM;
	rc = fos_event_defs_find(&e->defs, event, handler);
	if (rc < 0)
		return rc;
	i = (uint32_t)rc;
	if (((e->defs.bits[i / 64] ^ x->bits[i / 64]) >> (i % 64) & 1u) != there) {
		x->bits[i / 64] ^= 1ull << (i % 64);
		x->id ^= e->defs.pair[i].hash;
	}
	return FOS_OK;
}

int fos_event_add(struct fos_window *w, uint32_t event, fos_event_handler_fn *handler)
{
	return toggle(w, event, handler, true);
}

int fos_event_remove(struct fos_window *w, uint32_t event, fos_event_handler_fn *handler)
{
	return toggle(w, event, handler, false);
}

/* ---------------------------------------------------------------- packets */

int fos_event_packet(struct fos_window *w, struct fos_packet *p)
{
	const struct fos_event_host *e = w->pm->events;

	memset(p, 0, sizeof(*p));
	if (w->pm->in == FOS_IN_OPEN)
		return fos_packet_waiting(w, p);
	if (!e || !e->packet || e->slot->packet_len == 0 ||
	    e->slot->packet_len > FOS_EVENT_PACKET_MAX)
		return FOS_ENOENT;
	fos_packet_describe((const void *)e->packet, e->packet + FOS_EVENT_PACKET_OFF, p);
	p->pos = e->slot->pos;
	p->end = p->pos + e->slot->len;
	return FOS_OK;
}

size_t fos_event_old(struct fos_window *w, const void **data, uint64_t *pos)
{
	const struct fos_event_host *e = w->pm->events;

	*data = NULL;
	*pos = 0;
	if (!e || !e->packet || e->slot->old_len > FOS_EVENT_OLD_MAX)
		return 0;
	*data = e->packet + FOS_EVENT_OLD_OFF;
	*pos = e->slot->pos + e->slot->old_off;
	return e->slot->old_len;
}

/* ---------------------------------------------------------------- timers */

int fos_event_timer(struct fos_window *w, unsigned n, uint64_t ns, uint64_t period)
{
	struct fos_event_ctx *x;

	if (n >= FOS_EVENT_TIMERS || (period && period < PERIOD_MIN))
		return FOS_EINVAL;
	if (!w->pm->events || w->flow == FOS_NONE)
		return FOS_EPERM;
	x = fos_host_event_ctx(w);
	if (x->flags & FOS_EVENT_ENDED)
		return FOS_EPERM;
	x->timer[n].ns = ns ? w->pm->p->now_ns + ns : 0;
	x->timer[n].period = ns ? period : 0;
	w->ctx_touched = true;
	return FOS_OK;
}

/* The next one due of a committed context; 0 = none is set. */
static uint64_t next_due(const struct fos_event_ctx *x, uint32_t *n)
{
	uint64_t least = 0;

	for (uint32_t i = 0; i < FOS_EVENT_TIMERS; i++) {
		if (x->timer[i].ns == 0 || (least && x->timer[i].ns >= least))
			continue;
		least = x->timer[i].ns;
		*n = i;
	}
	return least;
}

void fos_events_arm(struct fos_instance *pm, uint32_t flow, uint32_t gen, uint32_t slot)
{
	const struct fos_event_ctx *x =
		(const void *)(fos_host_ctx_slot(pm, flow, slot & 1u) + FOS_PM_HOST_CTX);
	struct fos_local *l = &pm->local[flow];
	uint32_t n;
	uint64_t ns = next_due(x, &n);

	/* a later one is found when the one in the wheel has come */
	if (ns == 0 || (l->event_ns != 0 && l->event_ns <= ns))
		return;
	l->event_ns = ns;
	fos_timers_add(&pm->timers, ns, flow, gen);
}

bool fos_events_due(struct fos_instance *pm, const struct fos_deadline *due)
{
	struct fos_local *l = &pm->local[due->flow];
	uint64_t now = pm->p->now_ns;
	struct fos_pm_pub pub;
	bool any = false;

	if (l->event_ns != due->ns)
		return false;
	l->event_ns = 0;
	for (uint32_t budget = 2 * FOS_EVENT_TIMERS; budget > 0; budget--) {
		struct fos_event_slot slot = {.kind = FOS_EVENT_TIMER, .flow = due->flow,
					      .flow_gen = due->gen, .time_ns = now};
		uint64_t ns;
		int rc;

		if (!fos_host_pub(pm, due->flow, due->gen, &pub) || pub.flags & FOS_PM_CLOSED)
			return any;
		ns = next_due((const void *)(fos_host_ctx_slot(pm, due->flow, pub.ctx & 1u) +
					     FOS_PM_HOST_CTX), &slot.len);
		if (ns == 0 || ns > now)
			break;
		slot.time_ns = ns;
		rc = fos_event_deliver(pm, &slot, NULL);
		any |= rc == FOS_OK;
		if (rc == FOS_AGAIN) {
			l->event_ns = now + FOS_HOST_RETRY_NS;
			fos_timers_add(&pm->timers, l->event_ns, due->flow, due->gen);
			return any;
		}
		if (rc != FOS_OK)
			return any;
	}
	fos_events_arm(pm, due->flow, due->gen, pub.ctx);
	return any;
}
