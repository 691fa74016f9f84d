/* shm/build.h - lays out the regions of a box from its plan
 *
 * Input: a directory whose geometry, ports, pipelines, PMs and strings are filled.  Output: procs,
 * rings and region sizes in the directory, then each region initialised in memory that the caller
 * provides (zeroed).  Used by the keeper (memfds) and by the simulation (anonymous memory).
 */
#ifndef FOS_SHM_BUILD_H
#define FOS_SHM_BUILD_H

#include <stdbool.h>

#include "shm/layout.h"

/* Adds a string to the directory's blob; returns its offset, or 0 when the blob is full. */
uint32_t fos_build_string(struct fos_dir *dir, const char *s, size_t len_with_nul, uint32_t *used);

/* Computes procs, rings and regions.  -E2BIG with one line in err when a bound is exceeded. */
int fos_build_plan(struct fos_dir *dir, char *err, size_t err_size);

/* Initialises region i (dir->region[i].size zeroed bytes at base): head (magic last), tables,
 * rings. */
void fos_build_region(const struct fos_dir *dir, uint32_t i, void *base, uint64_t box_id);

/* May a PM have to tell another one of a flow?  Of the later stages, and, where stages can change while
 * the box runs, of all that could ever be later. */
bool fos_build_hints(const struct fos_dir *dir, const struct fos_dir_pm *from,
		     const struct fos_dir_pm *to);

/* Fills place[], editor[] and nr_editors of a pipeline from its stages.  build_place.c */
void fos_build_places(struct fos_dir *dir, uint32_t pipeline);

/* Is there a PM that may edit a stream, in the configuration or to come?  build_place.c */
bool fos_build_edits(const struct fos_dir *dir);

/* Is there more than one pipeline in the configuration, so that a PM may move a flow?  build_place.c */
bool fos_build_moves(const struct fos_dir *dir);

/* Bytes of what egress keeps for itself (egress/state.h).  build_place.c */
uint64_t fos_build_egress_private(const struct fos_dir *dir);

/* Where things lie in a region, from the directory alone: what a PM's region says of itself is the
 * PM's to overwrite. */
struct fos_pm_tables {
	uint64_t flows_off, edits_off, inserts_off;
	uint64_t edited_off;   /* 0 = this PM may not edit */
	uint64_t rewrites_off; /* 0 = this PM may not rewrite */
	uint64_t txn_off;
	uint64_t contexts_off;
	uint64_t keyed_off; /* 0 = it has no flows of its own */
};
void fos_build_pm(const struct fos_dir *dir, uint32_t pm, struct fos_pm_tables *t);
uint64_t fos_build_cursors(const struct fos_dir *dir, uint32_t proc);
uint32_t fos_build_ring_log2(const struct fos_dir *dir, const struct fos_dir_ring *r);
uint32_t fos_build_slot_size(uint32_t kind); /* enum fos_ring_kind */

/* Row of PM `pm` in struct fos_cls's table of missed events: how many before it have an event ring. */
uint32_t fos_build_event_index(const struct fos_dir *dir, uint32_t pm);

/* Row of PM `pm` in struct fos_egr's table of fos_forced_edits: how many before it may edit. */
uint32_t fos_build_edits_index(const struct fos_dir *dir, uint32_t pm);

/* Where an event ring's room for packets begins in its producer's region; 0 = it has none. */
uint64_t fos_build_event_room(const struct fos_dir *dir, const struct fos_dir_ring *r);

/* Frames that ingress process number n owns at the start: [first, first + count).  The count is the
 * same for all: what each is to have while frames are free (its FILL ring full, and some in hand, or
 * half its share where that is less).  A capture's ingress has all but the egress's reserve. */
void fos_build_ingress_frames(const struct fos_dir *dir, uint32_t n, uint32_t *first,
			      uint32_t *count);

/* Frames that a lane's egress owns at the start: its reserve, and its part of those that are spare
 * and go to whichever ingress is short. */
void fos_build_egress_frames(const struct fos_dir *dir, uint32_t lane, uint32_t *first,
			     uint32_t *count);

#endif
