/* A PM's life with its flows: gate, the stream's end, close, verdicts,
 * timers, messages and output; each also across the death of the host. */
#include <unistd.h>

#include "tests/pm/play.h"
#include "tests/tap.h"

struct ctx {
	uint32_t opened, data, closed, timer;
};

static struct {
	uint32_t open, data, close, timer, message, last_len, last_topic;
	uint32_t why;
	uint32_t kept; /* opened as found in the context at close */
	char from[32];
} saw;
static void (*body)(struct fos_window *w);
static int rc;

static void on_open(struct fos_window *w)
{
	((struct ctx *)fos_ctx(w))->opened++;
	saw.open++;
	rc = fos_release(w, fos_head(w));
}

static void on_data(struct fos_window *w)
{
	saw.data++;
	if (body)
		body(w);
	else
		fos_release_all(w);
}

static void on_close(struct fos_window *w, uint32_t why)
{
	saw.close++;
	saw.why = why;
	saw.kept = ((struct ctx *)fos_ctx(w))->opened;
}

static void on_timer(struct fos_window *w)
{
	saw.timer++;
	((struct ctx *)fos_ctx(w))->timer++;
}

static void on_message(struct fos_instance *pm, const struct fos_message *m)
{
	saw.message++;
	saw.last_len = m->len;
	saw.last_topic = m->topic;
	snprintf(saw.from, sizeof(saw.from), "%s", m->from);
	++*(uint64_t *)fos_state(pm);
}

#define COMMON .size = sizeof(struct fos_pm), .abi = FOS_PM_ABI, .stream = FOS_APP, \
	       .ctx_size = sizeof(struct ctx), .on_data = on_data, .on_close = on_close

static const struct fos_pm plain = {COMMON, .name = "plain", .on_timer = on_timer,
				    .flags = FOS_PM_EDITS};
static const struct fos_pm gated = {COMMON, .name = "gated", .on_open = on_open};
static const struct fos_pm sink = {COMMON, .name = "sink", .on_message = on_message,
				   .state_size = 8};
static const struct fos_pm mute = {.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI,
				   .name = "mute", .stream = FOS_APP, .on_close = on_close,
				   .ctx_size = sizeof(struct ctx)};

static void begin(struct play *p, const struct fos_pm *a, const struct fos_pm *b)
{
	memset(p, 0, sizeof(*p));
	memset(&saw, 0, sizeof(saw));
	body = NULL;
	world_plan(&p->w, false);
	play_pm(p, 0, a, NULL, 0);
	if (b)
		play_pm(p, 1, b, NULL, 0);
	play_make(p);
	play_connection(p, 0, PLAY_GEN);
}

/* ---------------------------------------------------------------- gate and close */

static void test_gate(void)
{
	struct play p;

	begin(&p, &gated, &gated);
	play_append(&p, 0, "x", 1);
	play_turn(&p);
	is_u64(saw.open, 0, "on_open waits until the first packet is at the gate");
	world_flow(&p.w, 0)->flags |= FOS_FLOW_OFFERED;
	play_hint(&p, 0);
	play_work(&p, 1);
	is_u64(saw.open, 0, "a later stage waits for the earlier ones");
	play_work(&p, 0);
	ok(saw.open == 1 && world_pub(&p.w, 0, 0).flags & FOS_PM_OPENED, "the first stage opens");
	play_run(&p);
	ok(saw.open == 2 && world_pub(&p.w, 1, 0).flags & FOS_PM_OPENED,
	   "its hint opens the second");
	is_u64((uint64_t)-rc, (uint64_t)-FOS_EPERM, "on_open commits once, not by fos_release()");
	play_restart(&p, 0);
	play_turn(&p);
	is_u64(saw.open, 2, "a restarted host does not open again");
	play_close(&p, 0, FOS_CLOSE_RST);
	play_hint(&p, 1);
	play_turn(&p);
	ok(saw.close == 4 && saw.why == FOS_END_RST, "on_close runs once per stage and direction");
	play_restart(&p, 1);
	play_turn(&p);
	is_u64(saw.close, 4, "and not again after a restart");
	play_free(&p);
}

static void test_reuse(void)
{
	struct play p;

	begin(&p, &gated, NULL);
	world_flow(&p.w, 0)->flags |= FOS_FLOW_OFFERED;
	play_turn(&p);
	play_close(&p, 0, FOS_CLOSE_FIN);
	play_turn(&p);
	is_u64(saw.kept, 1, "the context lives until on_close");
	play_connection(&p, 0, PLAY_GEN + 1);
	play_append(&p, 0, "new", 3);
	play_turn(&p);
	ok(p.out[0].len == 3 && world_pub(&p.w, 0, 0).gen == PLAY_GEN + 1 &&
		   !(world_pub(&p.w, 0, 0).flags & FOS_PM_OPENED),
	   "a slot's next connection starts from nothing");
	play_close(&p, 0, FOS_CLOSE_FIN);
	play_turn(&p);
	is_u64(saw.kept, 0, "with a context of zeros");
	play_free(&p);
}

static void test_mute(void)
{
	struct play p;

	begin(&p, &mute, NULL);
	play_append(&p, 0, "abc", 3);
	play_turn(&p);
	ok(p.out[0].len == 3 && world_pub(&p.w, 0, 0).head == FOS_POS_MAX,
	   "a module without on_data lets all pass");
	play_close(&p, 0, FOS_CLOSE_TIMEOUT);
	play_turn(&p);
	ok(saw.close == 1 && saw.why == FOS_END_TIMEOUT, "and is told of the end");
	play_free(&p);
}

/* ---------------------------------------------------------------- the end */

static void at_end(struct fos_window *w)
{
	if (!fos_fin(w)) {
		fos_release(w, fos_tail(w) - 1);
		return;
	}
	fos_insert(w, fos_tail(w), "!", 1);
	fos_release_all(w);
}

static void too_late(struct fos_window *w)
{
	rc = fos_fin(w) ? fos_insert(w, fos_tail(w), "!", 1) : fos_release_all(w);
}

/* Hints of PM 0 to egress so far. */
static uint64_t hints(struct play *p)
{
	return fos_proc_prod(&p->host[0], FOS_RING_READY,
			     fos_proc_find(p->w.dir, FOS_ROLE_EGRESS, 0, 0))->ring->tail;
}

static void if_any(struct fos_window *w)
{
	if (fos_tail(w) > fos_head(w))
		fos_release_all(w);
}

static void test_end(void)
{
	struct play p;
	uint64_t told;

	begin(&p, &plain, NULL);
	body = at_end;
	play_append(&p, 0, "abc", 3);
	play_turn(&p);
	play_fin(&p, 0);
	play_turn(&p);
	ok(p.out[0].len == 4 && memcmp(p.out[0].data, "abc!", 4) == 0,
	   "who holds a byte can add to the end of the stream");
	play_free(&p);
	begin(&p, &plain, NULL);
	body = too_late;
	play_append(&p, 0, "abc", 3);
	play_turn(&p);
	play_fin(&p, 0);
	play_turn(&p);
	is_u64((uint64_t)-rc, (uint64_t)-FOS_EINVAL, "who holds none cannot");
	play_free(&p);
	begin(&p, &plain, NULL);
	body = if_any;
	play_append(&p, 0, "abc", 3);
	play_turn(&p);
	told = hints(&p);
	play_fin(&p, 0);
	play_turn(&p);
	ok(saw.data == 2 && hints(&p) > told,
	   "an end that brings nothing to release: who comes next hears of it all the same");
	play_free(&p);
}

/* The later stage hears first of a connection that the box gives up: it waits for what is still to come. */
static void test_evicted(void)
{
	struct play p;

	begin(&p, &plain, &sink);
	body = if_any;
	play_append(&p, 0, "abc", 3);
	play_close(&p, 0, FOS_CLOSE_EVICTED);
	play_hint(&p, 1);
	play_work(&p, 1);
	ok(saw.close == 1, "evicted: the direction with bytes on their way is not closed");
	play_turn(&p);
	ok(p.out[0].len == 3 && saw.close == 4 && saw.why == FOS_END_EVICTED,
	   "it is when they have come");
	play_free(&p);
}

/* ---------------------------------------------------------------- verdicts */

static void leave(struct fos_window *w)
{
	fos_delete(w, 0, 1);
	fos_insert(w, 1, "123", 3);
	fos_release(w, 2);
	fos_bypass(w);
}

static void cut_off(struct fos_window *w)
{
	fos_reset(w);
}

static void test_verdicts(void)
{
	uint64_t told;
	struct play p;

	begin(&p, &plain, NULL);
	body = leave;
	play_append(&p, 0, "abcdef", 6);
	play_turn(&p);
	play_append(&p, 0, "ghi", 3);
	play_turn(&p);
	play_restart(&p, 0);
	play_turn(&p);
	ok(p.out[0].len == 11 && memcmp(p.out[0].data, "123bcdefghi", 11) == 0 && saw.data == 1,
	   "bypass: edits so far stand, the rest passes unseen");
	told = hints(&p);
	play_append(&p, 0, "jkl", 3);
	play_turn(&p);
	ok(hints(&p) > told, "and who comes next hears of it all the same");
	play_free(&p);
	begin(&p, &plain, NULL);
	body = cut_off;
	play_append(&p, 0, "abc", 3);
	play_turn(&p);
	play_append(&p, 0, "def", 3);
	play_turn(&p);
	ok(world_pub(&p.w, 0, 0).verdict == FOS_VERDICT_RESET && saw.data == 1 && p.out[0].len == 0,
	   "reset: published without a release, and the handler is not called again");
	play_close(&p, 0, FOS_CLOSE_PM);
	play_turn(&p);
	ok(saw.close == 1 && saw.why == FOS_END_PM, "and the flow closes with what it held");
	play_free(&p);
}

/* ---------------------------------------------------------------- side by side, one direction */

static void one_by_one(struct fos_window *w)
{
	uint64_t head = fos_head(w);

	if (fos_name(fos_pm_of(w))[5] == '0')
		fos_delete(w, head, 1);
	fos_release(w, fos_name(fos_pm_of(w))[5] == '0' ? fos_tail(w) : head + 2);
}

static void test_parallel(void)
{
	struct play p;

	memset(&p, 0, sizeof(p));
	memset(&saw, 0, sizeof(saw));
	world_plan(&p.w, false);
	play_pm(&p, 0, &plain, NULL, 0);
	play_pm(&p, 0, &gated, NULL, 0);
	p.w.dir->pm[1].direction = FOS_DIR_FORWARD;
	play_make(&p);
	play_connection(&p, 0, PLAY_GEN);
	body = one_by_one;
	play_append(&p, 0, "abcdef", 6);
	play_turn(&p);
	ok(p.out[0].len == 1 && p.out[0].data[0] == 'b' && world_pub(&p.w, 0, 0).head == 6,
	   "side by side: what leaves is behind the slower one, edited by the other");
	play_restart(&p, 1);
	play_append(&p, 1, "uvw", 3);
	play_hint(&p, 1);
	play_run(&p);
	play_egress(&p, 1);
	ok(p.out[1].len == 2 && p.out[1].data[0] == 'v' && world_pub(&p.w, 1, 1).gen == 0,
	   "a PM of the forward direction is not asked about the reverse one");
	play_free(&p);
}

/* ---------------------------------------------------------------- timers, messages */

static void set_timer(struct fos_window *w)
{
	fos_timer(w, 1000);
	fos_release_all(w);
}

static void test_timer(void)
{
	struct play p;

	begin(&p, &plain, NULL);
	body = set_timer;
	play_append(&p, 0, "a", 1);
	play_turn(&p);
	play_restart(&p, 0);
	p.now += 999;
	play_run(&p);
	is_u64(saw.timer, 0, "a timer does not fire early");
	p.now += 1;
	play_run(&p);
	play_run(&p);
	is_u64(saw.timer, 1, "it fires once, also in a restarted host");
	play_restart(&p, 0);
	p.now += 5000;
	play_run(&p);
	is_u64(saw.timer, 1, "and not again");
	play_free(&p);
}

static void send_each(struct fos_window *w)
{
	while (fos_head(w) < fos_tail(w)) {
		fos_send(fos_pm_of(w), "sink1", 5, "hello", 5);
		fos_release(w, fos_head(w) + 1);
	}
}

static void test_messages(void)
{
	struct play p;
	uint8_t bytes[100] = {0};

	begin(&p, &plain, &sink);
	body = send_each;
	play_append(&p, 0, bytes, sizeof(bytes));
	play_hint(&p, 0);
	play_work(&p, 0);
	is_u64(world_pub(&p.w, 0, 0).head, 64, "a release waits when the message ring is full");
	is_u64(p.host[0].counter[FOS_C_pm_again] > 0, 1, "and is counted");
	play_work(&p, 0);
	is_u64(world_pub(&p.w, 0, 0).head, 64, "as long as there is no room");
	body = NULL;
	play_work(&p, 1);
	ok(saw.message == 64 && saw.last_len == 5 && saw.last_topic == 5 &&
		   strcmp(saw.from, "plain0") == 0,
	   "the receiver gets each, with topic and sender");
	play_restart(&p, 1);
	play_restart(&p, 0);
	body = send_each;
	play_work(&p, 0);
	body = NULL;
	play_run(&p);
	ok(world_pub(&p.w, 0, 0).head == 100 && saw.message == 100,
	   "then the rest goes: each message once, whoever is restarted");
	play_free(&p);
}

/* ---------------------------------------------------------------- output, PM-wide state */

static int out;

static int init_output(struct fos_instance *pm)
{
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

static void write_line(struct fos_window *w)
{
	uint64_t *n = fos_state(fos_pm_of(w));

	fos_printf(fos_pm_of(w), out, "line %llu\n", (unsigned long long)++*n);
	if (fos_tail(w) % 2 == 0)
		fos_release_all(w);
}

static void test_output(void)
{
	static const struct fos_pm writer = {COMMON, .name = "writer", .init = init_output,
					     .state_size = 8};
	char path[] = "/tmp/fos_test_pm_XXXXXX", options[64], got[128] = "";
	int fd = mkstemp(path);
	size_t n = (size_t)sprintf(options, "file%c%s", 0, path) + 2;
	struct play p;

	memset(&p, 0, sizeof(p));
	memset(&saw, 0, sizeof(saw));
	body = write_line;
	options[n - 1] = 0;
	world_plan(&p.w, false);
	play_pm(&p, 0, &writer, options, n);
	play_make(&p);
	play_connection(&p, 0, PLAY_GEN);
	for (int i = 0; i < 6; i++) {
		play_append(&p, 0, "x", 1);
		play_turn(&p);
		if (write(fd, "", 0) == 0 && i == 3) {
			/* a line that was written and not committed */
			ok(pwrite(fd, "line 3\n", 7, 14) == 7, "a line of an uncommitted batch");
			play_restart(&p, 0);
		}
	}
	ok(pread(fd, got, sizeof(got) - 1, 0) > 0, "there is output");
	is_str(got, "line 1\nline 2\nline 3\n", "each committed line is there once");
	close(fd);
	unlink(path);
	play_free(&p);
}

int main(void)
{
	test_gate();
	test_reuse();
	test_mute();
	test_end();
	test_evicted();
	test_verdicts();
	test_parallel();
	test_timer();
	test_messages();
	test_output();
	return done();
}
