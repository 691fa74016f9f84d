/* Flows of a PM's own: keyed state that is committed with the release and survives kills at any kill
 * point, that other PMs read, by key or by the flow that was joined to it; and a table that is full. */
#include "tests/pm/play.h"
#include "tests/tap.h"
#include "tests/unit/mortal.h"

struct session {
	uint64_t hits, sum;
};

static uint32_t opened_null;

/* Every byte is a visit of the session of its letter; the flow belongs to the newest. */
static void visit_each(struct fos_window *w)
{
	struct fos_instance *pm = fos_pm_of(w);

	while (fos_head(w) < fos_tail(w)) {
		const char *key = fos_peek(w, fos_head(w), 1);
		struct session *s = fos_key_open(pm, key, 1);

		if (!s) {
			opened_null++;
		} else {
			s->hits++;
			s->sum += fos_head(w);
			fos_key_join(w, key, 1);
		}
		if (fos_release(w, fos_head(w) + 1) == FOS_AGAIN)
			return;
	}
}

static struct {
	struct session by_key, of_flow;
	int rc_key, rc_flow, rc_none;
	char key[FOS_KEY_MAX];
	size_t key_len;
} saw;

static void look(struct fos_window *w)
{
	saw.rc_key = fos_key_read(fos_pm_of(w), "owner0", "a", 1, &saw.by_key, sizeof(saw.by_key));
	saw.rc_none = fos_key_read(fos_pm_of(w), "owner0", "absent", 6, NULL, 0);
	saw.rc_flow = fos_key_of(w, "owner0", saw.key, &saw.key_len, &saw.of_flow,
				 sizeof(saw.of_flow));
	fos_release_all(w);
}

#define COMMON .size = sizeof(struct fos_pm), .abi = FOS_PM_ABI, .stream = FOS_APP

static const struct fos_pm owner = {COMMON, .name = "owner", .on_data = visit_each, .keys = 64,
				    .key_value = sizeof(struct session)};
static const struct fos_pm reader = {COMMON, .name = "reader", .on_data = look};

static void begin(struct play *p)
{
	memset(p, 0, sizeof(*p));
	memset(&saw, 0, sizeof(saw));
	opened_null = 0;
	world_plan(&p->w, false);
	play_pm(p, 0, &owner, NULL, 0);
	play_pm(p, 1, &reader, NULL, 0);
	play_make(p);
	play_connection(p, 0, PLAY_GEN);
	play_connection(p, 1, PLAY_GEN);
}

static void work(void *arg)
{
	struct fos_proc *proc = arg;

	proc->hooks->work(proc);
}

static struct session look_up(struct play *p, const char *key, size_t len, int *rc_out)
{
	struct session s = {0, 0};

	*rc_out = fos_key_read(p->host[1].state, "owner0", key, len, &s, sizeof(s));
	return s;
}

static void test_kills(void)
{
	static const char text[] = "abcabcaaabzzzcba";
	uint64_t good = 0, runs = 0, deaths = 0;

	for (int n = 1; n < 80; n++, runs++) {
		uint64_t right = 0;
		struct play p;

		begin(&p);
		play_append(&p, 0, text, sizeof(text) - 1);
		play_hint(&p, 0);
		p.host[0].now_ns = p.now;
		for (int k = 0; mortal(work, &p.host[0], n + k) && k < 40; k++, deaths++) {
			play_restart(&p, 0);
			p.host[0].now_ns = p.now;
		}
		play_turn(&p);
		for (const char *c = "abcz"; *c; c++) {
			struct session want = {0, 0}, got;
			int rc;

			for (size_t i = 0; i < sizeof(text) - 1; i++)
				if (text[i] == *c) {
					want.hits++;
					want.sum += i;
				}
			got = look_up(&p, c, 1, &rc);
			right += rc == 16 && got.hits == want.hits && got.sum == want.sum;
		}
		good += right == 4 && saw.rc_flow == 16 && saw.key_len == 1 && saw.key[0] == 'a' &&
			saw.rc_key == 16 && saw.rc_none == FOS_ENOENT && opened_null == 0;
		play_free(&p);
	}
	is_u64(good, runs, "each visit counts once, at whichever kill point the owner dies");
	ok(deaths > 100, "(%llu deaths)", (unsigned long long)deaths);
}

/* Two connections of one session; what is dropped is found by nobody. */
static int dropped, joined_absent;

static void drop(struct fos_window *w)
{
	const char *key = fos_peek(w, fos_head(w), 1);

	if (*key == '!') {
		dropped = fos_key_drop(fos_pm_of(w), "s", 1);
		joined_absent = fos_key_join(w, "t", 1);
		fos_release_all(w);
	} else {
		visit_each(w);
	}
}

static void test_across(void)
{
	static const struct fos_pm dropper = {COMMON, .name = "owner", .on_data = drop, .keys = 64,
					      .key_value = sizeof(struct session)};
	struct play p;
	int rc;

	begin(&p);
	fos_pmhost_module(p.host[0].state, &dropper);
	play_append(&p, 0, "s", 1);
	play_append(&p, 2, "s", 1);
	play_hint(&p, 2);
	play_turn(&p);
	is_u64(look_up(&p, "s", 1, &rc).hits, 2, "a session counts across connections");
	ok(saw.rc_flow == 16 && saw.of_flow.hits >= 1 && saw.key[0] == 's',
	   "who sees a flow finds the session that it belongs to");
	play_append(&p, 0, "!", 1);
	play_turn(&p);
	look_up(&p, "s", 1, &rc);
	ok(rc == FOS_ENOENT && dropped == FOS_OK, "a dropped key is gone");
	ok(saw.rc_flow == FOS_ENOENT && joined_absent == FOS_ENOENT,
	   "and its flows belong to no session");
	play_append(&p, 2, "s", 1);
	play_hint(&p, 2);
	play_turn(&p);
	is_u64(look_up(&p, "s", 1, &rc).hits, 1, "it begins again with zeros");
	play_append(&p, 0, "s", 1);
	play_turn(&p);
	ok(saw.rc_flow == 16 && saw.of_flow.hits == 2, "and can be joined again");
	play_free(&p);
}

static void fill_up(struct fos_window *w)
{
	struct fos_instance *pm = fos_pm_of(w);
	uint8_t byte = *(const uint8_t *)fos_peek(w, fos_head(w), 1);

	for (uint32_t i = 0; i < 70; i++) {
		uint32_t key = byte * 1000u + i;
		struct session *s = fos_key_open(pm, &key, sizeof(key));

		if (s)
			s->hits = key;
		else
			opened_null++;
	}
	fos_release_all(w);
}

static void test_full(void)
{
	static const struct fos_pm filler = {COMMON, .name = "owner", .on_data = fill_up, .keys = 64,
					     .key_value = sizeof(struct session)};
	uint64_t found = 0, wrong = 0;
	struct play p;

	begin(&p);
	fos_pmhost_module(p.host[0].state, &filler);
	for (uint8_t i = 1; i < 30; i++) {
		p.now += 1000;
		play_append(&p, 0, &i, 1);
		play_turn(&p);
	}
	ok(opened_null >= 29 * 6, "at most %u keys between two releases", FOS_KEYS_STAGED_MAX);
	ok(p.host[0].counter[FOS_C_pm_keys_evicted] > 100, "old keys make room, counted");
	for (uint32_t key = 0; key < 31000; key++) {
		int rc;
		struct session s = look_up(&p, (const char *)&key, sizeof(key), &rc);

		found += rc == 16;
		wrong += rc == 16 && s.hits != key;
	}
	ok(found > 32 && found <= 64 && wrong == 0, "%llu keys are there, each with its own state",
	   (unsigned long long)found);
	play_free(&p);
}

int main(void)
{
	test_kills();
	test_across();
	test_full();
	return done();
}
