/* tests/sim/inline.h - a whole box between a scripted client and a receiver
 *
 *	script --> [port 0] classifier, a module that keeps what it saw, egress [port 1] --> receiver
 *
 * Live: the receiver answers through the box, and the client learns from what comes out.  Offline:
 * script and receiver speak without the box first, and the packets of both go through it as a
 * capture would; the receiver of what leaves is another.
 *
 * What must hold at any time: the bytes that the application behind the box got are a prefix of
 * those the module saw (with its edits carried out, if it edits); when all is quiet they are equal,
 * unless the application does not read.
 */
#ifndef TESTS_SIM_INLINE_H
#define TESTS_SIM_INLINE_H

#include "shm/proc.h"
#include "tests/sim/host.h"
#include "deploy/stages/stage.h"
#include "tests/world.h"

#define INLINE_TEXT 8192u
#define INLINE_PENDING 512u

/* struct inline_stream - the client's bytes of one connection as the module saw them */
struct inline_stream {
	uint64_t number; /* connections of the tuple before */
	uint32_t len;
	uint32_t why; /* enum fos_pm_end, once closed */
	uint8_t bytes[HOST_STREAM_MAX];
};

struct inline_frame {
	uint8_t port;
	uint16_t len;
	uint8_t data[SCRIPT_FRAME_MAX];
};

struct inline_box {
	struct world world; /* the directory may be changed between inline_plan and inline_start */
	bool offline;
	bool edit; /* the module edits (keep.h); set between inline_plan and inline_start */
	struct {
		struct fos_proc proc;
		const struct sim_stage *stage;
	} procs[3];
	struct sim_nic nic;
	struct fos_ring_prod to_classifier[2];
	struct fos_ring_cons from_egress[2];
	uint32_t *frames;
	uint32_t nr_frames;
	uint64_t now, number;
	struct script_client client;
	struct receiver *server;
	struct inline_frame pending[INLINE_PENDING];
	uint32_t nr_pending;
	struct inline_stream stream[HOST_MAX_CONNS];
	uint32_t nr_streams;
	char sent[INLINE_TEXT];    /* what left to the server: POS:DATA/FLAGS ... */
	char answers[INLINE_TEXT]; /* what left to the client: FLAGS and acknowledged position */
	bool moot; /* offline: the recorded server reset a connection, or never answered its SYN, or
		      never took a SYN by which the one behind the box began a connection */
	char error[256];
};

/* Plans a small box with one reading module.  `server` is for this run only; its emit is set. */
void inline_plan(struct inline_box *b, struct receiver *server, bool offline);
void inline_start(struct inline_box *b);

/* Runs a script from a client (its numbers; v6, ts as wished).  False: the property does not hold
 * or a word is none; b->error says what. */
bool inline_run(struct inline_box *b, const char *script);

/* Offline: the packets of `script` between the client and `recorder`, then through the box. */
bool inline_replay(struct inline_box *b, const char *script, struct receiver *recorder);

void inline_stop(struct inline_box *b);

/* The whole in one call: a model receiver behind the box; the caller reads b and *behind. */
enum inline_how { INLINE_LIVE = 0, INLINE_OFFLINE = 1, INLINE_EDITED = 2, INLINE_FAR = 4 };
bool inline_once(struct inline_box *b, struct host *behind, const struct script_client *client,
		 const char *script, unsigned int how);

/* Counter over all processes. */
uint64_t inline_counter(const struct inline_box *b, enum fos_counter_id id);

#endif
