/* pmhost/host.h - a PM and its lane's flows: what the parts of the host share
 *
 * One process runs one module on one lane.  struct fos_instance (the `pm` of pm.h) is the process,
 * struct fos_window (the `w`) is the flow that it is working on: there is one, filled anew for
 * each visit.  Everything that must survive a kill lies in the PM's region and changes by one
 * transaction per release (commit.c); all else here is rebuilt at attach.
 *
 * Words in a context slot before the author's bytes: struct fos_host_ctx, and struct fos_http_state
 * (http.h) when the module reads http.body; in a slot of the PM-wide state: struct fos_host_state
 * (sizes: shm/pmfile.h).
 */
#ifndef FOS_PMHOST_HOST_H
#define FOS_PMHOST_HOST_H

#include "pmhost/edit.h"
#include "pmhost/event_host.h"
#include "pmhost/keyed.h"
#include "pmhost/message.h"
#include "pmhost/parcel.h"
#include "pmhost/move.h"
#include "pmhost/pm.h"
#include "pmhost/timer.h"
#include "pmhost/topic.h"
#include "shm/pmfile.h"
#include "shm/proc.h"
#include "shm/view.h"

#define FOS_HOST_OUTPUTS 4u
#define FOS_HOST_RETRY_NS 1000000u /* after a release that found no room */

struct fos_host_ctx {
	uint64_t timer_ns; /* on_timer is due then; 0 = none */
	uint32_t key_place; /* of its own flow that this one belongs to, plus 1; 0 = none */
	uint32_t key_born;
};

struct fos_host_state {
	uint64_t out_len[FOS_HOST_OUTPUTS]; /* committed length of each output file, bytes */
	uint64_t pad[4];
};

/* What the process remembers of a flow and can forget: only whether there is anything new. */
struct fos_local {
	uint32_t gen;      /* generation these values and our edits are for; 0 = none */
	uint32_t piece;    /* packet streams: a piece at or before the head */
	uint64_t seen;     /* tail that on_data has seen */
	uint64_t timer_ns; /* on_timer deadline in the heap; 0 = none */
	uint64_t hold_bytes;
	uint64_t hold_ns;
	uint8_t fin_seen;
	uint8_t armed; /* a hold deadline is in the heap */
	uint8_t retry; /* a release found no room: call again whether or not there is news */
	uint8_t queued; /* in the retry list */
	uint8_t overruled; /* counted as such */
	uint8_t waits; /* http.h: a response that came before its request */
	uint8_t cut; /* it was not shown all, for an event came first: look again after that */
	uint8_t lost; /* events that found no room are to be told */
	uint32_t missed; /* of the classifier's count of missed events, seen */
	uint32_t aside[2]; /* first and last of its events that were put aside: place + 1; 0 = none */
	uint32_t pad;
	uint64_t event_ns; /* event timer's deadline in the heap; 0 = none */
};

/* Bytes of the window that lie together. */
struct fos_seg {
	const uint8_t *data;
	uint64_t pos;
	uint32_t len;
	uint32_t piece; /* FOS_NONE: inserted by a PM before us */
	uint32_t piece_off;
	uint32_t flags; /* enum fos_piece_flag of the piece (packet streams) */
};

enum fos_handler { FOS_IN_NONE, FOS_IN_INIT, FOS_IN_OPEN, FOS_IN_DATA, FOS_IN_CLOSE, FOS_IN_TIMER,
		   FOS_IN_MESSAGE, FOS_IN_HEAD, FOS_IN_EVENT, FOS_IN_TICK };

enum fos_resend { FOS_RESEND_AS_IT_IS, FOS_RESEND_ON, FOS_RESEND_OFF };

struct fos_window {
	struct fos_instance *pm;
	uint32_t flow;
	uint32_t gen;
	uint32_t flow_flags;
	struct fos_pm_pub pub; /* as committed */
	bool fresh;            /* nothing committed for this generation yet */
	struct fos_route_slot route; /* the pipeline that the flow is in */
	uint32_t stage;        /* of the PM in it */
	uint8_t moving;        /* enum fos_moving */
	uint64_t move_limit;   /* FOS_MOVING_LIMIT: the position that the stream ends at */
	uint64_t head;         /* = pub.head while below FOS_POS_MAX */
	uint64_t tail;
	uint64_t open_tail; /* tail when the window was opened: `again` makes it look empty */
	bool fin;
	bool more;     /* the window was cut at its bound: there are bytes beyond the tail */
	bool again;    /* a release found no room */
	bool moved;    /* something was committed since the last hint */
	bool wake_classifier; /* and it concerns the classifier */
	struct fos_seg *seg;
	uint32_t nr_seg;
	uint32_t cap_seg;
	uint8_t *ctx; /* private copy: host's part, then the author's */
	bool ctx_touched;
	struct fos_staged_edits edits;
	bool cut;      /* shown only up to where an event stands, */
	bool reached;  /* and up to there indeed */
	bool released; /* fos_release() in on_event: */
	uint64_t release;
	bool asks;     /* for other events than before */
	uint8_t resend; /* fos_resend_tail() was called: FOS_RESEND_ON, _OFF */
	uint8_t verdict;
	uint8_t move_to; /* FOS_VERDICT_MOVE: index of the pipeline */
	bool rewrites;      /* fos_rewrite() was called, */
	bool rewrites_peer; /* fos_rewrite_peer() was called in this handler */
	uint64_t hold_bytes;
	uint64_t hold_ns;
	struct fos_flow_info info;
	bool info_valid;
	uint8_t *scratch; /* FOS_PEEK_MAX bytes for fos_peek() */
	struct fos_http_view *http; /* http.h; NULL: the module reads another stream */
};

struct fos_file {
	int fd;
	bool cut;   /* a regular file: positions count, and it can be cut back */
	bool failed;
	uint8_t *data; /* staged */
	size_t len;
	size_t cap;
};

struct fos_instance {
	struct fos_proc *p;
	const struct fos_box *box;
	const struct fos_dir *dir;
	const struct fos_dir_pm *d;
	uint64_t asked; /* bit per option of the configuration that the module has looked at */
	uint32_t index; /* in dir->pm[] */
	const struct fos_pm *module;
	void *library; /* dlopen() handle, NULL when the module was given */
	bool program;  /* it was given by fos_pm_main(): its file is the process's */

	/* whom hints go to; NULL = no ring */
	struct fos_ring_prod *to_pm[FOS_MAX_PMS];
	struct fos_ring_prod *to_classifier;
	struct fos_ring_prod *to_egress;

	/* own region */
	struct fos_pm_region *region;
	struct fos_pm_flow *flows;
	struct fos_pm_edited *edited; /* NULL: it may not edit */
	struct fos_rewrite *rewrites;
	uint8_t *contexts;
	uint8_t *states;
	struct fos_txn txn;
	struct fos_edit_pool edits;

	uint8_t *state; /* private copy of the PM-wide state: host's part, then the author's */
	bool state_touched;
	struct fos_outbox outbox;
	struct fos_parcels *parcels; /* NULL: the module sends no packets */
	struct fos_topics topics;
	struct fos_keys keys; /* of its own flows */
	struct fos_file file[FOS_HOST_OUTPUTS];
	uint32_t nr_files;
	struct fos_hosts *hosts; /* lists that the module has read */
	struct fos_ring_cons *consumed; /* message being handled: its cursor moves with the commit */

	struct fos_local *local;
	uint64_t local_bytes; /* of it; the region is gone when it is freed */
	struct fos_timers timers;
	uint32_t *retry; /* flows whose release found no room */
	uint32_t nr_retry;
	uint64_t epoch_ns; /* the clock on the wall at 0 of our time */
	struct fos_event_host *events; /* NULL = the module has none */
	uint64_t tick_ns; /* fos_tick(): due; 0 = not set */
	uint64_t tick_after; /* so long after time begins; 0 = it has, or it is not set */
	void (*tick)(struct fos_instance *pm);
	bool walk; /* visit every live flow, from the next batch on */
	bool walking; /* that is under way, and the connection to go on with */
	uint32_t walk_next;
	uint64_t *met; /* bit per connection: of one of its flows local[] may know something */
	bool message_retry;
	uint32_t refused_moves; /* bit per pipeline: why has been said */
	uint64_t hold_bytes; /* the configuration's limits */
	uint64_t hold_ns;
	uint32_t near_seg; /* a guess where the next position that is asked for lies: index in w.seg */
	enum fos_handler in;
	struct fos_window w;
};

/* Hooks of the process skeleton, and a fresh state for them (aborts when memory is out).  The
 * simulation and the tests may name the module themselves instead of having it loaded from the
 * directory's path. */
extern const struct fos_proc_hooks fos_pmhost_hooks;
extern uint32_t fos_pmhost_step; /* connections of a look at all that a batch takes; tests make it small */
void *fos_pmhost_new(void);
void fos_pmhost_module(void *state, const struct fos_pm *module);
void fos_pmhost_free(void *state);

static inline struct fos_host_state *fos_host_state(struct fos_instance *pm)
{
	return (struct fos_host_state *)(void *)pm->state;
}

static inline struct fos_host_ctx *fos_host_ctx(struct fos_window *w)
{
	return (struct fos_host_ctx *)(void *)w->ctx;
}

/* Where the author's bytes begin in a context slot. */
static inline uint32_t fos_host_ctx_off(const struct fos_instance *pm)
{
	return FOS_PM_HOST_CTX + (pm->d->http ? FOS_PM_HTTP_CTX : 0u) +
	       (pm->d->event_wants ? FOS_PM_EVENT_CTX : 0u);
}

static inline uint8_t *fos_host_ctx_slot(const struct fos_instance *pm, uint32_t flow, uint32_t i)
{
	return pm->contexts + ((uint64_t)flow * 2 + i) * pm->d->ctx_size;
}

/* The host's part for events of a context (modules with events only). */
static inline struct fos_event_ctx *fos_host_event_ctx(const struct fos_window *w)
{
	return (struct fos_event_ctx *)(void *)(w->ctx + FOS_PM_HOST_CTX);
}

/* What a frame's metadata say of a packet that lies at `data`. */
void fos_packet_describe(const struct fos_frame_meta *m, const uint8_t *data,
			 struct fos_packet *out);

/* Calls fn for both flows of every live connection from *next on, about `conns` of them; *next becomes the
 * one to go on with.  True: that were all.  Memory of others is not touched: a process that takes over is
 * in a hurry, and most of the tables is empty. */
typedef void (*fos_host_visit_fn)(struct fos_instance *pm, uint32_t flow, void *arg);
bool fos_host_live(struct fos_instance *pm, uint32_t *next, uint32_t conns, fos_host_visit_fn fn,
		   void *arg);

/* Has fos_tick()'s time come; and then.  tick.c */
bool fos_tick_due(struct fos_instance *pm);
void fos_tick_run(struct fos_instance *pm);

/* Frees the lists of fos_hosts(). */
void fos_hosts_free(struct fos_instance *pm);

/* Warns about options that the module's init() has not looked at.  info.c */
void fos_option_unasked(struct fos_instance *pm);

/* Copy of what this PM has published for a flow; false when it is of another generation (then
 * *pub is that of a new flow). */
bool fos_host_pub(const struct fos_instance *pm, uint32_t flow, uint32_t gen,
		  struct fos_pm_pub *pub);

_Static_assert(sizeof(struct fos_host_ctx) == FOS_PM_HOST_CTX, "as shm/pmfile.h says");
_Static_assert(sizeof(struct fos_event_ctx) <= FOS_PM_EVENT_CTX, "as shm/pmfile.h says");
_Static_assert(sizeof(struct fos_host_state) == FOS_PM_HOST_STATE, "as shm/pmfile.h says");

#endif
