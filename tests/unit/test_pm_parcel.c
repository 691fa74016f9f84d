/* fos_send_packet(): what a module may hand over, and that it goes with the release: once after it, and
 * never without it, wherever the host dies. */
#include "tests/pm/play.h"
#include "tests/tap.h"
#include "tests/unit/mortal.h"

#define LEN 40u

static uint8_t packet[FOS_SEND_MAX + 1]; /* against flow 0 */
static enum fos_send_to to;
static size_t len;
static uint32_t times, calls;
static bool forgets;
static int rc, released;
static struct fos_cursor *head; /* egress's of the ring; the test is egress */
static struct fos_ring_cons ring;

static void on_data(struct fos_window *w)
{
	calls++;
	for (uint32_t i = 0; i < times; i++)
		rc = fos_send_packet(w, to, packet, len);
	if (!forgets)
		released = fos_release_all(w);
}

static int in_init(struct fos_instance *pm)
{
	(void)pm;
	return 0;
}

static const struct fos_pm sends = {.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI, .name = "sends",
				    .stream = FOS_APP, .flags = FOS_PM_SENDS, .init = in_init,
				    .on_data = on_data};
static const struct fos_pm quiet = {.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI, .name = "quiet",
				    .stream = FOS_APP, .on_data = on_data};

static void attach(struct play *p)
{
	const struct fos_dir *dir = p->w.dir;

	memset(&ring, 0, sizeof(ring));
	for (uint32_t i = 0; i < dir->nr_rings; i++) {
		const struct fos_dir_ring *r = &dir->ring[i];
		uint8_t *src = p->w.box.region[dir->proc[r->producer].region].base;
		uint8_t *dst = p->w.box.region[dir->proc[r->consumer].region].base;

		if (r->kind != FOS_RING_PARCEL)
			continue;
		head = (struct fos_cursor *)(void *)(dst + ((struct fos_egr *)(void *)dst)->cursors_off) +
		       r->cursor;
		fos_ring_attach_cons(&ring, (void *)(src + r->off), head, sizeof(struct fos_parcel));
	}
}

static uint64_t in_ring(void)
{
	return ring.ring ? fos_ring_peek(&ring) : 0;
}

static void begin(struct play *p, const struct fos_pm *m)
{
	play_one(p, m);
	for (uint32_t f = 0; f < 2; f++) {
		world_flow(&p->w, f)->flags = FOS_FLOW_UDP | FOS_FLOW_APP | (f ? FOS_FLOW_REVERSE : 0);
		world_flow(&p->w, f)->proto = 17;
	}
	attach(p);
	memset(packet, 0, sizeof(packet));
	memcpy(packet, "\x45\0\0\x28\0\0\0\0\x40\x11\0\0\x0a\0\0\2\x0a\0\0\1\0\x50\x9c\x40\0\x14", 26);
	to = FOS_TO_SOURCE;
	len = LEN;
	times = 1;
	calls = 0;
	forgets = false;
	rc = released = 1;
}

static void answers(const struct fos_pm *m, int want, uint64_t n, const char *what,
		    void (*change)(struct play *))
{
	struct play p;

	begin(&p, m);
	change(&p);
	play_append(&p, 0, "x", 1);
	play_turn(&p);
	ok(rc == want && in_ring() == n, "%s", what);
	play_free(&p);
}

static void none(struct play *p) { (void)p; }
static void long_one(struct play *p) { (void)p; len = FOS_SEND_MAX + 1; }
static void cut(struct play *p) { (void)p; len--; }
static void nowhere(struct play *p) { (void)p; to = (enum fos_send_to)2; }
static void forward(struct play *p) { (void)p; to = FOS_TO_DESTINATION; }
static void other(struct play *p) { (void)p; packet[19]++; }
static void many(struct play *p) { (void)p; times = FOS_SEND_STAGED + 1; }
static void unsaid(struct play *p) { (void)p; forgets = true; }
static void capture(struct play *p) { p->host[0].offline = true; }
static void guarded(struct play *p)
{
	for (uint32_t f = 0; f < 2; f++) {
		world_flow(&p->w, f)->flags = FOS_FLOW_TCP | FOS_FLOW_APP | (f ? FOS_FLOW_REVERSE : 0);
		world_flow(&p->w, f)->proto = 6;
	}
	packet[9] = 6;
	packet[32] = 0x50;
	packet[33] = 0x18;
}

static void bare(struct play *p)
{
	guarded(p);
	packet[33] = 0x10;
}

static void test_calls(void)
{
	answers(&sends, FOS_OK, 1, "a datagram of the flow goes with the release", none);
	answers(&sends, FOS_OK, 0, "without a release it does not", unsaid);
	answers(&quiet, FOS_EPERM, 0, "FOS_EPERM: the module has no FOS_PM_SENDS", none);
	answers(&sends, FOS_EPERM, 0, "FOS_EPERM: a TCP connection whose bytes are read", guarded);
	answers(&sends, FOS_OK, 1, "but for a bare acknowledgement", bare);
	answers(&sends, FOS_EPERM, 0, "FOS_EPERM: a capture", capture);
	answers(&sends, FOS_EINVAL, 0, "FOS_EINVAL: too long", long_one);
	answers(&sends, FOS_EINVAL, 0, "FOS_EINVAL: shorter than it says", cut);
	answers(&sends, FOS_EINVAL, 0, "FOS_EINVAL: to nobody", nowhere);
	answers(&sends, FOS_EINVAL, 0, "FOS_EINVAL: the wrong way", forward);
	answers(&sends, FOS_EINVAL, 0, "FOS_EINVAL: to another", other);
	answers(&sends, FOS_EFULL, FOS_SEND_STAGED, "FOS_EFULL: more than may be staged; the others go",
		many);
}

static void test_full(void)
{
	struct play p;

	begin(&p, &sends);
	times = FOS_SEND_STAGED;
	for (uint32_t i = 0; i < 5; i++) {
		play_append(&p, 0, "x", 1);
		play_turn(&p);
	}
	ok(in_ring() == 64 && released == FOS_AGAIN && p.out[0].len == 4,
	   "a full ring: FOS_AGAIN, and nothing has happened");
	fos_ring_take(&ring, 64);
	fos_ring_release(&ring);
	p.now += 1000000000;
	play_turn(&p);
	ok(in_ring() == FOS_SEND_STAGED && released == FOS_OK && p.out[0].len == 5,
	   "there is room: it goes, once, with its release");
	play_free(&p);
}

static void work(void *p)
{
	play_run(p);
}

static void test_killed(void)
{
	uint32_t n, wrong = 0, before = 0;

	for (n = 1; n < 1000; n++) {
		struct play p;
		bool died;

		begin(&p, &sends);
		times = 2;
		play_append(&p, 0, "x", 1);
		play_hint(&p, 0);
		died = mortal(work, &p, (int)n);
		if (died) {
			struct fos_pm_pub pub;
			bool done;

			play_restart(&p, 0);
			pub = world_pub(&p.w, 0, 0);
			done = pub.gen == PLAY_GEN && pub.head == 1;
			before += !done;
			wrong += in_ring() != (done ? 2 : 0);
			play_turn(&p);
		}
		wrong += in_ring() != 2;
		play_free(&p);
		if (!died)
			break;
	}
	ok(n > 5 && n < 1000 && before > 0, "(%u kill points)", n);
	is_u64(wrong, 0, "killed at any point: both packets with the release, or neither; then both, once");
}

int main(void)
{
	tap_plan(16);
	test_calls();
	test_full();
	test_killed();
	return done();
}
