/* pmhost/http.h - the layer between the app window and a module that reads FOS_HTTP_BODY
 *
 * pm_http.h says what the module sees.  The host opens the window of the app stream as for any
 * module (the *raw* window); http_flow.c goes over it with the framer, passes what is not for the
 * module, and shows it header blocks and bodies.  While a body is shown, struct fos_window holds
 * the body's segments, positions and staged edits, and struct fos_http_view the raw ones: calls
 * that read need not know.  fos_http_release() translates: the module's edits into raw positions,
 * framing into deletions and insertions, and commits all with the raw head.
 *
 * The framer's state is struct fos_http_state, in front of the module's bytes in the context: it is
 * what the framer knows at the committed head, so head and state are one commit, and a successor
 * goes on at the same byte.
 */
#ifndef FOS_PMHOST_HTTP_H
#define FOS_PMHOST_HTTP_H

#include "pmhost/http_frame.h"
#include "pmhost/host.h"

#define FOS_HTTP_PENDING 64u  /* requests under way on a connection */
#define FOS_HTTP_RUNS 1024u   /* pieces of a body shown at a time */
#define FOS_HTTP_FIELDS 512u  /* of a header block */
#define FOS_HTTP_TEXT 16384u  /* bytes of fields that a module may add to one, */
#define FOS_HTTP_TEXT_OWN 2048u /* and the platform besides */
#define FOS_HTTP_METHOD_MAX 20u
#define FOS_HTTP_HOST_MAX 63u
#define FOS_HTTP_TARGET_MAX 200u
#define FOS_HTTP_NAMES 316u   /* bytes of what is remembered of requests */

enum fos_http_mark {
	FOS_HTTP_BEGUN = 1u << 0,
	FOS_HTTP_WATCHED = 1u << 1, /* the module sees this message's body */
	FOS_HTTP_MISSED = 1u << 2,  /* this message passes without the module */
	FOS_HTTP_BLIND = 1u << 3,   /* the module has bypassed the direction */
	FOS_HTTP_GONE = 1u << 4,    /* no HTTP any more: bypassed */
	FOS_HTTP_ENDED = 1u << 5    /* and has seen its end */
};

/* How a body that the module may edit leaves. */
enum fos_http_mode {
	FOS_HTTP_AS_IS, /* it is not edited */
	FOS_HTTP_FIXED, /* edits keep its length */
	FOS_HTTP_FREE,  /* until the close */
	FOS_HTTP_OWN    /* in chunks of our own */
};

/* What is remembered of a request until it is answered. */
enum fos_http_asked {
	FOS_HTTP_ASKED_METHOD = 3u << 0, /* enum fos_http_method */
	FOS_HTTP_ASKED_10 = 1u << 2,     /* by an HTTP/1.0 client */
	FOS_HTTP_ASKED_CLOSE = 1u << 3,  /* that wants the connection to end */
	FOS_HTTP_ASKED_UNKNOWN = 1u << 4, /* there was none */
	FOS_HTTP_ASKED_SWITCH = 1u << 5   /* its answer may make the connection something else */
};

struct fos_http_state {
	struct fos_http_frame frame;
	uint64_t body_pos;   /* body bytes shown before the head */
	uint64_t body_start; /* of this message */
	uint32_t number;     /* requests: how many have begun; responses: how many were answered */
	uint8_t marks;       /* enum fos_http_mark */
	uint8_t mode;        /* enum fos_http_mode */
	uint8_t answering;   /* responses: enum fos_http_asked of the one being answered */
	uint8_t pad;
	uint8_t asked[FOS_HTTP_PENDING]; /* requests: enum fos_http_asked, by number */
	uint16_t nr_names;   /* bytes used of `names` */
	uint8_t names[FOS_HTTP_NAMES + 2];
};

_Static_assert(sizeof(struct fos_http_state) == FOS_PM_HTTP_CTX, "as shm/pmfile.h says");

struct fos_http_line {
	uint32_t name, value; /* offsets in the copy */
	uint32_t from, len;   /* the line(s) in the block */
	uint32_t text, text_len; /* what takes its place: in the text buffer */
	uint8_t gone;            /* it is taken out (and `text` put in) */
};

struct fos_http_view {
	bool shown;
	bool ends;   /* the body ends with the window */
	bool broken; /* what follows the window is malformed */
	bool limited; /* the window is cut because of its number of runs */
	bool cut;    /* the body ends here without being complete */
	bool skip;   /* fos_http_skip() was called */
	bool plain;  /* requests ask for unencoded bodies */
	/* the window that is not in use: raw while a body is shown */
	struct fos_seg *seg;
	uint32_t nr_seg, cap_seg, max_runs;
	uint64_t head, tail;
	bool fin, more;
	struct fos_staged_edits edits;
	uint64_t raw[FOS_HTTP_RUNS]; /* raw position of each run of the body */
	uint32_t run_len[FOS_HTTP_RUNS];
	uint64_t raw_end;            /* where the raw head goes with the body's tail */
	/* the header block at hand */
	char *block;
	uint32_t block_len, nr_lines, nr_text, added; /* of the text: the added lines' bytes */
	uint32_t last_line; /* offset of the empty line */
	char *text, *more_text;
	struct fos_http_line line[FOS_HTTP_FIELDS];
	struct fos_http info;
	char method[FOS_HTTP_METHOD_MAX + 1], host[FOS_HTTP_HOST_MAX + 1];
	char target[FOS_HTTP_TARGET_MAX + 1];
};

static inline struct fos_http_state *fos_http_state(const struct fos_window *w)
{
	return (struct fos_http_state *)(void *)(w->ctx + FOS_PM_HOST_CTX);
}

/* http_flow.c.  Set-up: 0, or -EINVAL with a line in the log (the option accept_encoding). */
int fos_http_init(struct fos_instance *pm);
void fos_http_fini(struct fos_instance *pm);

/* Goes over the raw window, calls the module's handlers, commits.  `forced`: what waits in the
 * window goes on, without the module (its hold has ended). */
void fos_http_work(struct fos_window *w, bool forced);

/* The module's handler of a timer, with what is there of a body shown; any module. */
void fos_http_timer(struct fos_window *w, void (*hook)(struct fos_window *));

/* A verdict that was staged: a bypass becomes "the module sees no more of it".  Other streams' stay. */
void fos_http_verdict(struct fos_window *w);

/* Has it said that it sees no more of this direction? */
bool fos_http_blind(const struct fos_window *w);

/* Does the module watch this direction of its own accord? */
bool fos_http_ours(const struct fos_window *w);

/* What this PM has committed of the opposite direction; NULL: nothing. */
const struct fos_http_state *fos_http_peer(const struct fos_window *w);

/* http_body.c: shows the body that begins at the raw head, and back. */
enum fos_http_look {
	FOS_HTTP_NOTHING, /* an empty window */
	FOS_HTTP_WHOLE,   /* up to framing that is not complete */
	FOS_HTTP_ALL      /* all that is there */
};
void fos_http_show(struct fos_window *w, enum fos_http_look look);
void fos_http_hide(struct fos_window *w);
int fos_http_release(struct fos_window *w, uint64_t pos);
/* May the module edit here at all; insert bytes at pos? */
int fos_http_may_edit(const struct fos_window *w);
int fos_http_may_insert(const struct fos_window *w, uint64_t pos);
bool fos_http_fixed(const struct fos_window *w);
/* Bytes of the raw window at pos that lie together (not while a body is shown). */
const uint8_t *fos_http_bytes(const struct fos_window *w, uint64_t pos, size_t *n);

/* http_block.c: copies and cuts up the block in [at, end) of the raw window; false: too many
 * fields.  Then the module's calls on fields work, and fos_http_block_mend() stages what they and
 * the body's mode ask for as edits of the raw window. */
bool fos_http_block_read(struct fos_window *w, uint64_t at, uint64_t end);
int fos_http_block_mend(struct fos_window *w, uint64_t at);
/* Value of a field of the block; NULL: none. */
const char *fos_http_block_get(const struct fos_http_view *v, const char *name);
/* Staging without asking whether the module may. */
int fos_http_block_set(struct fos_http_view *v, const char *name, const char *value);
int fos_http_block_drop(struct fos_http_view *v, const char *name);

/* http_asked.c: which requests are under way, and what they were. */
bool fos_http_asked_add(struct fos_window *w, uint8_t asked);
/* Of request `number` in the state of the requests' side: copies to v->method, host, target. */
void fos_http_asked_names(const struct fos_http_state *requests, uint32_t number,
			  struct fos_http_view *v);

#endif
