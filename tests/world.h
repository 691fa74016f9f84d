/* tests/world.h - a box in ordinary memory for unit tests: no keeper, no processes
 *
 * world_make() lays out the regions of a plan with the real builder; a test then plays whatever
 * processes it does not run, through fos_box pointers that it may write.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shm/box.h"
#include "shm/build.h"

struct world {
	struct fos_dir *dir;
	struct fos_box box; /* as `self` = 0; every region writable */
	uint32_t strings;
};

/* A small plan: one lane, offline or not, no pipelines yet. */
static inline void world_plan(struct world *w, bool offline)
{
	memset(w, 0, sizeof(*w));
	w->dir = calloc(1, sizeof(*w->dir) + 4096);
	if (!w->dir)
		abort();
	w->dir->nr_lanes = 1;
	w->dir->nr_frames = 4096;
	w->dir->frame_size = 2048;
	w->dir->nr_flows = 256;
	w->dir->nr_edits = 4096;
	w->dir->offline = offline;
	w->dir->nr_ports = 2;
	for (uint32_t i = 0; i < 2; i++) {
		snprintf(w->dir->port[i].name, FOS_NAME_MAX, "%s", i ? "wan" : "lan");
		w->dir->port[i].nr_queues = 1;
		w->dir->port[i].mtu = 1500;
		w->dir->port[i].peer = 1 - i;
		w->dir->port[i].mac[5] = (uint8_t)(i + 1);
	}
	w->dir->ooo_per_flow = 1u << 20;
	w->dir->ooo_total = 1u << 24;
	w->dir->idle_ns = 300000000000ull;
	w->dir->handshake_ns = 30000000000ull;
	w->dir->closing_ns = 10000000000ull;
	w->dir->max_fragments = 64;
}

/* Adds a PM at the given stage of pipeline 0 (created matching everything). */
static inline uint32_t world_pm(struct world *w, const char *name, uint32_t stage, uint32_t stream,
				bool edits)
{
	struct fos_dir *d = w->dir;
	struct fos_dir_pipeline *pl = &d->pipeline[0];
	uint32_t i = d->nr_pms++;
	struct fos_dir_pm *pm = &d->pm[i];

	d->nr_pipelines = 1;
	snprintf(pl->name, FOS_NAME_MAX, "all");
	snprintf(pm->name, FOS_NAME_MAX, "%s", name);
	pm->stage = (uint8_t)stage;
	pm->slot = (uint8_t)pl->stage[stage].nr_pms;
	pm->stream = (uint8_t)stream;
	pm->edits = edits;
	if (edits && stream == FOS_STREAM_APP)
		pm->editor = (uint8_t)++pl->nr_editors;
	pm->hold_bytes = 65536;
	pm->hold_ns = 200000000;
	pl->stage[stage].pm[pl->stage[stage].nr_pms++] = i;
	if (stage + 1 > pl->nr_stages)
		pl->nr_stages = stage + 1;
	if (stream != FOS_STREAM_APP && stage + 1 > pl->nr_pkt_stages)
		pl->nr_pkt_stages = stage + 1;
	return i;
}

static inline void world_make(struct world *w)
{
	char err[256];

	if (fos_build_plan(w->dir, err, sizeof(err)) < 0) {
		fprintf(stderr, "world: %s\n", err);
		abort();
	}
	for (uint32_t i = 0; i < w->dir->nr_regions; i++) {
		uint64_t size = w->dir->region[i].size;
		void *base = w->dir;

		/* zero, and only what is touched costs anything */
		if (w->dir->region[i].kind != FOS_REGION_DIR)
			base = mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (base == MAP_FAILED)
			abort();
		fos_build_region(w->dir, i, base, 77);
		w->box.region[i].base = base;
		w->box.region[i].size = size;
	}
	w->box.dir = w->dir;
	if (fos_box_bind(&w->box, err, sizeof(err)) < 0) {
		fprintf(stderr, "world: %s\n", err);
		abort();
	}
}

static inline void world_free(struct world *w)
{
	for (uint32_t i = 0; i < w->dir->nr_regions; i++)
		if (w->dir->region[i].kind != FOS_REGION_DIR)
			munmap(w->box.region[i].base, w->box.region[i].size);
	free(w->dir);
}

/* Writable views of what other processes would own. */
static inline struct fos_flow *world_flow(struct world *w, uint32_t flow)
{
	return (struct fos_flow *)(uintptr_t)&w->box.flows[flow];
}

static inline struct fos_piece *world_piece(struct world *w, uint32_t piece)
{
	return (struct fos_piece *)(uintptr_t)&w->box.pieces[piece];
}

static inline struct fos_pm_flow *world_pm_flow(struct world *w, uint32_t pm, uint32_t flow)
{
	return (struct fos_pm_flow *)(uintptr_t)&w->box.pm_flows[pm][flow];
}

/* NULL: the PM may not edit. */
static inline struct fos_pm_edited *world_pm_edited(struct world *w, uint32_t pm, uint32_t flow)
{
	const struct fos_pm_edited *e = w->box.pm_edited[pm];

	return e ? (struct fos_pm_edited *)(uintptr_t)&e[flow] : NULL;
}

/* What a PM has published of a flow, of whatever generation. */
static inline struct fos_pm_pub world_pub(struct world *w, uint32_t pm, uint32_t flow)
{
	const struct fos_pm_flow *f = world_pm_flow(w, pm, flow);
	struct fos_pm_pub pub;

	fos_pub_read(f, world_pm_edited(w, pm, flow), f->ver, &pub);
	return pub;
}

static inline void world_publish(struct world *w, uint32_t pm, uint32_t flow,
				 const struct fos_pm_pub *pub)
{
	struct fos_pm_flow *f = world_pm_flow(w, pm, flow);

	fos_pub_write(f, world_pm_edited(w, pm, flow), f->ver + 1, pub);
	f->ver++;
}

static inline struct fos_edit *world_edit(struct world *w, uint32_t pm, uint32_t edit)
{
	return (struct fos_edit *)(uintptr_t)&w->box.pm_edits[pm][edit];
}

static inline uint8_t *world_insert(struct world *w, uint32_t pm, uint32_t edit)
{
	return (uint8_t *)(uintptr_t)w->box.pm_inserts[pm] + (uint64_t)edit * FOS_INSERT_MAX;
}

/* splitmix64: seeded, and the seed is what a failing test prints */
static inline uint64_t world_rand(uint64_t *s)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline uint64_t world_below(uint64_t *s, uint64_t n)
{
	return n ? world_rand(s) % n : 0;
}

#endif
