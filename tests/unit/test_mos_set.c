/* Sets of callbacks (pms/mos/define.c): those with the same parts are one, in whatever order; steps are
 * depth first, in the order of definition; limits are errors. */
#include <errno.h>
#include <string.h>

#include "pms/mos/mos.h"
#include "tests/tap.h"

static bool yes(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	(void)m;
	(void)sock;
	(void)side;
	(void)event;
	(void)arg;
	return true;
}

static void one(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	yes(m, sock, side, event, arg);
}

static void two(mctx_t m, int sock, int side, event_t event, filter_arg_t *arg)
{
	one(m, sock, side, event, arg);
}

static struct fos_mos_set *with(struct fos_mos_set *set, event_t event, int hook, callback_t cb)
{
	struct fos_mos_set *n = fos_mos_set_with(set, event, hook, cb);

	fos_mos_set_drop(set);
	return n;
}

static void test_sharing(void)
{
	struct fos_mos_set *a = with(NULL, MOS_ON_PKT_IN, FOS_MOS_SND, one);
	struct fos_mos_set *b = with(NULL, MOS_ON_CONN_END, FOS_MOS_RCV, two), *c;

	a = with(a, MOS_ON_CONN_END, FOS_MOS_RCV, two);
	b = with(b, MOS_ON_PKT_IN, FOS_MOS_SND, one);
	ok(a == b && a->refs == 2, "the same callbacks in another order are the same set");
	c = fos_mos_set_with(a, MOS_ON_PKT_IN, FOS_MOS_RCV, one);
	ok(c != a && a->refs == 2 && a->nr == 2 && c->nr == 3, "one more is another, the first as it was");
	c = with(c, MOS_ON_PKT_IN, FOS_MOS_RCV, NULL);
	ok(c == a && a->refs == 3, "without it, it is the first again");
	c = with(c, MOS_ON_PKT_IN, FOS_MOS_SND, two);
	ok(c != a && c->nr == 2, "another function in its place is another set");
	ok(c->roots[FOS_MOS_SND] == MOS_ON_PKT_IN && c->roots[FOS_MOS_RCV] == MOS_ON_CONN_END &&
		   c->roots[FOS_MOS_NULL] == 0, "what leads anywhere, by hook");
	fos_mos_set_drop(a);
	fos_mos_set_drop(b);
	fos_mos_set_drop(c);
}

static void test_steps(void)
{
	event_t a = mtcp_define_event(MOS_ON_PKT_IN, yes, NULL), b, c, d;
	int n = 7;
	filter_arg_t arg = {&n, sizeof(n)};
	struct fos_mos_set *set;
	const struct fos_mos_node *node;

	b = mtcp_define_event(MOS_ON_PKT_IN, yes, &arg);
	c = mtcp_define_event(a, yes, NULL);
	d = mtcp_define_event(c, yes, NULL);
	n = 8;
	ok(mtcp_define_event(MOS_ON_PKT_IN, yes, &arg) != b, "another argument is another event");
	n = 7;
	ok(mtcp_define_event(MOS_ON_PKT_IN, yes, &arg) == b, "the same bytes are the same");
	ok(fos_mos_event_root(d) == MOS_ON_PKT_IN, "the root of one at depth 3");
	set = with(NULL, b, FOS_MOS_SND, one);
	set = with(set, d, FOS_MOS_SND, two);
	node = set->node[FOS_MOS_SND];
	ok(set->nr_nodes[FOS_MOS_SND] == 5, "as many steps as lead to callbacks");
	ok(node[0].event == MOS_ON_PKT_IN && node[1].event == a && node[2].event == c &&
		   node[3].event == d && node[4].event == b, "depth first, in the order of definition");
	ok(!node[0].cb && !node[1].cb && node[3].cb == two && node[4].cb == one, "callbacks");
	ok(node[0].skip == 5 && node[1].skip == 4 && node[2].skip == 4 && node[3].skip == 4,
	   "a filter that says no skips what is below");
	ok(set->nr_nodes[FOS_MOS_RCV] == 0, "and nothing at another hook");
	fos_mos_set_drop(set);
}

static void test_limits(void)
{
	event_t e = MOS_ON_CONN_END;
	uint32_t depth = 0, nr = 0;

	while ((e = mtcp_alloc_event(e)) != MOS_NULL_EVENT)
		depth++;
	ok(depth == 64 && errno == ENOSPC, "64 events above one another, not more");
	while (mtcp_alloc_event(MOS_ON_REXMIT) != MOS_NULL_EVENT)
		nr++;
	ok(nr > 30000 && nr < 30240 && errno == ENOSPC, "30240 in all");
	ok(mtcp_define_event(MOS_ON_PKT_OUT, yes, NULL) == MOS_NULL_EVENT && errno == EINVAL,
	   "none upon an event that is never raised");
	ok(mtcp_define_event(3, yes, NULL) == MOS_NULL_EVENT, "nor upon two at once");
}

int main(void)
{
	test_sharing();
	test_steps();
	test_limits();
	return done();
}
