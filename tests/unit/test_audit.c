/* test_audit.c - the audit finds a box in order, and each kind of disorder that is made in it
 *
 * The box is the simulation's, with a connection open whose bytes wait in classifier and egress.
 * Each case spoils one word, looks, and puts it back.
 */
#include <string.h>

#include "deploy/audit/audit.h"
#include "ingress/ingress.h"
#include "tests/sim/sim.h"
#include "tests/tap.h"

static struct sim s;
static struct conn conn;
static struct fos_audit a;

static bool found(enum fos_audit_kind kind)
{
	for (uint32_t i = 0; i < a.nr_found; i++)
		if (a.found[i].kind == kind)
			return true;
	return false;
}

static void look(uint32_t times)
{
	fos_audit_fini(&a);
	if (fos_audit_init(&a, s.world.dir, s.world.box.region) < 0)
		abort();
	for (uint32_t i = 0; i < times; i++)
		fos_audit_look(&a);
}

static void *own(enum fos_role role, uint32_t index)
{
	uint32_t p = fos_proc_find(s.world.dir, role, 0, index);

	return s.world.box.region[s.world.dir->proc[p].region].base;
}

/* One word of memory is `v`: the audit says `kind`; as it was, nothing. */
static void spoil(void *word, size_t size, uint64_t v, enum fos_audit_kind kind, const char *what)
{
	uint64_t before = 0;

	memcpy(&before, word, size);
	memcpy(word, &v, size);
	look(1);
	ok(found(kind), "%s: %s", what, fos_audit_info[kind].text);
	memcpy(word, &before, size);
	look(1);
	ok(a.nr_found == 0, "%s, put right: clean", what);
}

static void spoil32(uint32_t *word, uint32_t v, enum fos_audit_kind kind, const char *what)
{
	spoil(word, sizeof(*word), v, kind, what);
}

static void spoil64(uint64_t *word, uint64_t v, enum fos_audit_kind kind, const char *what)
{
	spoil(word, sizeof(*word), v, kind, what);
}

static uint32_t frame_at(enum fos_audit_place place)
{
	for (uint32_t f = 0; f < s.world.dir->nr_frames; f++)
		if (a.frame[f].place == place)
			return f;
	return FOS_NONE;
}

/* A connection that stops in the middle: the PM holds bytes and the receiver owes ACKs. */
static void open_connection(void)
{
	static uint8_t text[400000];
	struct sim_config conf = {.seed = 3, .stall_ns = UINT64_MAX / 2, .limit_ns = 250000000ull};
	struct peer_config c[2];
	char path[512];
	uint32_t pm;

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i + 6 < sizeof(text); i += 100)
		memcpy(text + i, "needle", 6);
	world_plan(&s.world, false);
	pm = world_pm(&s.world, "replace", 0, FOS_STREAM_APP, true);
	snprintf(path, sizeof(path), "%s/pms/replace.so", getenv("B") ? getenv("B") : "build");
	s.world.dir->pm[pm].file_off = sim_string(&s, path, strlen(path) + 1);
	s.world.dir->pm[pm].options_off =
		sim_string(&s, "find\0needle\0with\0pin\0", sizeof("find\0needle\0with\0pin\0"));
	s.world.dir->pm[pm].ctx_size = s.world.dir->pm[pm].state_size = 512;
	sim_init(&s, &conf);
	for (uint32_t i = 0; i < NET_HOPS; i++)
		s.net.hop[i].delay_ns = 10000000;
	conn_plain(c, 20000);
	for (uint32_t i = 0; i < 2; i++) {
		c[i].data = text;
		c[i].len = sizeof(text);
	}
	conn_init(&conn, c, NULL, 0, sim_from_peer, &s);
	sim_add(&s, &conn);
	ok(!sim_run(&s), "a connection is cut short");
	s.error[0] = 0;
}

static void test_frames(void)
{
	struct fos_ing *ing;
	struct fos_egr *egr = own(FOS_ROLE_EGRESS, 0);
	struct fos_cls *cls = own(FOS_ROLE_CLASSIFIER, 0);
	uint32_t *ic;
	uint32_t *ec = (void *)((uint8_t *)egr + egr->claims_off);
	uint32_t *cc = (void *)((uint8_t *)cls + cls->claims_off);
	uint32_t free_one, kept;

	look(1);
	kept = frame_at(FOS_PLACE_EGRESS);
	free_one = frame_at(FOS_PLACE_FREE);
	ok(free_one != FOS_NONE && kept != FOS_NONE, "frames are free, and kept for a resend");
	ing = (void *)s.world.box.region[s.world.dir->proc[a.frame[free_one].top_proc].region].base;
	ic = (void *)((uint8_t *)ing + ing->claims_off);
	ic[free_one] = 5u << 2 | FOS_ING_HELD;
	spoil32(&ic[free_one], ic[free_one] & ~3u, FOS_AUDIT_FRAME_LOST, "a claim is forgotten");
	spoil32(&cc[free_one], ic[free_one] >> 2, FOS_AUDIT_FRAME_TIE, "a claim is made twice");
	spoil32(&cc[free_one], (ic[free_one] >> 2) + 5, FOS_AUDIT_CLS_LEAK,
		"the classifier keeps a frame");
	spoil32(&ec[kept], 0, FOS_AUDIT_EGR_STATE, "egress forgets a frame");
}

static void test_rings(void)
{
	const struct fos_dir *dir = s.world.dir;
	struct fos_desc *d;
	struct fos_ring *ring = NULL;
	uint64_t tail;
	uint32_t i;

	for (i = 0; i < dir->nr_rings; i++)
		if (dir->ring[i].kind == FOS_RING_FRAME &&
		    dir->proc[dir->ring[i].producer].role == FOS_ROLE_CLASSIFIER)
			break;
	ring = (void *)(s.world.box.region[dir->proc[dir->ring[i].producer].region].base +
			dir->ring[i].off);
	tail = ring->tail;
	spoil64(&ring->tail, tail - 1, FOS_AUDIT_RING, "a tail before its head");
	d = (struct fos_desc *)(void *)(ring + 1) + (tail & ((1ull << ring->log2_nr) - 1));
	*d = (struct fos_desc){.frame = dir->nr_frames, .flow = FOS_NONE};
	spoil64(&ring->tail, tail + 1, FOS_AUDIT_DESC, "a frame that there is not");
	look(1);
	*d = (struct fos_desc){.frame = frame_at(FOS_PLACE_FREE), .flow = FOS_NONE};
	spoil64(&ring->tail, tail + 1, FOS_AUDIT_FRAME_CLAIM, "a free frame is passed on");
	d[0] = d[1] = (struct fos_desc){.frame = frame_at(FOS_PLACE_FREE), .flow = FOS_NONE};
	spoil64(&ring->tail, tail + 2, FOS_AUDIT_FRAME_SLOTS, "a frame is passed on twice");
}

static void test_logs_and_flows(void)
{
	struct fos_cls *cls = own(FOS_ROLE_CLASSIFIER, 0);
	struct fos_txn_log *log = (void *)((uint8_t *)cls + cls->txn_off);
	struct fos_flow *f = NULL;
	struct fos_pm_flow *pf;
	uint32_t flow = 0;

	while (flow < s.world.dir->nr_flows &&
	       !(s.world.box.flows[flow].gen && s.world.box.flows[flow].app.tail &&
		 world_pub(&s.world, 0, flow).edits))
		flow++;
	ok(flow < s.world.dir->nr_flows, "a flow is live and edited");
	f = world_flow(&s.world, flow);
	pf = world_pm_flow(&s.world, 0, flow);
	spoil64(&log->committed, log->committed + 1, FOS_AUDIT_BATCH, "a batch is not applied");
	spoil64(&log->committed, log->committed + 2, FOS_AUDIT_LOG, "a log is damaged");
	spoil64(&f->app.tail, 1, FOS_AUDIT_POSITION, "a stream ends before its readers");
	spoil64(&pf->slot[pf->ver & 1].head, 1, FOS_AUDIT_EDITS, "a head recedes behind its edits");
	if (f->app.first != FOS_NONE)
		spoil32(&f->app.first, s.world.dir->nr_pieces, FOS_AUDIT_CLS_LIST,
			"a list leads nowhere");
}

/* What is wrong in one look and not in the next was moving. */
static void test_moving(void)
{
	struct fos_ing *ing = own(FOS_ROLE_INGRESS, 0);
	uint32_t *claim = (void *)((uint8_t *)ing + ing->claims_off), before, other;
	uint32_t one, two;

	look(1);
	one = frame_at(FOS_PLACE_FREE);
	before = claim[one];
	claim[one] &= ~3u;
	look(1);
	claim[one] = before;
	two = frame_at(FOS_PLACE_FREE);
	other = claim[two];
	claim[two] &= ~3u;
	fos_audit_look(&a);
	ok(one != two && a.nr_found == 0, "another frame in every look: moving, not wrong");
	fos_audit_look(&a);
	ok(a.nr_found == 0, "and it stays so");
	look(3);
	ok(a.nr_found == 1 && a.found[0].id == two, "one frame in every look: wrong");
	ok(!a.moved, "the box was at rest");
	claim[two] = other;
}

int main(void)
{
	uint64_t sum = 0;

	open_connection();
	look(2);
	ok(a.nr_found == 0, "the audit of a box with an open connection is clean");
	for (int i = 0; i < FOS_NR_PLACES; i++)
		sum += a.nr[i];
	is_u64(sum, s.world.dir->nr_frames, "each frame is counted once");
	is_u64(a.nr[FOS_PLACE_NOWHERE], 0, "none is nowhere");
	test_frames();
	test_rings();
	test_logs_and_flows();
	test_moving();
	fos_audit_fini(&a);
	conn_fini(&conn);
	sim_fini(&s);
	return done();
}
