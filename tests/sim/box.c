/* tests/sim/box.c - the box's processes over one memory, and the ingress played, see sim.h */
#include <setjmp.h>

#include "ingress/ingress.h"
#include "shm/killpoint.h"
#include "tests/sim/sim.h"

#define STEP_BATCHES 100000u

void sim_fail(struct sim *s, const char *what, const char *detail)
{
	if (!s->error[0])
		snprintf(s->error, sizeof(s->error), "%s%s%s", what, detail[0] ? ": " : "", detail);
}

/* ------------------------------------------------------------------ processes */

static void proc_start(struct sim *s, struct sim_proc *sp)
{
	const struct sim_stage *st = sp->stage;
	char err[256] = "";

	memset(&sp->proc, 0, sizeof(sp->proc));
	memcpy(sp->proc.box.region, s->world.box.region, sizeof(sp->proc.box.region));
	sp->proc.box.dir = s->world.dir;
	sp->proc.box.self = sp->index;
	sp->proc.now_ns = s->now;
	sp->proc.state = st->make(&s->nic);
	if (fos_proc_bind(&sp->proc, st->hooks, err, sizeof(err)) < 0 ||
	    st->hooks->init(&sp->proc) < 0)
		sim_fail(s, "a stage does not start", err);
	sp->alive = true;
}

static void proc_stop(struct sim_proc *sp)
{
	if (!sp->alive)
		return;
	fos_proc_unbind(&sp->proc);
	sp->stage->free(sp->proc.state);
	sp->alive = false;
}

/* ------------------------------------------------------------------ the simulated ingress */

static struct fos_ing *ingress(const struct sim *s, uint32_t port)
{
	uint32_t p = fos_proc_find(s->world.dir, FOS_ROLE_INGRESS, 0, port);

	return (void *)s->world.box.region[s->world.dir->proc[p].region].base;
}

/* Who has a frame: the claims of the ingress that it is with. */
static uint32_t *claim_of(const struct sim *s, uint32_t port, uint32_t frame)
{
	struct fos_ing *ing = ingress(s, port);

	return (uint32_t *)(void *)((uint8_t *)ing + ing->claims_off) + frame;
}

static void tell_free(struct sim *s, uint32_t port)
{
	fos_relaxed_store32(&ingress(s, port)->nr_free, s->nr_frames[port]);
}

static void ingress_attach(struct sim *s)
{
	const struct fos_dir *dir = s->world.dir;

	for (uint32_t i = 0; i < dir->nr_rings; i++) {
		const struct fos_dir_ring *r = &dir->ring[i];
		const struct fos_dir_proc *from = &dir->proc[r->producer];
		const struct fos_dir_proc *to = &dir->proc[r->consumer];
		uint8_t *src = s->world.box.region[from->region].base;
		uint8_t *dst = s->world.box.region[to->region].base;

		if (from->role == FOS_ROLE_INGRESS) {
			struct fos_cls *cls = (void *)dst;
			struct fos_cursor *c = (void *)(dst + cls->cursors_off);

			fos_ring_attach_prod(&s->to_classifier[from->index], (void *)(src + r->off),
					     &c[r->cursor].head, sizeof(struct fos_desc));
		}
		if (to->role == FOS_ROLE_INGRESS) {
			struct fos_ing *ing = (void *)dst;
			struct fos_cursor *c = (void *)(dst + ing->cursors_off);

			fos_ring_attach_cons(&s->from_egress[to->index], (void *)(src + r->off),
					     &c[r->cursor], sizeof(struct fos_desc));
		}
	}
	for (uint32_t n = 0; n < 2; n++) {
		uint32_t first, count;

		s->frames[n] = calloc(dir->nr_frames, sizeof(*s->frames[n]));
		fos_build_ingress_frames(dir, n, &first, &count);
		for (uint32_t f = first; f < first + count; f++) {
			s->frames[n][s->nr_frames[n]++] = f;
			*claim_of(s, n, f) = FOS_ING_HELD;
		}
		tell_free(s, n);
	}
}

void sim_box_collect(struct sim *s)
{
	for (uint32_t n = 0; n < 2; n++) {
		struct fos_ring_cons *r = &s->from_egress[n];
		uint64_t nr = fos_ring_peek(r);

		for (uint64_t i = 0; i < nr; i++) {
			const struct fos_desc *d = fos_ring_at(r, i);

			*claim_of(s, n, d->frame) = d->gen << 2 | FOS_ING_HELD;
			s->frames[n][s->nr_frames[n]++] = d->frame;
		}
		tell_free(s, n);
		fos_ring_take(r, nr);
		fos_ring_release(r);
	}
}

void sim_box_packet(struct sim *s, uint32_t port, const uint8_t *data, uint32_t len)
{
	struct fos_ring_prod *r = &s->to_classifier[port];
	struct fos_frame_meta *m;
	struct fos_desc *d;
	uint32_t frame;

	if (s->in_order && s->last_port != port)
		sim_box_run(s);
	s->last_port = port;
	sim_box_collect(s);
	if (s->nr_frames[port] == 0 || fos_ring_room(r, 1) == 0) {
		s->nr_no_frame++; /* as a NIC does without a frame */
		return;
	}
	frame = s->frames[port][--s->nr_frames[port]];
	tell_free(s, port);
	m = fos_box_meta(&s->world.box, frame);
	memset(m, 0, FOS_FRAME_DATA_OFF);
	m->data_off = FOS_FRAME_DATA_OFF;
	m->len = m->orig_len = (uint16_t)len;
	m->link = FOS_LINK_ETHERNET;
	m->port = (uint8_t)port;
	m->time_ns = s->now;
	m->next_frame = FOS_NONE;
	memcpy((uint8_t *)m + FOS_FRAME_DATA_OFF, data, len);
	fos_parse((const uint8_t *)m, m, s->world.dir->hash_key);
	d = fos_ring_slot(r, 0);
	memset(d, 0, sizeof(*d));
	d->frame = frame;
	d->gen = (*claim_of(s, port, frame) >> 2) + 1;
	*claim_of(s, port, frame) = d->gen << 2 | FOS_ING_AWAY;
	d->flow = FOS_NONE;
	d->kind = FOS_DESC_FRAME;
	fos_ring_advance(r, 1);
	fos_ring_commit(r);
	if (s->entered)
		s->entered(s, port, data, len);
}

/* ------------------------------------------------------------------ kills */

/* the one run under way: the hook has no argument to find it by */
static struct sim *killing;
static jmp_buf killed;

static void maybe_kill(const char *name)
{
	/* a large batch would never come to its end if it were killed again and again */
	if (killing->in_a_row < 4 &&
	    world_below(&killing->seed, 1000000) < killing->conf.kill_inside_ppm) {
		killing->in_a_row++;
		fos_killpoint_hook = NULL;
		if (killing->trace)
			fprintf(stderr, "%10.6f killed at %s\n", (double)killing->now / 1e9, name);
		longjmp(killed, 1);
	}
}

void sim_box_restart(struct sim *s, struct sim_proc *sp)
{
	proc_stop(sp);
	proc_start(s, sp);
}

/* One batch of a stage, perhaps killed inside it or after it; what it said it did. */
static uint32_t batch(struct sim *s, struct sim_proc *sp)
{
	volatile uint32_t did = 1;

	if (s->before)
		s->before(s, sp);
	sp->proc.now_ns = s->now;
	killing = s;
	if (setjmp(killed) == 0) {
		fos_killpoint_hook = s->conf.kill_inside_ppm ? maybe_kill : NULL;
		did = fos_proc_work(&sp->proc);
		fos_killpoint_hook = NULL;
		s->in_a_row = 0;
		if (!did || world_below(&s->seed, 1000) >= s->conf.kill_per_mille)
			return did;
	} else {
		s->nr_kills_inside++;
	}
	s->nr_kills++;
	if (s->trace)
		fprintf(stderr, "%10.6f %s is made anew\n", (double)s->now / 1e9,
			s->world.dir->proc[sp->index].name);
	sim_box_restart(s, sp);
	return 1;
}

/* Runs stages in random order until none has anything to do. */
void sim_box_run(struct sim *s)
{
	uint32_t quiet = 0;

	for (uint32_t i = 0; i < STEP_BATCHES && quiet < s->nr_procs; i++) {
		struct sim_proc *sp = &s->procs[world_below(&s->seed, s->nr_procs)];
		uint32_t did;

		did = batch(s, sp);
		quiet = did ? 0 : quiet + 1;
		if (quiet == s->nr_procs) {
			/* each once more, so that chance has passed nobody by */
			for (uint32_t k = 0; k < s->nr_procs; k++)
				if (batch(s, &s->procs[k]))
					quiet = 0;
		}
	}
	if (quiet < s->nr_procs)
		sim_fail(s, "the stages do not come to rest", "");
}

uint64_t sim_box_next(struct sim *s)
{
	uint64_t at = UINT64_MAX;

	for (uint32_t i = 0; i < s->nr_procs; i++) {
		struct sim_proc *sp = &s->procs[i];
		uint64_t t = sp->proc.hooks->idle ? sp->proc.hooks->idle(&sp->proc) : UINT64_MAX;

		at = t < at ? t : at;
	}
	return at;
}

void sim_box_start(struct sim *s)
{
	const struct fos_dir *dir = s->world.dir;

	ingress_attach(s);
	for (uint32_t i = 0; i < dir->nr_procs; i++) {
		uint32_t role = dir->proc[i].role;

		if (role == FOS_ROLE_KEEPER || role == FOS_ROLE_INGRESS)
			continue;
		s->procs[s->nr_procs].index = i;
		s->procs[s->nr_procs].stage = role == FOS_ROLE_CLASSIFIER ? &sim_classifier :
					      role == FOS_ROLE_PM ? &sim_pmhost : &sim_egress;
		proc_start(s, &s->procs[s->nr_procs++]);
	}
}

void sim_box_stop(struct sim *s)
{
	for (uint32_t i = 0; i < s->nr_procs; i++)
		proc_stop(&s->procs[i]);
}
