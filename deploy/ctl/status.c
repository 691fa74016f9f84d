/* status.c - flowosctl status: what runs, what was counted, where bytes wait */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/ctl/ctl.h"
#include "deploy/ctl/json.h"
#include "shm/steer.h"

static const char synopsis[] = "status [FILE] [-o json] [--run-dir DIR]";

static const char *const role_name[] = {"keeper", "ingress", "classifier", "pm", "egress"};
static const char *const ring_name[] = {"", "frame", "ready", "free", "message", "event", "parcel"};
_Static_assert(sizeof(ring_name) / sizeof(ring_name[0]) == FOS_RING_PARCEL + 1, "each kind");

/* Bytes between head and tail of one PM, over all live flows. */
struct lag {
	uint64_t bytes;
	uint64_t released;
	uint32_t flows;
};

static struct lag pm_lag(const struct fos_box *box, uint32_t pm)
{
	struct lag l = {0, 0, 0};

	for (uint32_t f = 0; f < box->dir->nr_flows; f++) {
		/* acquire: pairs with the release that makes the slot a flow */
		uint32_t gen = fos_acquire32(&box->flows[f].gen);
		uint64_t head, tail;

		if (gen == 0 || !fos_ctl_pm_position(box, pm, f, gen, &head, &tail))
			continue;
		l.flows++;
		l.released += head < FOS_POS_MAX ? head : 0;
		l.bytes += tail > head ? tail - head : 0;
	}
	return l;
}

static uint32_t live_flows(const struct fos_ctl_view *v)
{
	uint32_t n = 0;

	for (uint32_t lane = 0; lane < v->dir->nr_lanes; lane++) {
		struct fos_box box;

		if (fos_ctl_lane(v, lane, &box) < 0)
			continue;
		for (uint32_t f = 0; f < v->dir->nr_flows; f++)
			n += fos_acquire32(&box.flows[f].gen) != 0;
	}
	return n;
}

/* The XDP program's counters, summed over the ports. */
static void steer_sum(const struct fos_ctl_view *v, uint64_t sum[FOS_STEER_NR])
{
	memset(sum, 0, FOS_STEER_NR * sizeof(sum[0]));
	for (uint32_t i = 0; i < v->dir->nr_ports; i++) {
		uint64_t one[FOS_STEER_NR];

		if (v->steer_counters[i] < 0 || fos_steer_count(v->steer_counters[i], one) < 0)
			continue;
		for (int c = 0; c < FOS_STEER_NR; c++)
			sum[c] += one[c];
	}
}

/* ------------------------------------------------------------------ JSON */

/* What one process counted; names that stand at 0 are left out. */
static void json_own_counters(const struct fos_region_head *h, struct fos_json *j)
{
	fos_json_open(j, "counters", '{');
	for (uint32_t id = 0; h && id < FOS_NR_COUNTERS; id++) {
		uint64_t n = fos_relaxed64(&h->counter[id]);

		if (n)
			fos_json_u64(j, fos_counter_table[id].name, n);
	}
	fos_json_close(j, '}');
}

static void json_processes(const struct fos_ctl_view *v, struct fos_json *j)
{
	fos_json_open(j, "processes", '[');
	for (uint32_t i = 0; i < v->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &v->dir->proc[i];
		uint32_t pid;
		const char *state = fos_ctl_state(v, i, &pid);

		fos_json_open(j, NULL, '{');
		fos_json_text(j, "name", fos_ctl_name(v, i));
		fos_json_text(j, "proc", p->name);
		fos_json_text(j, "role", role_name[p->role]);
		fos_json_u64(j, "lane", p->lane);
		fos_json_u64(j, "pid", pid);
		fos_json_u64(j, "restarts", p->lease.restarts);
		fos_json_text(j, "state", state);
		json_own_counters(fos_ctl_head(v, i), j);
		fos_json_close(j, '}');
	}
	fos_json_close(j, ']');
}

static void json_counters(const struct fos_ctl_view *v, struct fos_json *j)
{
	uint64_t steer[FOS_STEER_NR];

	fos_json_open(j, "counters", '{');
	for (uint32_t id = 0; id < FOS_NR_COUNTERS; id++)
		fos_json_u64(j, fos_counter_table[id].name, fos_ctl_counter(v, id));
	fos_json_close(j, '}');
	fos_json_open(j, "drops", '{');
	for (uint32_t id = 0; id < FOS_NR_COUNTERS; id++)
		if (fos_counter_table[id].is_drop)
			fos_json_u64(j, fos_counter_table[id].name, fos_ctl_counter(v, id));
	fos_json_close(j, '}');
	steer_sum(v, steer);
	fos_json_open(j, "xdp", '{');
	for (int c = 0; c < FOS_STEER_NR; c++)
		fos_json_u64(j, fos_steer_name(c), steer[c]);
	fos_json_close(j, '}');
}

static void json_rings(const struct fos_ctl_view *v, struct fos_json *j)
{
	fos_json_open(j, "rings", '[');
	for (uint32_t i = 0; i < v->dir->nr_rings; i++) {
		const struct fos_dir_ring *r = &v->dir->ring[i];

		fos_json_open(j, NULL, '{');
		fos_json_text(j, "kind", ring_name[r->kind]);
		fos_json_text(j, "from", v->dir->proc[r->producer].name);
		fos_json_text(j, "to", v->dir->proc[r->consumer].name);
		fos_json_u64(j, "depth", fos_ctl_depth(v, r));
		fos_json_close(j, '}');
	}
	fos_json_close(j, ']');
}

static void json_pms(const struct fos_ctl_view *v, struct fos_json *j)
{
	fos_json_open(j, "pms", '[');
	for (uint32_t i = 0; i < v->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &v->dir->proc[i];
		const struct fos_dir_pm *d = &v->dir->pm[p->index];
		struct fos_box box;
		struct lag l;

		if (p->role != FOS_ROLE_PM || fos_ctl_lane(v, p->lane, &box) < 0)
			continue;
		l = pm_lag(&box, p->index);
		fos_json_open(j, NULL, '{');
		fos_json_text(j, "name", fos_ctl_name(v, i));
		fos_json_text(j, "pipeline", v->dir->pipeline[d->pipeline].name);
		fos_json_u64(j, "stage", d->stage);
		fos_json_u64(j, "flows", l.flows);
		fos_json_u64(j, "position", l.released);
		fos_json_u64(j, "lag", l.bytes);
		fos_json_close(j, '}');
	}
	fos_json_close(j, ']');
}

static void print_json(const struct fos_ctl_view *v)
{
	struct fos_json j = {false};

	fos_json_open(&j, NULL, '{');
	json_processes(v, &j);
	json_counters(v, &j);
	json_rings(v, &j);
	json_pms(v, &j);
	fos_json_u64(&j, "flows", live_flows(v));
	fos_json_u64(&j, "sockets_made", v->dir->sockets); /* 0 = once, for ever */
	fos_json_close(&j, '}');
	putchar('\n');
}

/* ------------------------------------------------------------------ text */

static void print_processes(const struct fos_ctl_view *v)
{
	printf("%-26s %-11s %8s %9s  %s\n", "process", "role", "pid", "restarts", "state");
	for (uint32_t i = 0; i < v->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &v->dir->proc[i];
		uint32_t pid;
		const char *state = fos_ctl_state(v, i, &pid);

		printf("%-26s %-11s %8u %9u  %s\n", p->name, role_name[p->role], pid,
		       p->lease.restarts, state);
	}
}

static void print_pms(const struct fos_ctl_view *v)
{
	bool headline = false;

	for (uint32_t i = 0; i < v->dir->nr_procs; i++) {
		const struct fos_dir_proc *p = &v->dir->proc[i];
		struct fos_box box;
		struct lag l;

		if (p->role != FOS_ROLE_PM || fos_ctl_lane(v, p->lane, &box) < 0)
			continue;
		if (!headline)
			printf("\n%-26s %8s %16s %12s\n", "PM", "flows", "bytes passed", "lag");
		headline = true;
		l = pm_lag(&box, p->index);
		printf("%-26s %8u %16" PRIu64 " %12" PRIu64 "\n", fos_ctl_name(v, i), l.flows,
		       l.released, l.bytes);
	}
}

static void print_counters(const struct fos_ctl_view *v)
{
	uint64_t steer[FOS_STEER_NR];

	printf("\n%-26s %16s\n", "counter", "");
	for (int drops = 0; drops < 2; drops++)
		for (uint32_t id = 0; id < FOS_NR_COUNTERS; id++) {
			const struct fos_counter_info *c = &fos_counter_table[id];
			uint64_t n = fos_ctl_counter(v, id);

			if (n && c->is_drop == drops)
				printf("%-26s %16" PRIu64 "  %s\n", c->name, n, c->help);
		}
	steer_sum(v, steer);
	for (int c = 0; c < FOS_STEER_NR; c++)
		if (steer[c])
			printf("xdp %-22s %16" PRIu64 "  %s\n", fos_steer_name(c), steer[c],
			       fos_steer_help(c));
}

static void print_rings(const struct fos_ctl_view *v)
{
	uint32_t idle = 0;

	printf("\n%-8s %-24s %-24s %8s\n", "ring", "from", "to", "depth");
	for (uint32_t i = 0; i < v->dir->nr_rings; i++) {
		const struct fos_dir_ring *r = &v->dir->ring[i];
		uint64_t depth = fos_ctl_depth(v, r);

		if (depth)
			printf("%-8s %-24s %-24s %8" PRIu64 "\n", ring_name[r->kind],
			       v->dir->proc[r->producer].name, v->dir->proc[r->consumer].name,
			       depth);
		else
			idle++;
	}
	printf("%u of %u are empty\n", idle, v->dir->nr_rings);
}

int fos_ctl_status(int argc, char **argv)
{
	struct fos_ctl_where w;
	struct fos_ctl_view v;
	int rc = fos_ctl_where(&w, argc, argv, synopsis);

	if (rc >= 0)
		return rc;
	if (w.nr_rest > 0)
		return fos_ctl_misuse(synopsis, "there is no file %s", w.rest[0]);
	if (fos_ctl_view(&v, &w) < 0)
		return FOS_EXIT_FAILED;
	if (w.json) {
		print_json(&v);
	} else {
		print_processes(&v);
		print_pms(&v);
		printf("\nlive flows: %u\n", live_flows(&v));
		print_counters(&v);
		print_rings(&v);
	}
	fos_ctl_detach(&v);
	return FOS_EXIT_OK;
}
