/* pmhost/edit.c - staging edits, writing them as records, and getting records back, see edit.h */
#include "pmhost/edit.h"

#include <stdlib.h>
#include <string.h>

#include "pmhost/host.h"
#include "pmhost/visit.h"

void fos_edits_init(struct fos_staged_edits *s, uint32_t cap, uint32_t cap_bytes)
{
	s->cap = cap;
	s->cap_bytes = cap_bytes;
	s->e = calloc(cap, sizeof(*s->e));
	s->bytes = malloc(cap_bytes);
	if (!s->e || !s->bytes)
		abort();
	fos_edits_clear(s);
}

void fos_edits_fini(struct fos_staged_edits *s)
{
	free(s->e);
	free(s->bytes);
	memset(s, 0, sizeof(*s));
}

/* Place of a new edit in the list; pure insertions at one position stay in order of calls, and
 * before what deletes there. */
static uint32_t place(const struct fos_staged_edits *s, const struct fos_staged_edit *e)
{
	uint32_t i = s->nr;

	while (i > 0 && (s->e[i - 1].pos > e->pos ||
			 (s->e[i - 1].pos == e->pos && e->del == 0 && s->e[i - 1].del > 0)))
		i--;
	return i;
}

static bool overlaps(const struct fos_staged_edits *s, uint32_t i, const struct fos_staged_edit *e)
{
	if (i > 0 && s->e[i - 1].pos + s->e[i - 1].del > e->pos)
		return true;
	return i < s->nr && e->pos + e->del > s->e[i].pos;
}

/* A deletion that continues the one before it is the same deletion. */
static bool joined(struct fos_staged_edits *s, uint32_t i, const struct fos_staged_edit *e)
{
	struct fos_staged_edit *b = i > 0 ? &s->e[i - 1] : NULL;

	if (!b || e->ins || b->ins || e->reason || b->reason || b->del == 0 ||
	    b->pos + b->del != e->pos)
		return false;
	b->del += e->del;
	return true;
}

int fos_edits_stage(struct fos_staged_edits *s, const struct fos_staged_edit *e, const void *data,
		    size_t n, int fill)
{
	uint32_t i = place(s, e);

	if (overlaps(s, i, e))
		return FOS_EINVAL;
	if (joined(s, i, e))
		return FOS_OK;
	if (s->nr == s->cap || e->ins > s->cap_bytes - s->nr_bytes)
		return FOS_EFULL;
	memmove(&s->e[i + 1], &s->e[i], (s->nr - i) * sizeof(*s->e));
	s->e[i] = *e;
	s->e[i].off = s->nr_bytes;
	if (n > 0)
		memcpy(s->bytes + s->nr_bytes, data, n);
	if (n < e->ins)
		memset(s->bytes + s->nr_bytes + n, fill, e->ins - n);
	s->nr_bytes += e->ins;
	s->nr++;
	return FOS_OK;
}

bool fos_edits_part(const struct fos_staged_edit *e, uint64_t head, struct fos_staged_edit *part)
{
	*part = *e;
	if (e->pos + e->del <= head)
		return true;
	if (e->pos >= head)
		return false;
	part->del = head - e->pos;
	/* what replaces a deletion comes with its end */
	part->ins = e->paired ? (uint32_t)part->del : 0;
	return true;
}

uint32_t fos_edits_records(const struct fos_staged_edits *s, uint64_t head)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->nr; i++) {
		struct fos_staged_edit part;

		if (!fos_edits_part(&s->e[i], head, &part))
			break;
		n += part.ins ? (part.ins + FOS_INSERT_MAX - 1) / FOS_INSERT_MAX : 1;
	}
	return n;
}

static void write_record(struct fos_instance *pm, struct fos_window *w, struct fos_pm_pub *pub,
			 struct fos_edit *e, const uint8_t *data, uint64_t *delta)
{
	struct fos_edit_pool *pool = &pm->edits;
	uint32_t idx = pool->ring[pool->head++ % pool->nr];

	e->out_pos = e->pos + *delta;
	e->next = FOS_NONE;
	e->flow = w->flow;
	e->flow_gen = w->gen;
	e->nr = pub->edits + 1;
	pool->rec[idx] = *e;
	if (e->ins)
		memcpy(pool->inserts + (uint64_t)idx * FOS_INSERT_MAX, data, e->ins);
	/* readers follow `next` only for records that a committed `edits` counts */
	if (pub->edits > pub->edits_freed)
		pool->rec[pub->edit_last].next = idx;
	else
		pub->edit_first = idx;
	pub->edit_last = idx;
	pub->edits++;
	*delta += e->ins - e->del;
}

/* One staged edit as records: the first deletes, each inserts up to FOS_INSERT_MAX bytes; a paired
 * one deletes as it inserts. */
static void write_part(struct fos_instance *pm, struct fos_window *w, struct fos_pm_pub *pub,
		       const struct fos_staged_edit *part, uint64_t *delta)
{
	const uint8_t *data = w->edits.bytes + part->off;
	uint64_t pos = part->pos, del = part->del;
	uint32_t left = part->ins;

	do {
		struct fos_edit e = {.pos = pos, .reason = part->reason};

		e.ins = left < FOS_INSERT_MAX ? left : FOS_INSERT_MAX;
		e.del = part->paired ? e.ins : del;
		write_record(pm, w, pub, &e, data, delta);
		pos += e.del;
		del -= e.del;
		left -= e.ins;
		data += e.ins;
	} while (left > 0);
}

void fos_edits_write(struct fos_instance *pm, struct fos_window *w, uint64_t head,
		     struct fos_pm_pub *pub, uint64_t *delta)
{
	for (uint32_t i = 0; i < w->edits.nr; i++) {
		struct fos_staged_edit part;

		if (!fos_edits_part(&w->edits.e[i], head, &part))
			break;
		write_part(pm, w, pub, &part, delta);
	}
}

void fos_edits_passed(struct fos_staged_edits *s, uint64_t head)
{
	uint32_t i = 0;

	while (i < s->nr && s->e[i].pos + s->e[i].del <= head)
		i++;
	memmove(s->e, s->e + i, (s->nr - i) * sizeof(*s->e));
	s->nr -= i;
	if (s->nr == 0)
		s->nr_bytes = 0;
	else if (s->e[0].pos < head) {
		struct fos_staged_edit *e = &s->e[0];
		uint64_t cut = head - e->pos;

		e->pos = head;
		e->del -= cut;
		if (e->paired) {
			e->off += (uint32_t)cut;
			e->ins -= (uint32_t)cut;
		}
	}
}

/* ---------------------------------------------------------------- the pool */

static void give(struct fos_edit_pool *pool, uint32_t idx)
{
	pool->ring[pool->tail++ % pool->nr] = idx;
}

void fos_edit_pool_give(struct fos_instance *pm, uint32_t first, uint32_t n)
{
	struct fos_edit_pool *pool = &pm->edits;

	for (uint32_t idx = first; n > 0 && idx < pool->nr; n--) {
		uint32_t next = pool->rec[idx].next;

		if (pool->known)
			give(pool, idx);
		else if (pool->used)
			pool->used[idx] = 0; /* it will be found */
		idx = next;
	}
}

static void mark_used(struct fos_instance *pm, uint32_t flow, void *arg)
{
	uint8_t *used = arg;
	struct fos_pm_pub pub;
	uint32_t gen, idx;

	/* once met, they come back when the slot changes hands */
	if (!fos_visit_known(pm, flow, &gen) || !fos_host_pub(pm, flow, gen, &pub))
		return;
	idx = pub.edit_first;
	for (uint32_t n = pub.edits - pub.edits_freed; n > 0 && idx < pm->edits.nr; n--) {
		used[idx] = 1;
		idx = pm->edits.rec[idx].next;
	}
}

void fos_edit_pool_attach(struct fos_instance *pm)
{
	struct fos_edit_pool *pool = &pm->edits;
	uint8_t *base = (uint8_t *)pm->region;

	memset(pool, 0, sizeof(*pool));
	if (!pm->d->edits)
		return;
	pool->rec = (struct fos_edit *)(void *)(base + pm->region->edits_off);
	pool->inserts = base + pm->region->inserts_off;
	pool->nr = pm->region->nr_edits;
	pool->ring = calloc(pool->nr, sizeof(*pool->ring));
	if (!pool->ring)
		abort();
}

void fos_edit_pool_learn(struct fos_instance *pm, uint32_t conns)
{
	struct fos_edit_pool *pool = &pm->edits;

	if (pool->known || pool->nr == 0)
		return;
	if (!pool->used)
		pool->used = calloc(pool->nr, 1);
	if (!pool->used)
		abort();
	if (!fos_host_live(pm, &pool->next, conns, mark_used, pool->used))
		return;
	for (uint32_t i = 0; i < pool->nr; i++)
		if (!pool->used[i])
			give(pool, i);
	pool->known = true;
	free(pool->used);
	pool->used = NULL;
}

void fos_edit_pool_detach(struct fos_instance *pm)
{
	free(pm->edits.ring);
	free(pm->edits.used);
	pm->edits.ring = NULL;
	pm->edits.used = NULL;
}

/* How far the readers of this PM's edits are, in its input and in its output positions. */
static bool readers_at(const struct fos_instance *pm, uint32_t flow, uint32_t gen, uint64_t *in,
		       uint64_t *out)
{
	const struct fos_out *o = &pm->box->outs[flow];
	const struct fos_flow *f = &pm->box->flows[flow];

	*out = UINT64_MAX;
	if (pm->d->stream == FOS_STREAM_IP)
		*in = fos_acquire64(&f->pkt_done);
	else if (pm->d->stream == FOS_STREAM_TCP)
		*in = fos_acquire64(&f->pkt_done_l4);
	else {
		uint32_t editor = fos_dir_editor(pm->dir, fos_box_pipeline(pm->box, flow, gen),
						 pm->index);

		if (fos_acquire32(&o->gen) != gen)
			return false;
		if (editor == 0) {
			*in = UINT64_MAX; /* egress has taken all of it along */
			return true;
		}
		/* pairs with egress's release of each: it reads nothing below any more */
		*in = fos_acquire64(&o->pos[editor - 1]);
		*out = fos_acquire64(&o->pos[editor]);
		return fos_acquire32(&o->gen) == gen;
	}
	return fos_acquire32(&f->gen) == gen;
}

uint32_t fos_edit_pool_past(const struct fos_instance *pm, uint32_t flow, uint32_t gen,
			    struct fos_pm_pub *pub)
{
	uint64_t in, out;
	uint32_t n = 0;

	if (pub->edits == pub->edits_freed || !readers_at(pm, flow, gen, &in, &out))
		return 0;
	while (pub->edits != pub->edits_freed) {
		const struct fos_edit *e = &pm->edits.rec[pub->edit_first];

		if (e->pos + e->del > in || e->out_pos + e->ins > out)
			break;
		pub->edit_first = e->next;
		pub->edits_freed++;
		n++;
	}
	return n;
}
