/* classifier/expire.h - time, closing and freeing of connections */
#ifndef FOS_CLASSIFIER_EXPIRE_H
#define FOS_CLASSIFIER_EXPIRE_H

#include "classifier/batch.h"

/* A packet of the connection has come at `time_ns`; `list` = where the connection belongs now
 * (FOS_LIST_NONE: where it is). */
void fos_expire_touch(struct fos_classifier *c, uint32_t flow, uint64_t time_ns, uint32_t list);

#define FOS_EXPIRE_MOVE_NS 250000000ull /* how exactly the lists are kept in order */

/* The same with FOS_LIST_NONE, of a flow that the batch has touched. */
static inline void fos_expire_seen(struct fos_classifier *c, uint32_t flow, uint64_t time_ns)
{
	const struct fos_cls_conn *k = fos_cls_conn(c, flow);

	if (time_ns > k->list_ns && time_ns - k->list_ns >= FOS_EXPIRE_MOVE_NS)
		fos_expire_touch(c, flow, time_ns, FOS_LIST_NONE);
	else if (time_ns > c->flows[flow].last_time_ns)
		c->flows[flow].last_time_ns = time_ns;
}

/* Says that nothing will be appended to `app` any more, to PMs and egress: state CLOSED on both
 * flows.  OOSEQ queues are dropped; what is in the packet stages goes its way. */
void fos_expire_publish_closed(struct fos_classifier *c, uint32_t conn, enum fos_close reason);

/* The connection ends here and now: published as closed if it is not, egress told to let go, and
 * the slot waits to be freed. */
void fos_expire_close(struct fos_classifier *c, uint32_t conn, enum fos_close reason);

/* Frees the slot of a closed connection if PMs and egress are through with it (or had their time).
 * Returns whether it is free. */
bool fos_expire_try_free(struct fos_classifier *c, uint32_t conn);

/* Frees at most `most` closed connections; returns how many. */
uint32_t fos_expire_free(struct fos_classifier *c, uint32_t most);

/* A connection is about to begin.  If the table is (nearly) full, frees what can be freed, and closes what
 * can be spared: connections that are over before half-open ones before datagrams, in each the longest
 * silent first; never one that is established or of which egress has bytes to send. */
void fos_expire_make_room(struct fos_classifier *c);

/* Timers that are due.  Returns connections touched. */
uint32_t fos_expire_work(struct fos_classifier *c);

/* The capture is over: closes some connections; 0 = all are closed. */
uint32_t fos_expire_eof(struct fos_classifier *c);

/* Time of the next timer, UINT64_MAX = none. */
uint64_t fos_expire_next(const struct fos_classifier *c);

#endif
