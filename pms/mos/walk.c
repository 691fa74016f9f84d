/* walk.c - the callbacks of a socket, called; and what registers them */
#include <errno.h>

#include "pms/mos/mos.h"

#define RAISED_DEPTH 16u

static bool goes_on(const struct fos_mos_sock *s, int side)
{
	return s->type != MOS_SOCK_UNUSED &&
	       (s->type != MOS_SOCK_MONITOR_STREAM_ACTIVE || s->watch[side]);
}

/* Steps of a subtree from `i` on, without its own filter when it was raised. */
static void steps(struct fos_mos_sock *s, const struct fos_mos_set *set, uint32_t i, bool raised,
		  uint32_t events)
{
	int hook = fos_mos.hook, side = fos_mos.side;
	uint32_t stop = raised ? set->node[hook][i].skip : set->nr_nodes[hook];
	filter_t filter;
	filter_arg_t *arg;

	for (bool top = raised; i < stop && goes_on(s, side); top = false) {
		const struct fos_mos_node *n = &set->node[hook][i];
		bool happens = true;

		if (n->event < FOS_MOS_EVENT_USER)
			happens = n->event & events;
		else if (fos_mos_event_floats(n->event))
			happens = top;
		if (fos_mos_event_filter(n->event, &filter, &arg) && happens && !top)
			happens = filter(&fos_mos.ctx, s->id, side, n->event, arg);
		if (happens && n->cb && goes_on(s, side))
			n->cb(&fos_mos.ctx, s->id, side, n->event, arg);
		i = happens ? i + 1 : n->skip;
	}
}

void fos_mos_walk(struct fos_mos_sock *s, int hook, int side, uint32_t events)
{
	struct fos_mos_set *set;

	if (!s->set || !(s->set->roots[hook] & events))
		return;
	/* a callback may give the socket another set */
	set = fos_mos_set_hold(s->set);
	fos_mos.sock = s;
	fos_mos.hook = hook;
	fos_mos.side = side;
	steps(s, set, 0, false, events);
	fos_mos.sock = NULL;
	fos_mos_set_drop(set);
}

int mtcp_raise_event(mctx_t mctx, event_t event)
{
	struct fos_mos_sock *s = fos_mos.sock;
	struct fos_mos_set *set;
	uint32_t i = 0;

	if (mctx != &fos_mos.ctx || !s)
		return fos_mos_fail(EPERM);
	if (event < FOS_MOS_EVENT_USER || !fos_mos_event_root(event))
		return fos_mos_fail(EINVAL);
	if (fos_mos.depth == RAISED_DEPTH)
		return fos_mos_fail(ELOOP);
	set = fos_mos_set_hold(s->set);
	while (i < set->nr_nodes[fos_mos.hook] && set->node[fos_mos.hook][i].event != event)
		i++;
	fos_mos.depth++;
	if (i < set->nr_nodes[fos_mos.hook])
		steps(s, set, i, true, 0);
	fos_mos.depth--;
	fos_mos_set_drop(set);
	return 0;
}

/* ---------------------------------------------------------------- registering */

static int hook_of(int hook_point)
{
	return hook_point == MOS_NULL	? FOS_MOS_NULL :
	       hook_point == MOS_HK_RCV ? FOS_MOS_RCV :
	       hook_point == MOS_HK_SND ? FOS_MOS_SND : -1;
}

/* Is the event, by its root, raised there on that type of socket? */
static bool legal(const struct fos_mos_sock *s, uint32_t root, int hook)
{
	if (s->type == MOS_SOCK_MONITOR_RAW)
		return root == MOS_ON_PKT_IN && hook == FOS_MOS_NULL;
	if (root & (MOS_ON_CONN_NEW_DATA | MOS_ON_ERROR | MOS_ON_ORPHAN))
		return hook == FOS_MOS_NULL;
	return hook != FOS_MOS_NULL;
}

int mtcp_register_callback(mctx_t mctx, int sock, event_t event, int hook_point, callback_t cb)
{
	struct fos_mos_sock *s =
		fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE | FOS_MOS_LISTENER | FOS_MOS_RAW);
	uint32_t root = fos_mos_event_root(event);
	int hook = hook_of(hook_point);
	struct fos_mos_set *set;

	if (!s)
		return -1;
	if (!root || hook < 0 || !legal(s, root, hook))
		return fos_mos_fail(EINVAL);
	set = fos_mos_set_with(s->set, event, hook, cb);
	if (!set)
		return fos_mos_fail(ENOMEM);
	fos_mos_set_drop(s->set);
	s->set = set;
	return 0;
}
