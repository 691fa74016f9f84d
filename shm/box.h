/* shm/box.h - a process's view of all regions
 *
 * struct fos_box is private to a process: it turns region offsets into pointers.  The own region
 * is mapped read-write, every other read-only; the packet region read-write in ingress and
 * egress.  The simulation makes several boxes over the same memory.
 */
#ifndef FOS_SHM_BOX_H
#define FOS_SHM_BOX_H

#include <stdbool.h>

#include "shm/atomic.h"
#include "shm/layout.h"
#include "shm/pub.h"

struct fos_map {
	uint8_t *base;
	uint64_t size;
};

struct fos_box {
	const struct fos_dir *dir;
	struct fos_map region[FOS_MAX_REGIONS];
	uint32_t self; /* own proc index */
	uint32_t lane;
	uint8_t *packets;
	uint32_t frame_shift; /* log2 of the frame size */
	/* this lane's classifier and egress */
	const struct fos_cls *cls;
	const struct fos_flow *flows;
	const struct fos_piece *pieces;
	const struct fos_egr *egr;
	const struct fos_out *outs;
	const struct fos_forced *forced;
	const struct fos_forced_edits *forced_edits[FOS_MAX_PMS]; /* NULL: the PM may not edit */
	/* this lane's PMs, by index in dir->pm[]; NULL = none */
	const struct fos_pm_region *pm[FOS_MAX_PMS];
	const struct fos_pm_flow *pm_flows[FOS_MAX_PMS];
	const struct fos_pm_edited *pm_edited[FOS_MAX_PMS]; /* NULL: it may not edit */
	const struct fos_edit *pm_edits[FOS_MAX_PMS];
	const uint8_t *pm_inserts[FOS_MAX_PMS];
	const struct fos_rewrite *pm_rewrites[FOS_MAX_PMS];
	bool rewriters; /* one of them is not NULL */
	const uint8_t *pm_contexts[FOS_MAX_PMS];
	const uint8_t *pm_keyed[FOS_MAX_PMS]; /* NULL: it has no flows of its own */
};

/* Fills the pointers from region[] (all mapped), dir and self.  Checks each region's magic,
 * version, box id and size; returns 0, or -EPROTO with one line in err. */
int fos_box_bind(struct fos_box *box, char *err, size_t err_size);

/* The writable own region. */
static inline uint8_t *fos_box_own(const struct fos_box *box)
{
	return box->region[box->dir->proc[box->self].region].base;
}

/* First byte of a frame.  The index must be below dir->nr_frames: callers check indices that
 * another process wrote. */
static inline uint8_t *fos_box_frame(const struct fos_box *box, uint32_t frame)
{
	return box->packets + ((uint64_t)frame << box->frame_shift);
}

static inline struct fos_frame_meta *fos_box_meta(const struct fos_box *box, uint32_t frame)
{
	return (struct fos_frame_meta *)(void *)fos_box_frame(box, frame);
}

/* What is known of a packet, and its headers, are about to be read: another process has written them, so
 * that they are in no near cache.  Any index. */
static inline void fos_box_expect(const struct fos_box *box, uint32_t frame)
{
	const uint8_t *f;

	if (frame >= box->dir->nr_frames)
		return;
	f = fos_box_frame(box, frame);
	__builtin_prefetch(f);
	__builtin_prefetch(f + FOS_FRAME_DATA_OFF);
	__builtin_prefetch(f + FOS_FRAME_DATA_OFF + FOS_CACHE_LINE);
}

/* Likewise n bytes of a table. */
static inline void fos_box_expect_bytes(const void *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += FOS_CACHE_LINE)
		__builtin_prefetch((const uint8_t *)p + i);
}

/* String of the directory's blob. */
static inline const char *fos_dir_string(const struct fos_dir *dir, uint32_t off)
{
	return off < FOS_DIR_STRINGS ? dir->strings + off : "";
}

/* The region's writable head of this process (heartbeat, counters, sleeping). */
static inline struct fos_region_head *fos_box_head(const struct fos_box *box)
{
	return (struct fos_region_head *)(void *)fos_box_own(box);
}

/* What counts of what PM `pm` (index in dir->pm[]) has published for a flow: copied consistently, a
 * head that egress has forced being put in its place.  False when
 * the PM has not yet seen this generation of the flow (what *out then reads is of no use), or when
 * it is being written right now by a process that died (the caller looks again later).
 * Consistency: acquire of `ver`, copy, `ver` again; the writer fills the other slot first. */
bool fos_box_pub(const struct fos_box *box, uint32_t pm, uint32_t flow, uint32_t gen,
		 struct fos_pm_pub *out);

/* Has egress forced PM `pm`'s head on this flow?  Then *out is what it decided. */
struct fos_box_force {
	bool reset;     /* the connection is to be reset */
	uint32_t edits; /* that many of the PM's edits stand */
	uint64_t delta; /* bytes that they have added to the flow, modulo 2^64 */
};
bool fos_box_forced(const struct fos_box *box, uint32_t pm, uint32_t flow, uint32_t gen,
		    struct fos_box_force *out);

/* Stage of a PM in a pipeline, FOS_NONE: it is not in it. */
static inline uint32_t fos_dir_place(const struct fos_dir *dir, uint32_t pipeline, uint32_t pm)
{
	return (uint32_t)dir->pipeline[pipeline].place[pm] - 1u;
}

/* The newest version of a pipeline: what a flow that begins there is given. */
static inline uint32_t fos_dir_newest(const struct fos_dir *dir, uint32_t pipeline)
{
	uint32_t next;

	/* pairs with the keeper's release: the version is filled */
	while ((next = fos_acquire32(&dir->pipeline[pipeline].next)) != 0 &&
	       next < FOS_MAX_PIPELINES)
		pipeline = next;
	return pipeline;
}

/* The pipeline of the configuration that this is, or is a version of. */
static inline uint32_t fos_dir_root(const struct fos_dir *dir, uint32_t pipeline)
{
	uint32_t first = dir->pipeline[pipeline].first;

	return first && first <= FOS_MAX_PIPELINES ? first - 1 : pipeline;
}

/* Its number among those that edit `app` there, from 1; 0: it does not. */
static inline uint32_t fos_dir_editor(const struct fos_dir *dir, uint32_t pipeline, uint32_t pm)
{
	return dir->pipeline[pipeline].editor[pm];
}

/* The pipeline that a flow is in, and where it begins there. */
void fos_box_route(const struct fos_box *box, uint32_t flow, uint32_t gen,
		   struct fos_route_slot *out);

/* Its index in dir->pipeline[], for who needs no more; below nr_pipelines. */
static inline uint32_t fos_box_pipeline(const struct fos_box *box, uint32_t flow, uint32_t gen)
{
	struct fos_route_slot r;

	if (!box->egr || fos_acquire32(&box->egr->nr_routes) == 0)
		return box->flows[flow].pipeline;
	fos_box_route(box, flow, gen, &r);
	return r.pipeline;
}

/* Has the PM decided that the flow belongs to another pipeline, and has nobody overruled it? */
static inline bool fos_pub_moves(const struct fos_pm_pub *pub)
{
	return pub->verdict == FOS_VERDICT_MOVE && pub->head < FOS_POS_MAX;
}

/* What the PM itself has published, whatever egress has decided about it. */
bool fos_box_pub_own(const struct fos_box *box, uint32_t pm, uint32_t flow, uint32_t gen,
		     struct fos_pm_pub *out);

/* Does PM `pm` watch a flow with these flags (its direction; one that edits: not an opaque flow)? */
bool fos_box_watches(const struct fos_dir *dir, uint32_t pm, uint32_t flow_flags);

#endif
