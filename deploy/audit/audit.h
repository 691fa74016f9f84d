/* audit.h - does each frame have one owner, is each ring, position and list in order?
 *
 * Looks at the regions of a box and writes nothing.  A box at rest is judged exactly by one look.
 * In a box that moves, one look is not one instant: a frame is seen on its way, a list half changed.
 * Hence several looks, some time apart: what is wrong with the same frame, ring, flow or process in
 * every one of them is wrong; what was wrong in some only was moving.
 *
 * A frame's owner (shm/README.md): the ring slot in [head, tail) that it is in; else the claim of the
 * highest generation; else, by ingress's claim, the kernel.  Beyond that rule: no second slot, no
 * claim as new as the slot but its producer's and its consumer's, no two claims of one generation.
 * shm/models/frames.pml checks this rule over every order of steps and deaths.
 *
 * Caller: flowosctl audit, tests.  Single-threaded.
 */
#ifndef FOS_DEPLOY_AUDIT_AUDIT_H
#define FOS_DEPLOY_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/box.h"

/* What can be wrong: id, what `id` of a finding is, sentence. */
#define FOS_AUDIT_KINDS(X)                                                                        \
	X(REGION, "process", "its region's head is damaged")                                      \
	X(LOG, "process", "its transaction log is damaged")                                       \
	X(BATCH, "process", "it stands inside a batch")                                           \
	X(RING, "ring", "its size or indices are out of order")                                   \
	X(DESC, "ring", "it holds a descriptor of a frame that there is not")                     \
	X(FRAME_LOST, "frame", "nobody owns it")                                                  \
	X(FRAME_SLOTS, "frame", "it is in more than one ring slot")                               \
	X(FRAME_CLAIM, "frame", "it is in a ring, and somebody else claims it as well")           \
	X(FRAME_TIE, "frame", "two processes claim it with one generation")                       \
	X(CLS_LEAK, "frame", "the classifier claims it, and no piece is in it")                   \
	X(CLS_PIECE, "piece", "its frame is neither the classifier's nor egress's")               \
	X(CLS_LIST, "flow", "its list of pieces is broken")                                       \
	X(EGR_STATE, "frame", "egress's claim and its record of the frame differ")                \
	X(EGR_IDLE, "frame", "egress holds it for nothing")                                       \
	X(EGR_COUNT, "process", "its counts of free, retained and sent frames are wrong")         \
	X(EGR_LIST, "flow", "its list of retained segments is broken")                            \
	X(POSITION, "flow", "a head lies beyond its tail, or egress beyond the stream")           \
	X(EDITS, "flow", "a PM's edits of it are out of order")                                   \
	X(EDIT_TWICE, "edit", "two flows have it")

enum fos_audit_kind {
#define X(name, what, text) FOS_AUDIT_##name,
	FOS_AUDIT_KINDS(X)
#undef X
	FOS_NR_AUDIT_KINDS
};

struct fos_audit_info {
	const char *name, *what, *text;
};
extern const struct fos_audit_info fos_audit_info[FOS_NR_AUDIT_KINDS];

struct fos_audit_finding {
	uint32_t kind; /* enum fos_audit_kind */
	uint32_t id;   /* of the subject */
	uint32_t proc; /* process that it is about */
	uint32_t pad;
};

/* Where frames are; every frame of the box is counted once. */
enum fos_audit_place {
	FOS_PLACE_NOWHERE = 0, /* a finding of this look: moving, or wrong */
	FOS_PLACE_FREE,        /* free at ingress or egress */
	FOS_PLACE_RX,          /* the kernel's: FILL or RX ring */
	FOS_PLACE_RING,        /* in one of our rings */
	FOS_PLACE_CLASSIFIER,  /* waits for order, for PMs, or for egress */
	FOS_PLACE_EGRESS,      /* sent and unacknowledged, or being built */
	FOS_PLACE_TX,          /* the kernel's: TX or COMPLETION ring */
	FOS_NR_PLACES
};

/* What is known of one frame in one look. */
struct fos_audit_frame {
	uint32_t nr_slots;
	uint32_t ring;     /* of the last slot seen */
	uint32_t slot_gen;
	uint32_t top_gen;  /* newest claim, and whose */
	uint32_t top_proc; /* FOS_NONE: nobody claims it */
	uint8_t tie;
	uint8_t foreign;   /* someone who is not at the slot's ring claims it, as new as the slot */
	uint8_t place;     /* enum fos_audit_place */
	uint8_t piece;     /* a piece of the classifier is in it */
};

struct fos_audit {
	const struct fos_dir *dir;
	const struct fos_map *region;
	struct fos_box box; /* of the lane being looked at */
	struct fos_audit_frame *frame;
	uint32_t *edit_user; /* by edit: flow + 1 */
	struct fos_audit_finding *found; /* in every look so far, ascending */
	uint32_t nr_found;
	struct fos_audit_finding *seen; /* in this look */
	uint32_t nr_seen, cap_seen;
	uint32_t looks;
	uint64_t mark;    /* of all indices; equal in two looks: nobody has moved between them */
	bool moved;       /* between the looks so far */
	uint64_t flows;   /* live in the last look */
	uint64_t nr[FOS_NR_PLACES];
};

/* region[]: mapped as dir->region[]; the packet region need not be.  -ENOMEM. */
int fos_audit_init(struct fos_audit *a, const struct fos_dir *dir, const struct fos_map *region);
void fos_audit_fini(struct fos_audit *a);

/* One look at everything; afterwards found[] is what was wrong in all looks so far. */
void fos_audit_look(struct fos_audit *a);

/* Name of a finding's process, for people. */
const char *fos_audit_proc(const struct fos_audit *a, const struct fos_audit_finding *f);

/* ---- the parts (audit_*.c) ---- */
void fos_audit_add(struct fos_audit *a, enum fos_audit_kind kind, uint32_t proc, uint32_t id);
void fos_audit_procs(struct fos_audit *a);
void fos_audit_frames(struct fos_audit *a);
void fos_audit_classifier(struct fos_audit *a, uint32_t proc);
void fos_audit_egress(struct fos_audit *a, uint32_t proc);
void fos_audit_flows(struct fos_audit *a);

/* A process's region, and a table in it; NULL when it does not lie inside. */
const void *fos_audit_region(const struct fos_audit *a, uint32_t proc);
const void *fos_audit_table(const struct fos_audit *a, uint32_t proc, uint64_t off, uint64_t bytes);
/* Offset of its transaction log; 0 = it has none. */
uint64_t fos_audit_log(const struct fos_audit *a, uint32_t proc);

#endif
