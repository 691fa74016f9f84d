/* midstat_look.c - reading the contexts of midstat out of a running box; rates and order */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deploy/ctl/midstat.h"
#include "shm/pmfile.h"

/* Where a module that hears of events has its context: behind the host's words (pmhost/host.h). */
#define AUTHORS (FOS_PM_HOST_CTX + FOS_PM_EVENT_CTX)
#define SLOT ((sizeof(struct fos_midstat) + AUTHORS + 15u) & ~(size_t)15u)

static bool may_be(const struct fos_dir_pm *d)
{
	return d->ctx_size == SLOT && d->stream == FOS_STREAM_APP && !d->http && d->event_wants;
}

/* The committed context of a direction, copied while it is the valid one. */
static bool read_context(const struct fos_box *box, uint32_t pm, uint32_t flow, uint32_t gen,
			 struct fos_midstat *m)
{
	const struct fos_pm_flow *f = &box->pm_flows[pm][flow];

	for (int tries = 0; tries < 8; tries++) {
		/* pairs with the release of `ver` by the module's host: the slot is filled */
		uint32_t ver = fos_acquire32(&f->ver);
		struct fos_pm_pub pub;

		if (!fos_box_pub_own(box, pm, flow, gen, &pub))
			return false;
		memcpy(m, box->pm_contexts[pm] + ((uint64_t)flow * 2 + (pub.ctx & 1u)) * SLOT + AUTHORS,
		       sizeof(*m));
		fos_fence_acquire();
		if (fos_relaxed32(&f->ver) == ver)
			return m->magic == FOS_MIDSTAT_MAGIC;
	}
	return false;
}

static struct fos_midstat_row *add_row(struct fos_midstat_rows *rows)
{
	if (rows->nr == rows->cap) {
		rows->cap = rows->cap ? 2 * rows->cap : 256;
		rows->row = realloc(rows->row, rows->cap * sizeof(*rows->row));
		if (!rows->row)
			abort();
	}
	memset(&rows->row[rows->nr], 0, sizeof(*rows->row));
	return &rows->row[rows->nr++];
}

/* A connection: both of its directions, none of them reused while it was copied. */
static bool copy_flows(const struct fos_box *box, uint32_t i, struct fos_flow f[2])
{
	/* acquire: pairs with the release that makes the slot a flow */
	uint32_t gen = fos_acquire32(&box->flows[i].gen);

	if (gen == 0)
		return false;
	f[0] = box->flows[i];
	f[1] = box->flows[i + 1];
	fos_fence_acquire();
	return fos_relaxed32(&box->flows[i].gen) == gen && f[1].gen == gen && f[0].proto == 6;
}

static void look_at(const struct fos_box *box, uint32_t pm, struct fos_midstat_rows *rows)
{
	for (uint32_t i = 0; i + 1 < box->dir->nr_flows; i += 2) {
		struct fos_midstat_row *r;
		struct fos_midstat m[2];
		struct fos_flow f[2];
		bool one;

		if (!copy_flows(box, i, f))
			continue;
		memset(m, 0, sizeof(m));
		one = read_context(box, pm, i, f[0].gen, &m[0]);
		one |= read_context(box, pm, i + 1, f[0].gen, &m[1]);
		if (!one)
			continue;
		r = add_row(rows);
		r->lane = box->lane;
		r->flow = i;
		r->gen = f[0].gen;
		r->age_ns = rows->time_ns > f[0].start_ns ? rows->time_ns - f[0].start_ns : 0;
		memcpy(r->f, f, sizeof(f));
		memcpy(r->m, m, sizeof(m));
	}
}

static int by_place(const void *a, const void *b)
{
	const struct fos_midstat_row *x = a, *y = b;

	if (x->lane != y->lane)
		return x->lane < y->lane ? -1 : 1;
	if (x->flow != y->flow)
		return x->flow < y->flow ? -1 : 1;
	return x->gen < y->gen ? -1 : x->gen > y->gen;
}

unsigned fos_midstat_look(const struct fos_ctl_view *v, struct fos_midstat_rows *rows)
{
	unsigned nr = 0;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	rows->time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	rows->nr = 0;
	for (uint32_t lane = 0; lane < v->dir->nr_lanes; lane++) {
		struct fos_box box;

		if (fos_ctl_lane(v, lane, &box) < 0)
			continue;
		for (uint32_t pm = 0; pm < v->dir->nr_pms; pm++) {
			if (!may_be(&v->dir->pm[pm]) || !box.pm_flows[pm] || !box.pm_contexts[pm])
				continue;
			nr++;
			look_at(&box, pm, rows);
		}
	}
	if (rows->nr)
		qsort(rows->row, rows->nr, sizeof(*rows->row), by_place);
	return nr;
}

/* ---------------------------------------------------------------- rates and order */

void fos_midstat_rates(const struct fos_midstat_rows *before, struct fos_midstat_rows *now)
{
	for (size_t i = 0; i < now->nr; i++) {
		struct fos_midstat_row *r = &now->row[i];
		const struct fos_midstat_row *old =
			before->nr ? bsearch(r, before->row, before->nr, sizeof(*r), by_place) : NULL;
		uint64_t ns = old ? now->time_ns - before->time_ns : r->age_ns;

		for (int k = 0; k < 2; k++) {
			uint64_t bytes = r->f[k].bytes - (old ? old->f[k].bytes : 0);

			r->rate[k] = ns ? (uint64_t)((double)bytes * 8e9 / (double)ns) : 0;
		}
	}
}

static enum fos_midstat_sort order;

static uint64_t worth(const struct fos_midstat_row *r)
{
	switch (order) {
	case FOS_MIDSTAT_RTT:
		return r->m[0].rtt_ns + r->m[1].rtt_ns;
	case FOS_MIDSTAT_RETRANS:
		return (uint64_t)r->m[0].again + r->m[1].again;
	case FOS_MIDSTAT_BYTES:
		return r->f[0].bytes + r->f[1].bytes;
	case FOS_MIDSTAT_AGE:
		return r->age_ns;
	default:
		return r->rate[0] + r->rate[1];
	}
}

static int by_worth(const void *a, const void *b)
{
	uint64_t x = worth(a), y = worth(b);

	return x == y ? by_place(a, b) : x > y ? -1 : 1;
}

void fos_midstat_order(struct fos_midstat_rows *rows, enum fos_midstat_sort by)
{
	order = by;
	if (rows->nr)
		qsort(rows->row, rows->nr, sizeof(*rows->row), by_worth);
}
