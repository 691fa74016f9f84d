/* audit.c - one look after another; see audit.h */
#include "deploy/audit/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/build.h"

#define FOUND_MAX 65536u /* more than that is not worth telling apart */

const struct fos_audit_info fos_audit_info[FOS_NR_AUDIT_KINDS] = {
#define X(name, what, text) {#name, what, text},
	FOS_AUDIT_KINDS(X)
#undef X
};

int fos_audit_init(struct fos_audit *a, const struct fos_dir *dir, const struct fos_map *region)
{
	memset(a, 0, sizeof(*a));
	a->dir = dir;
	a->region = region;
	a->frame = calloc(dir->nr_frames + 1, sizeof(*a->frame));
	a->edit_user = calloc(dir->nr_edits + 1, sizeof(*a->edit_user));
	a->found = calloc(FOUND_MAX, sizeof(*a->found));
	a->seen = calloc(FOUND_MAX, sizeof(*a->seen));
	a->cap_seen = FOUND_MAX;
	if (a->frame && a->edit_user && a->found && a->seen)
		return 0;
	fos_audit_fini(a);
	return -ENOMEM;
}

void fos_audit_fini(struct fos_audit *a)
{
	free(a->frame);
	free(a->edit_user);
	free(a->found);
	free(a->seen);
	memset(a, 0, sizeof(*a));
}

void fos_audit_add(struct fos_audit *a, enum fos_audit_kind kind, uint32_t proc, uint32_t id)
{
	if (a->nr_seen < a->cap_seen)
		a->seen[a->nr_seen++] =
			(struct fos_audit_finding){.kind = kind, .id = id, .proc = proc};
}

const void *fos_audit_region(const struct fos_audit *a, uint32_t proc)
{
	return a->region[a->dir->proc[proc].region].base;
}

const void *fos_audit_table(const struct fos_audit *a, uint32_t proc, uint64_t off, uint64_t bytes)
{
	const struct fos_map *m = &a->region[a->dir->proc[proc].region];

	if (!m->base || off > m->size || bytes > m->size - off)
		return NULL;
	return m->base + off;
}

static int compare(const void *x, const void *y)
{
	const struct fos_audit_finding *p = x, *q = y;

	if (p->kind != q->kind)
		return p->kind < q->kind ? -1 : 1;
	if (p->proc != q->proc)
		return p->proc < q->proc ? -1 : 1;
	return p->id < q->id ? -1 : p->id > q->id;
}

/* Keeps what was there in this look as well. */
static void intersect(struct fos_audit *a)
{
	uint32_t n = 0, k = 0;

	qsort(a->seen, a->nr_seen, sizeof(*a->seen), compare);
	for (uint32_t i = 0; i < a->nr_seen; i++) {
		if (i > 0 && compare(&a->seen[i], &a->seen[i - 1]) == 0)
			continue;
		while (a->looks > 0 && k < a->nr_found && compare(&a->found[k], &a->seen[i]) < 0)
			k++;
		if (a->looks > 0 && (k == a->nr_found || compare(&a->found[k], &a->seen[i]) != 0))
			continue;
		/* never ahead of k: found[] is read before it is written over */
		a->found[n++] = a->seen[i];
	}
	a->nr_found = n;
}

/* Every index that a step of any process moves. */
static uint64_t take_mark(const struct fos_audit *a)
{
	const struct fos_dir *dir = a->dir;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < dir->nr_rings; i++) {
		const struct fos_dir_ring *r = &dir->ring[i];
		const struct fos_ring *ring =
			fos_audit_table(a, r->producer, r->off, sizeof(*ring));
		const struct fos_cursor *c = fos_audit_table(
			a, r->consumer,
			fos_build_cursors(dir, r->consumer) + r->cursor * sizeof(*c), sizeof(*c));

		if (ring && c)
			sum = sum * 31 + fos_acquire64(&ring->tail) + 7 * fos_acquire64(&c->head);
	}
	for (uint32_t i = 0; i < dir->nr_procs; i++) {
		uint64_t off = fos_audit_log(a, i);
		const struct fos_txn_log *log =
			off ? fos_audit_table(a, i, off, sizeof(*log)) : NULL;

		if (log)
			sum = sum * 31 + fos_acquire64(&log->committed) + log->undo_bytes;
	}
	return sum;
}

static bool bind_lane(struct fos_audit *a, uint32_t lane)
{
	char err[256];

	memset(&a->box, 0, sizeof(a->box));
	a->box.dir = a->dir;
	a->box.self = FOS_NONE;
	for (uint32_t i = 0; i < a->dir->nr_procs; i++)
		if (a->dir->proc[i].role == FOS_ROLE_CLASSIFIER && a->dir->proc[i].lane == lane)
			a->box.self = i;
	memcpy(a->box.region, a->region, sizeof(a->box.region));
	return a->box.self != FOS_NONE && fos_box_bind(&a->box, err, sizeof(err)) == 0;
}

void fos_audit_look(struct fos_audit *a)
{
	const struct fos_dir *dir = a->dir;
	uint64_t mark = take_mark(a);

	a->moved |= a->looks > 0 && mark != a->mark;
	a->nr_seen = 0;
	a->flows = 0;
	fos_audit_procs(a);
	fos_audit_frames(a);
	for (uint32_t lane = 0; lane < dir->nr_lanes; lane++) {
		if (!bind_lane(a, lane))
			continue;
		for (uint32_t i = 0; i < dir->nr_procs; i++) {
			if (dir->proc[i].lane != lane)
				continue;
			if (dir->proc[i].role == FOS_ROLE_CLASSIFIER)
				fos_audit_classifier(a, i);
			else if (dir->proc[i].role == FOS_ROLE_EGRESS)
				fos_audit_egress(a, i);
		}
		fos_audit_flows(a);
	}
	memset(a->nr, 0, sizeof(a->nr));
	for (uint32_t f = 0; f < dir->nr_frames; f++)
		a->nr[a->frame[f].place]++;
	a->mark = take_mark(a);
	a->moved |= a->mark != mark;
	intersect(a);
	a->looks++;
}

const char *fos_audit_proc(const struct fos_audit *a, const struct fos_audit_finding *f)
{
	return f->proc < a->dir->nr_procs ? a->dir->proc[f->proc].name : "";
}
