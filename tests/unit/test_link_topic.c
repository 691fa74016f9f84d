/* Topics: what a module publishes reaches every module that takes it, once, together with the bytes
 * that it was published for, wherever the one or the others are killed; what does not fit is refused. */
#include "tests/pm/play.h"
#include "tests/tap.h"
#include "tests/unit/mortal.h"

struct note {
	uint64_t pos;
	uint64_t byte;
};

/* what a taker has got, in its PM-wide state: a sum that no order and no double hides in */
struct got {
	uint64_t nr, sum_pos, sum_byte, wrong;
};

static int rc, rc_to;

static void publish_each(struct fos_window *w)
{
	while (fos_head(w) < fos_tail(w)) {
		const uint8_t *b = fos_peek(w, fos_head(w), 1);
		struct note n = {fos_head(w), *b};

		rc = fos_publish(fos_pm_of(w), "note", &n, sizeof(n));
		if (fos_release(w, fos_head(w) + 1) == FOS_AGAIN)
			return;
	}
}

static void on_message(struct fos_instance *pm, const struct fos_message *m)
{
	struct got *g = fos_state(pm);
	const struct note *n = m->data;

	if (!m->name || strcmp(m->name, "note") != 0 || m->version != 2 || m->len != sizeof(*n) ||
	    strcmp(m->from, "teller0") != 0) {
		g->wrong++;
		return;
	}
	g->nr++;
	g->sum_pos += n->pos * n->pos;
	g->sum_byte += n->byte * (n->pos + 1);
}

#define COMMON .size = sizeof(struct fos_pm), .abi = FOS_PM_ABI, .stream = FOS_APP

static const struct fos_pm teller = {COMMON, .name = "teller", .on_data = publish_each,
				     .exports = "note/2:16, odd"};
static const struct fos_pm taker = {COMMON, .name = "taker", .on_message = on_message,
				    .imports = "note", .state_size = sizeof(struct got)};

static void begin(struct play *p, bool linked)
{
	memset(p, 0, sizeof(*p));
	world_plan(&p->w, false);
	play_pm(p, 0, &teller, NULL, 0);
	play_pm(p, 1, &taker, NULL, 0);
	play_pm(p, 1, &taker, NULL, 0);
	for (uint32_t to = 1; linked && to < 3; to++)
		play_link_topic(p, 0, to, "note", 2, sizeof(struct note));
	play_make(p);
	play_connection(p, 0, PLAY_GEN);
}

static const struct got *got_of(const struct play *p, uint32_t pm)
{
	const struct fos_pm_region *r = p->w.box.pm[pm];
	const uint8_t *slot = (const uint8_t *)r + r->state_off +
			      (r->state_ver & 1u) * p->w.dir->pm[pm].state_size;

	return (const void *)(slot + FOS_PM_HOST_STATE);
}

static bool right(const struct play *p, uint32_t pm, const uint8_t *bytes, uint64_t nr)
{
	const struct got *g = got_of(p, pm);
	uint64_t sum_pos = 0, sum_byte = 0;

	for (uint64_t i = 0; i < nr; i++) {
		sum_pos += i * i;
		sum_byte += bytes[i] * (i + 1);
	}
	return g->nr == nr && g->sum_pos == sum_pos && g->sum_byte == sum_byte && g->wrong == 0;
}

static void work(void *arg)
{
	struct fos_proc *proc = arg;

	proc->hooks->work(proc);
}

/* PM `pm` dies at its nth kill point, again and again, until it gets through without. */
static uint32_t live_dangerously(struct play *p, uint32_t pm, uint32_t n)
{
	uint32_t deaths = 0;

	p->host[pm].now_ns = p->now;
	while (mortal(work, &p->host[pm], (int)(n + deaths)) && deaths < 40) {
		play_restart(p, pm);
		p->host[pm].now_ns = p->now;
		deaths++;
	}
	return deaths;
}

static void test_kills(void)
{
	uint8_t bytes[30];
	uint64_t seed = 11, deaths = 0, good = 0, runs = 0;

	for (uint32_t n = 1; n < 60; n++) {
		for (uint32_t victim = 0; victim < 3; victim++, runs++) {
			struct play p;

			for (size_t i = 0; i < sizeof(bytes); i++)
				bytes[i] = (uint8_t)world_rand(&seed);
			begin(&p, true);
			play_append(&p, 0, bytes, sizeof(bytes));
			play_hint(&p, 0);
			for (uint32_t pm = 0; pm < 3; pm++) {
				if (pm == victim)
					deaths += live_dangerously(&p, pm, n);
				play_run(&p);
			}
			play_turn(&p);
			good += right(&p, 1, bytes, sizeof(bytes)) &&
				right(&p, 2, bytes, sizeof(bytes)) && p.out[0].len == sizeof(bytes);
			play_free(&p);
		}
	}
	is_u64(good, runs, "both takers have each message once, whoever dies at whichever kill point");
	ok(deaths > 100, "(%llu deaths)", (unsigned long long)deaths);
}

static void refuse(struct fos_window *w)
{
	struct fos_instance *pm = fos_pm_of(w);
	struct note n = {0, 0};
	int all = 0;

	rc = fos_publish(pm, "unknown", &n, sizeof(n)) == FOS_EPERM &&
	     fos_publish(pm, "note", &n, 8) == FOS_EINVAL &&
	     fos_publish(pm, "odd", &n, sizeof(n)) == FOS_OK;
	rc_to = fos_publish_to(pm, "teller0", "note", &n, sizeof(n)) == FOS_ENOENT &&
		fos_publish_to(pm, "taker1", "unknown", &n, sizeof(n)) == FOS_EPERM &&
		fos_publish_to(pm, "taker2", "note", &n, sizeof(n)) == FOS_OK;
	while (fos_publish(pm, "note", &n, sizeof(n)) == FOS_OK)
		all++;
	rc_to = rc_to && all == 31; /* 64 messages at most, two each, one went to taker2 alone */
	fos_release_all(w);
}

static void test_refusals(void)
{
	static const struct fos_pm odd = {COMMON, .name = "teller", .on_data = refuse,
					  .exports = "note/2:16, odd"};
	struct play p;

	begin(&p, true);
	fos_pmhost_module(p.host[0].state, &odd);
	play_append(&p, 0, "x", 1);
	play_turn(&p);
	ok(rc == 1, "a topic that is not exported, a wrong length; one that nobody takes is no error");
	ok(rc_to == 1 && got_of(&p, 1)->nr == 31 && got_of(&p, 2)->nr == 32,
	   "to one taker alone; a full box stages nothing of a message");
	play_free(&p);
}

/* A sender that writes what it likes into its ring. */
static void test_wild_sender(void)
{
	struct fos_ring_prod *r;
	struct play p;
	struct fos_msg *m;

	begin(&p, true);
	r = fos_proc_prod(&p.host[0], FOS_RING_MESSAGE, fos_proc_find(p.w.dir, FOS_ROLE_PM, 0, 1));
	for (uint32_t i = 0; i < 4; i++) {
		m = fos_ring_slot(r, i);
		memset(m, 0, sizeof(*m));
		m->topic = i == 0 ? 12345 : fos_word_id("note");
		m->len = FOS_MSG_TYPED | (i == 1 ? 3u : 2u) << 16 | (i == 2 ? 0xfffeu : 16u);
		if (i == 3)
			m->topic = fos_word_id("odd");
	}
	fos_ring_advance(r, 4);
	fos_release64(&r->ring->tail, r->next);
	play_run(&p);
	is_u64(p.host[1].counter[FOS_C_pm_topic_refused], 4,
	       "unknown topic, version, length, and one it does not take: refused and counted");
	ok(got_of(&p, 1)->nr == 0 && got_of(&p, 1)->wrong == 0, "none of them reaches the module");
	play_free(&p);
}

int main(void)
{
	test_kills();
	test_refusals();
	test_wild_sender();
	return done();
}
