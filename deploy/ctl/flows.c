/* flows.c - flowosctl get flows: every live flow and where its PMs stand */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/ctl/ctl.h"
#include "deploy/ctl/json.h"
#include "shm/history.h"

static const char synopsis[] = "get flows [FILE] [-o json] [--run-dir DIR]";

static const char *address(const struct fos_flow *f, const uint8_t *a, char buf[INET6_ADDRSTRLEN])
{
	/* IPv4 lies in the last four bytes */
	if (f->ip_version == 4)
		return inet_ntop(AF_INET, a + 12, buf, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, a, buf, INET6_ADDRSTRLEN);
}

static const char *state(const struct fos_flow *f)
{
	uint32_t s = fos_acquire32(&f->state);

	if (s & FOS_FLOW_ST_CLOSED)
		return "closed";
	if (s & FOS_FLOW_ST_RESET)
		return "reset";
	if (s & FOS_FLOW_ST_FIN)
		return "fin";
	if (s & FOS_FLOW_ST_ESTABLISHED)
		return "established";
	return s & FOS_FLOW_ST_SYN ? "syn" : "open";
}

static const char *protocol(const struct fos_flow *f, char buf[8])
{
	if (f->proto == 6 || f->proto == 17)
		return f->proto == 6 ? "tcp" : "udp";
	snprintf(buf, 8, "%u", f->proto);
	return buf;
}

/* A consistent copy of a slot; false = free, or reused while it was copied. */
static bool copy_flow(const struct fos_box *box, uint32_t i, struct fos_flow *f)
{
	/* acquire: pairs with the release that makes the slot a flow */
	uint32_t gen = fos_acquire32(&box->flows[i].gen);

	if (gen == 0)
		return false;
	*f = box->flows[i];
	fos_fence_acquire();
	return fos_relaxed32(&box->flows[i].gen) == gen;
}

/* By enum fos_event_kind; the others are states of the flow. */
static const char *const event_words[FOS_NR_EVENTS] = {
	[FOS_EVENT_RETRANSMISSION] = "retransmission",
	[FOS_EVENT_DIFFERING_COPY] = "differing_copy",
	[FOS_EVENT_OUT_OF_ORDER] = "out_of_order",
	[FOS_EVENT_GAP] = "gap",
	[FOS_EVENT_GAP_FILLED] = "gap_filled",
	[FOS_EVENT_WINDOW_OVERRUN] = "window_overrun",
	[FOS_EVENT_ZERO_WINDOW] = "zero_window",
	[FOS_EVENT_INVALID_RST] = "invalid_rst",
	[FOS_EVENT_INVALID_SYN] = "invalid_syn",
};

/* What has happened on the flow so far: a count of each kind that did, and the newest one. */
static void json_events(struct fos_json *j, const struct fos_box *box, uint32_t i)
{
	const struct fos_flow_events *all =
		(const void *)((const uint8_t *)box->cls + box->cls->events_off);
	const struct fos_flow_events *own = fos_history_find(all, box->cls->nr_events, i,
							     fos_relaxed32(&box->flows[i].gen));
	struct fos_flow_events e = {.gen = 0};
	bool any = false;

	if (own)
		e = *own;
	fos_json_open(j, "events", '{');
	for (uint32_t k = 0; k < FOS_EVENTS_COUNTED; k++) {
		if (!event_words[k] || e.count[k] == 0)
			continue;
		fos_json_u64(j, event_words[k], e.count[k]);
		any = true;
	}
	if (any && e.last_kind < FOS_NR_EVENTS && event_words[e.last_kind]) {
		fos_json_open(j, "last", '{');
		fos_json_text(j, "kind", event_words[e.last_kind]);
		fos_json_u64(j, "position", e.last_pos);
		fos_json_u64(j, "bytes", e.last_len);
		fos_json_u64(j, "time_ns", e.last_ns);
		fos_json_close(j, '}');
	}
	fos_json_close(j, '}');
}

static void json_flow(struct fos_json *j, const struct fos_box *box, uint32_t i,
		      const struct fos_flow *f)
{
	char a[INET6_ADDRSTRLEN], proto[8];

	fos_json_open(j, NULL, '{');
	fos_json_u64(j, "lane", box->lane);
	fos_json_u64(j, "flow", i);
	fos_json_text(j, "pipeline", box->dir->pipeline[fos_box_pipeline(box, i, f->gen) %
						       FOS_MAX_PIPELINES].name);
	fos_json_text(j, "proto", protocol(f, proto));
	fos_json_text(j, "src", address(f, f->src, a));
	fos_json_u64(j, "sport", f->sport);
	fos_json_text(j, "dst", address(f, f->dst, a));
	fos_json_u64(j, "dport", f->dport);
	fos_json_bool(j, "reverse", f->flags & FOS_FLOW_REVERSE);
	fos_json_bool(j, "opaque", f->flags & FOS_FLOW_OPAQUE);
	fos_json_text(j, "state", state(f));
	fos_json_u64(j, "packets", f->packets);
	fos_json_u64(j, "bytes", f->bytes);
	fos_json_u64(j, "tail", f->app.tail);
	fos_json_u64(j, "sent", fos_acquire64(&box->outs[i].pos[0]));
	json_events(j, box, i);
	fos_json_open(j, "pms", '{');
	for (uint32_t pm = 0; pm < box->dir->nr_pms; pm++) {
		uint64_t head, tail;

		if (!fos_ctl_pm_position(box, pm, i, f->gen, &head, &tail))
			continue;
		fos_json_open(j, box->dir->pm[pm].name, '{');
		fos_json_u64(j, "head", head < FOS_POS_MAX ? head : tail);
		fos_json_u64(j, "tail", tail);
		fos_json_bool(j, "bypassed", head >= FOS_POS_MAX);
		fos_json_close(j, '}');
	}
	fos_json_close(j, '}');
	fos_json_close(j, '}');
}

static void print_flow(const struct fos_box *box, uint32_t i, const struct fos_flow *f)
{
	char a[INET6_ADDRSTRLEN], proto[8], from[64], to[64];

	snprintf(from, sizeof(from), "%s:%u", address(f, f->src, a), f->sport);
	snprintf(to, sizeof(to), "%s:%u", address(f, f->dst, a), f->dport);
	printf("%-5s %-28s %-28s %-12s %10" PRIu64, protocol(f, proto), from, to, state(f),
	       f->bytes);
	for (uint32_t pm = 0; pm < box->dir->nr_pms; pm++) {
		uint64_t head, tail;

		if (!fos_ctl_pm_position(box, pm, i, f->gen, &head, &tail))
			continue;
		if (head >= FOS_POS_MAX)
			printf(" %s:bypassed", box->dir->pm[pm].name);
		else
			printf(" %s:%" PRIu64 "/%" PRIu64, box->dir->pm[pm].name, head, tail);
	}
	putchar('\n');
}

static void print_flows(const struct fos_ctl_view *v, bool json)
{
	struct fos_json j = {false};

	if (json)
		fos_json_open(&j, NULL, '[');
	else
		printf("%-5s %-28s %-28s %-12s %10s PM:head/tail\n", "proto", "from", "to", "state",
		       "bytes");
	for (uint32_t lane = 0; lane < v->dir->nr_lanes; lane++) {
		struct fos_box box;
		struct fos_flow f;

		if (fos_ctl_lane(v, lane, &box) < 0)
			continue;
		for (uint32_t i = 0; i < v->dir->nr_flows; i++) {
			if (!copy_flow(&box, i, &f))
				continue;
			if (json)
				json_flow(&j, &box, i, &f);
			else
				print_flow(&box, i, &f);
		}
	}
	if (json) {
		fos_json_close(&j, ']');
		putchar('\n');
	}
}

int fos_ctl_get(int argc, char **argv)
{
	struct fos_ctl_where w;
	struct fos_ctl_view v;
	int rc = fos_ctl_where(&w, argc, argv, synopsis);

	if (rc >= 0)
		return rc;
	if (w.nr_rest < 1 || strcmp(w.rest[0], "flows") != 0)
		return fos_ctl_misuse(synopsis, "get what? There are: flows");
	if (w.nr_rest > 1)
		return fos_ctl_misuse(synopsis, "there is no file %s", w.rest[1]);
	if (fos_ctl_view(&v, &w) < 0)
		return FOS_EXIT_FAILED;
	print_flows(&v, w.json);
	fos_ctl_detach(&v);
	return FOS_EXIT_OK;
}
