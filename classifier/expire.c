/* classifier/expire.c - time, closing and freeing of connections, see expire.h */
#include "classifier/expire.h"

#include "classifier/event.h"
#include "classifier/frag.h"
#include "classifier/reassembly.h"

#define SCAN_NS 10000000ull
#define UNSEEN_NS 2000000000ull /* a PM that never saw the flow is not waited for longer */
#define FORCE_NS 7000000000ull
#define PER_PASS 32u
#define EVICT_PER_PASS 8u
#define SETTLED_NS 1000000000ull /* silent for longer: most likely nobody asks once more */
#define ROOM_SHARE 32u /* of the flow table: what is kept free for connections that begin, and */
#define LEAST_ROOM 32u /* not fewer slots than this */
#define LINGER_SHARE 4u /* of the flow table: what finished edited connections may take */

static uint64_t timeout_of(const struct fos_classifier *c, uint32_t list)
{
	switch (list) {
	case FOS_LIST_HANDSHAKE:
		return c->dir->handshake_ns;
	case FOS_LIST_CLOSING:
		return c->dir->closing_ns;
	default:
		return c->dir->idle_ns;
	}
}

static bool past(uint64_t now, uint64_t since, uint64_t limit)
{
	return now > since && now - since >= limit;
}

static uint64_t last_time(const struct fos_classifier *c, uint32_t conn)
{
	uint64_t a = c->flows[2 * conn].last_time_ns, b = c->flows[2 * conn + 1].last_time_ns;

	return a > b ? a : b;
}

void fos_expire_touch(struct fos_classifier *c, uint32_t flow, uint64_t time_ns, uint32_t list)
{
	struct fos_cls_conn *k = fos_cls_conn(c, flow);
	struct fos_flow *f = &c->flows[flow];

	fos_touch(c, flow);
	if (time_ns > f->last_time_ns)
		f->last_time_ns = time_ns;
	if (list == FOS_LIST_NONE)
		list = k->list;
	if (k->list == FOS_LIST_CLOSED ||
	    (list == k->list && !past(time_ns, k->list_ns, FOS_EXPIRE_MOVE_NS)))
		return;
	fos_conn_list(c, flow >> 1, list);
	k->list_ns = time_ns;
}

/* ------------------------------------------------------------------ closing */

static bool seen_by(const struct fos_classifier *c, uint32_t pm, uint32_t flow)
{
	struct fos_pm_pub pub;

	return fos_box_pub(c->box, pm, flow, c->conns[flow >> 1].gen, &pub);
}

/* A connection of which PMs can have seen nothing: it was given up before its third packet. */
static bool stillborn(const struct fos_classifier *c, uint32_t flow)
{
	return c->conns[flow >> 1].close == FOS_CLOSE_EVICTED &&
	       !(c->flows[flow].state & FOS_FLOW_ST_ESTABLISHED) && c->flows[flow].app.tail == 0;
}

static void hint_all(struct fos_classifier *c, uint32_t flow)
{
	bool quiet = stillborn(c, flow);
	const struct fos_dir_pipeline *pl = fos_cls_pipeline(c, flow);

	for (uint32_t k = 0; k < pl->nr_stages; k++)
		for (uint32_t i = 0; i < pl->stage[k].nr_pms; i++)
			if (fos_box_watches(c->dir, pl->stage[k].pm[i], c->flows[flow].flags) &&
			    (!quiet || seen_by(c, pl->stage[k].pm[i], flow)))
				fos_hint_pm(c, flow, pl->stage[k].pm[i]);
	fos_hint_egress(c, flow);
}

static void close_flow(struct fos_classifier *c, uint32_t flow, enum fos_close reason)
{
	struct fos_shadow *s = fos_touch(c, flow);
	uint32_t counter = reason == FOS_CLOSE_PM ? FOS_C_drop_pm : FOS_C_drop_flow_closed;

	if (s->state & FOS_FLOW_ST_CLOSED)
		return;
	/* what is in the packet stages goes its way: PMs are to see it all */
	fos_reasm_flush(c, flow, counter);
	s->close = reason;
	s->state |= FOS_FLOW_ST_CLOSED;
	fos_event_closed(c, flow, reason);
	hint_all(c, flow);
}

static bool has_reverse(const struct fos_classifier *c, uint32_t conn)
{
	return !(c->flows[2 * conn].flags & FOS_FLOW_AGGREGATE);
}

void fos_expire_publish_closed(struct fos_classifier *c, uint32_t conn, enum fos_close reason)
{
	close_flow(c, 2 * conn, reason);
	if (has_reverse(c, conn))
		close_flow(c, 2 * conn + 1, reason);
}

void fos_expire_close(struct fos_classifier *c, uint32_t conn, enum fos_close reason)
{
	struct fos_cls_conn *k = &c->conns[conn];

	fos_save_conn(c, conn);
	if (k->close == FOS_CLOSE_NONE)
		k->close = (uint8_t)reason;
	fos_expire_publish_closed(c, conn, k->close);
	/* at the end of a capture PMs are about to release what they hold: it shall still leave */
	if (reason != FOS_CLOSE_EOF)
		fos_emit(c, FOS_DESC_CLOSE, FOS_NONE, 0, 2 * conn, 0, 0, k->close);
	fos_conn_list(c, conn, FOS_LIST_CLOSED);
	k->list_ns = k->closed_ns = c->now_ns;
}

/* ------------------------------------------------------------------ freeing */

static bool egress_done(const struct fos_classifier *c, uint32_t flow, uint32_t gen)
{
	const struct fos_out *out = &c->box->outs[flow];

	/* a flow of which egress has heard nothing holds nothing there */
	if (fos_acquire32(&out->gen) != gen)
		return c->flows[flow].app.first == FOS_NONE;
	return fos_acquire32(&out->done) & FOS_OUT_DONE;
}

static bool pms_done(const struct fos_classifier *c, uint32_t flow, uint32_t gen, bool waited)
{
	const struct fos_dir_pipeline *pl = fos_cls_pipeline(c, flow);

	for (uint32_t k = 0; k < pl->nr_stages; k++) {
		for (uint32_t i = 0; i < pl->stage[k].nr_pms; i++) {
			uint32_t pm = pl->stage[k].pm[i];
			struct fos_pm_pub pub;

			if (!fos_box_watches(c->dir, pm, c->flows[flow].flags))
				continue;
			if (!fos_box_pub(c->box, pm, flow, gen, &pub)) {
				if (!waited)
					return false;
			} else if (!(pub.flags & FOS_PM_CLOSED)) {
				return false;
			}
		}
	}
	return true;
}

bool fos_expire_try_free(struct fos_classifier *c, uint32_t conn)
{
	uint32_t gen = c->conns[conn].gen;
	uint64_t since = c->conns[conn].closed_ns;
	bool waited = past(c->now_ns, since, UNSEEN_NS) || c->p->offline ||
		      stillborn(c, 2 * conn);
	bool force = past(c->now_ns, since, FORCE_NS) && !c->p->offline;

	if (c->conns[conn].list != FOS_LIST_CLOSED)
		return false;
	/* closed in this very batch: nobody has seen it yet */
	if (!(c->flows[2 * conn].state & FOS_FLOW_ST_CLOSED))
		return false;
	for (uint32_t f = 2 * conn; f <= 2 * conn + 1; f++) {
		if (f & 1 && !has_reverse(c, conn))
			break;
		/* Egress is waited for however long it takes (it has been told, and a successor sees
		 * it): only it knows which frames it has, had, and has sent home. */
		if (!egress_done(c, f, gen))
			return false;
		if (!force && (!pms_done(c, f, gen, waited) ||
			       fos_touch(c, f)->pkt_first != FOS_NONE))
			return false;
	}
	for (uint32_t f = 2 * conn; f <= 2 * conn + 1; f++) {
		if (!fos_reasm_reclaim(c, f))
			return false;
		fos_purge_add(c, fos_touch(c, f)->pkt_first, FOS_C_drop_flow_closed);
		fos_touch(c, f)->pkt_first = FOS_NONE;
	}
	fos_conn_free(c, conn);
	return true;
}

uint32_t fos_expire_free(struct fos_classifier *c, uint32_t most)
{
	uint32_t done = 0;

	for (uint32_t n = 0; n < most && fos_batch_room(c, 0); n++) {
		uint32_t conn = c->priv->list[FOS_LIST_CLOSED].first;

		if (conn == FOS_NONE)
			break;
		if (fos_expire_try_free(c, conn))
			done++;
		else
			fos_conn_list(c, conn, FOS_LIST_CLOSED); /* later again */
	}
	return done;
}

/* Finished edited connections go first, the longest silent one before all others. */
static uint32_t forget_some(struct fos_classifier *c, uint32_t most)
{
	uint32_t n = 0, conn;

	while (n < most && (conn = c->priv->list[FOS_LIST_LINGER].first) != FOS_NONE &&
	       fos_batch_room(c, 0)) {
		fos_expire_close(c, conn, FOS_CLOSE_TIMEOUT);
		fos_cls_count(c, FOS_C_flows_forgotten);
		n++;
	}
	return n;
}

/* Both ends have said goodbye, but egress has bytes that the receiver has not acknowledged: their
 * sender may ask for them for minutes (its timer backs off), and nobody else has them. */
static bool still_sending(const struct fos_classifier *c, uint32_t conn)
{
	uint32_t gen = c->conns[conn].gen;

	/* their packets only pass */
	if (c->conns[conn].flags & FOS_CONN_LIGHT || c->flows[2 * conn].flags & FOS_FLOW_OPAQUE)
		return false;
	return !egress_done(c, 2 * conn, gen) ||
	       (has_reverse(c, conn) && !egress_done(c, 2 * conn + 1, gen));
}

/* Closes what has been silent for `quiet` at least, the longest silent first.  Who knows how often a batch
 * asks: few are looked at. */
static uint32_t spare_some(struct fos_classifier *c, uint32_t list, uint64_t quiet)
{
	uint32_t n = 0;

	for (uint32_t looked = 0; looked < EVICT_PER_PASS && fos_batch_room(c, 0); looked++) {
		uint32_t conn = c->priv->list[list].first;

		if (conn == FOS_NONE || !past(c->now_ns, c->conns[conn].list_ns, quiet))
			break;
		if (list == FOS_LIST_CLOSING && still_sending(c, conn)) {
			fos_conn_list(c, conn, list);
			c->conns[conn].list_ns = c->now_ns;
			continue;
		}
		fos_expire_close(c, conn, FOS_CLOSE_EVICTED);
		fos_cls_count(c, FOS_C_flows_evicted);
		n++;
	}
	return n;
}

/* Free slots that are kept ready: it takes PMs and egress a moment to let go of a connection. */
static uint32_t wanted_room(const struct fos_classifier *c)
{
	return c->nr_conns / ROOM_SHARE > LEAST_ROOM ? c->nr_conns / ROOM_SHARE : LEAST_ROOM;
}

/* Connections that are over make way before those that are about to begin: where thousands begin in a
 * second the table is full of the former, and a handshake in progress is worth more than any of them. */
void fos_expire_make_room(struct fos_classifier *c)
{
	static const uint8_t spare[] = { FOS_LIST_CLOSING, FOS_LIST_HANDSHAKE, FOS_LIST_DATAGRAM };
	uint32_t room = c->nr_conns - c->priv->nr_conns, want = wanted_room(c);

	if (room >= want)
		return;
	room += fos_expire_free(c, EVICT_PER_PASS);
	/* what is closed is room on its way: more evictions would not bring it sooner */
	if (room + c->priv->nr_closed >= want || forget_some(c, EVICT_PER_PASS) > 0)
		return;
	for (uint32_t i = 0; i < 2 * sizeof(spare); i++)
		if (spare_some(c, spare[i % sizeof(spare)], i < sizeof(spare) ? SETTLED_NS : 0))
			return;
}

/* ------------------------------------------------------------------ timers */

static bool edited(const struct fos_classifier *c, uint32_t flow, uint32_t gen)
{
	const struct fos_out *out = &c->box->outs[flow];

	/* pairs with egress's release of done: flags were stored before it */
	return fos_acquire32(&out->done) && fos_acquire32(&out->gen) == gen &&
	       fos_relaxed32(&out->flags) & FOS_OUT_EDITED;
}

/* The ends of an edited connection do not agree on its numbers: what one of them sends once more,
 * however late, needs the box to be understood.  Nothing but the final numbers is kept for that. */
static bool lingers(const struct fos_classifier *c, uint32_t conn)
{
	uint32_t gen = c->conns[conn].gen;
	uint8_t close = c->conns[conn].close;

	return !c->p->offline && !(c->conns[conn].flags & FOS_CONN_LIGHT) &&
	       (close == FOS_CLOSE_FIN || close == FOS_CLOSE_RST) && has_reverse(c, conn) &&
	       (edited(c, 2 * conn, gen) || edited(c, 2 * conn + 1, gen));
}

static void linger(struct fos_classifier *c, uint32_t conn, uint64_t since)
{
	fos_expire_publish_closed(c, conn, c->conns[conn].close);
	fos_conn_list(c, conn, FOS_LIST_LINGER);
	c->conns[conn].list_ns = since;
	if (c->priv->nr_linger > c->nr_conns / LINGER_SHARE)
		forget_some(c, 1);
}

static uint32_t expire_list(struct fos_classifier *c, uint32_t list)
{
	uint64_t limit = timeout_of(c, list);
	uint32_t done = 0;

	while (done < PER_PASS && fos_batch_room(c, 0)) {
		uint32_t conn = c->priv->list[list].first;
		uint64_t last;

		if (conn == FOS_NONE || !past(c->now_ns, c->conns[conn].list_ns, limit))
			break;
		last = last_time(c, conn);
		if (list == FOS_LIST_CLOSING && still_sending(c, conn) &&
		    !past(c->now_ns, last, c->dir->idle_ns)) {
			fos_conn_list(c, conn, list);
			c->conns[conn].list_ns = c->now_ns;
		} else if (list == FOS_LIST_CLOSING && past(c->now_ns, last, limit) &&
			   lingers(c, conn)) {
			linger(c, conn, last);
		} else if (past(c->now_ns, last, limit)) {
			fos_expire_close(c, conn, FOS_CLOSE_TIMEOUT);
		} else {
			fos_conn_list(c, conn, list);
			c->conns[conn].list_ns = last;
		}
		done++;
	}
	return done;
}

uint32_t fos_expire_work(struct fos_classifier *c)
{
	uint32_t done = fos_frag_expire(c, false);

	for (uint32_t list = FOS_LIST_HANDSHAKE; list < FOS_LIST_CLOSED; list++)
		done += expire_list(c, list);
	/* offline the closed ones stay until their slots are needed: they know how many
	 * connections of their tuple there have been */
	if (!c->p->offline && c->now_ns >= c->scan_ns) {
		c->scan_ns = c->now_ns + SCAN_NS;
		done += fos_expire_free(c, PER_PASS);
	}
	return done;
}

uint32_t fos_expire_eof(struct fos_classifier *c)
{
	uint32_t done = fos_frag_expire(c, true);

	for (uint32_t list = FOS_LIST_HANDSHAKE; list < FOS_LIST_CLOSED; list++) {
		uint32_t conn;

		while ((conn = c->priv->list[list].first) != FOS_NONE && fos_batch_room(c, 0)) {
			fos_expire_close(c, conn, FOS_CLOSE_EOF);
			done++;
		}
	}
	return done;
}

uint64_t fos_expire_next(const struct fos_classifier *c)
{
	uint64_t next = fos_frag_next(c);

	for (uint32_t list = FOS_LIST_HANDSHAKE; list < FOS_LIST_CLOSED; list++) {
		uint32_t conn = c->priv->list[list].first;
		uint64_t due;

		if (conn == FOS_NONE)
			continue;
		due = c->conns[conn].list_ns + timeout_of(c, list);
		if (due < next)
			next = due;
	}
	return next;
}
