/* egress/seqmap.h - where a flow's input positions lie in its output, and back
 *
 * A map is a list of identity runs {in, out, len}; what lies between two runs is a gap: its input
 * side was deleted, its output side inserted.  The last run is open, it grows as bytes pass.  A
 * flow without edits has one open run and no nodes; a flow whose edits are all acknowledged folds
 * back to one open run with a constant difference.
 *
 * Pure: positions in, positions out.  Nodes come from a pool shared by all flows of an egress; the
 * pool calls `touch` before it changes a node or its own head, so that the owner can keep the old
 * contents (transaction log).  struct fos_seqmap itself is saved by its owner.
 */
#ifndef FOS_EGRESS_SEQMAP_H
#define FOS_EGRESS_SEQMAP_H

#include <stdbool.h>
#include <stdint.h>

#define FOS_SEQMAP_NONE UINT32_MAX

struct fos_seqmap_node {
	uint64_t in;
	uint64_t out;
	uint64_t len;
	uint32_t next;
	uint32_t pad;
};

/* Persistent head of the pool. */
struct fos_seqmap_free {
	uint32_t first;
	uint32_t nr;
};

struct fos_seqmap_pool {
	struct fos_seqmap_node *node;
	struct fos_seqmap_free *free;
	void (*touch)(void *ctx, const void *p, uint32_t n); /* NULL = nobody asks */
	void *ctx;
};

struct fos_seqmap {
	uint64_t in;  /* end of what was mapped: next input byte */
	uint64_t out; /* the same place in the output */
	uint64_t open_in; /* start of the open run */
	uint64_t open_out;
	uint64_t lo_in; /* end of what was pruned: left edge of the first gap kept */
	uint64_t lo_out;
	uint32_t first; /* closed runs, ascending */
	uint32_t last;
	uint32_t nr;
	uint32_t lo_len; /* of the run before the left edge, whose difference is still known */
};

/* Nothing was edited: every position is its own.  For looking only. */
extern const struct fos_seqmap fos_seqmap_same;

/* An input position seen in the output.  `at`: inside a deletion its left edge, at an insertion
 * after it.  `lo`/`hi`: at either border the inserted bytes that touch the position are on the
 * right (lo) or on the left (hi): [lo of a, hi of b) covers all that became of [a, b). */
struct fos_seqmap_fwd {
	uint64_t at;
	uint64_t lo;
	uint64_t hi;
};

/* Strings nr nodes together as free. */
void fos_seqmap_pool_init(struct fos_seqmap_pool *pool, uint32_t nr);

void fos_seqmap_init(struct fos_seqmap *m);

/* n bytes pass unchanged. */
static inline void fos_seqmap_copy(struct fos_seqmap *m, uint64_t n)
{
	m->in += n;
	m->out += n;
}

/* At the end of the map `del` input bytes are replaced by `ins` output bytes.  False: no node
 * left, nothing changed (the caller waits for acknowledgements). */
bool fos_seqmap_replace(struct fos_seqmap *m, struct fos_seqmap_pool *pool, uint64_t del,
			uint64_t ins);

/* May this map grow?  No map may keep more nodes than are left for others, so one whose receiver has
 * gone silent leaves room for everybody else, and however many do, for one more. */
static inline bool fos_seqmap_room(const struct fos_seqmap *m, const struct fos_seqmap_pool *pool)
{
	return pool->free->nr >= 4u + m->nr;
}

/* Output position p is acknowledged: runs that lie wholly below are given back. */
void fos_seqmap_prune(struct fos_seqmap *m, struct fos_seqmap_pool *pool, uint64_t p);

/* Gives all nodes back. */
void fos_seqmap_clear(struct fos_seqmap *m, struct fos_seqmap_pool *pool);

/* The input position that an acknowledgement of output position p acknowledges: inside inserted
 * bytes the position before them, at a deletion the position after it. */
uint64_t fos_seqmap_back(const struct fos_seqmap *m, const struct fos_seqmap_pool *pool,
			 uint64_t p);

/* Left edge of a SACK block: rounds up inside inserted bytes.  (The right edge rounds down, which
 * is fos_seqmap_back().) */
uint64_t fos_seqmap_back_left(const struct fos_seqmap *m, const struct fos_seqmap_pool *pool,
			      uint64_t p);

/* Does the map still know where output position p lies?  What was pruned it only guesses. */
static inline bool fos_seqmap_known(const struct fos_seqmap *m, uint64_t p)
{
	return p + m->lo_len >= m->lo_out;
}

/* Is the byte at output position p an inserted one? */
bool fos_seqmap_inserted(const struct fos_seqmap *m, const struct fos_seqmap_pool *pool, uint64_t p);

struct fos_seqmap_fwd fos_seqmap_forward(const struct fos_seqmap *m,
					 const struct fos_seqmap_pool *pool, uint64_t in);

/* Constant difference, no edit unacknowledged? */
static inline bool fos_seqmap_flat(const struct fos_seqmap *m, uint64_t acked)
{
	return m->nr == 0 && acked >= m->open_out;
}

#endif
