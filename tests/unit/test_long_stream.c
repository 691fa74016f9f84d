/* Streams beyond 4 GiB: connections whose positions pass 2^32 (and 2^33) while both directions are
 * edited, packets are lost on both sides and stages are killed; the beginning of the stream is
 * skipped (sim_far).  Sequence numbers wrap at other places than positions do.
 */
#include "tests/sim/sim.h"
#include "tests/tap.h"

#define LEN 60000u

static const char FIND[] = "needle", WITH[] = "needle and thread";

static uint32_t make_text(uint8_t *to, uint64_t *seed)
{
	for (uint32_t i = 0; i < LEN; i++)
		to[i] = (uint8_t)"abdelen \n"[world_below(seed, 9)];
	for (uint32_t i = 0; i + 6 < LEN; i += 7 + (uint32_t)world_below(seed, 200))
		memcpy(to + i, FIND, 6);
	return LEN;
}

static uint32_t replaced(const uint8_t *in, uint32_t len, uint8_t *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < len;) {
		if (i + 6 <= len && memcmp(in + i, FIND, 6) == 0) {
			memcpy(out + n, WITH, sizeof(WITH) - 1);
			n += (uint32_t)sizeof(WITH) - 1;
			i += 6;
		} else {
			out[n++] = in[i++];
		}
	}
	return n;
}

static void plan(struct sim *s)
{
	char path[512];
	struct fos_dir_pm *pm;

	world_plan(&s->world, false);
	pm = &s->world.dir->pm[world_pm(&s->world, "replace", 0, FOS_STREAM_APP, true)];
	snprintf(path, sizeof(path), "%s/pms/replace.so", getenv("B") ? getenv("B") : "build");
	pm->file_off = sim_string(s, path, strlen(path) + 1);
	pm->options_off = sim_string(s, "find\0needle\0with\0needle and thread\0",
				     sizeof("find\0needle\0with\0needle and thread\0"));
	pm->ctx_size = pm->state_size = 512;
	pm->hold_ns = 60000000000ull;
}

/* False: a hold was cut short (the sender sent no more than the beginning of a pattern), so that one
 * occurrence may have stayed. */
static bool one(uint64_t seed, uint64_t far)
{
	static uint8_t text[2][LEN], want[4 * LEN];
	static struct sim s;
	static struct conn conn;
	uint64_t r = seed;
	struct sim_config conf = {.seed = seed, .kill_per_mille = 20, .kill_inside_ppm = 200,
				  .stall_ns = 250000000000ull, .limit_ns = 900000000ull};
	struct peer_config c[2];
	bool good, exact;

	memset(&s, 0, sizeof(s));
	plan(&s);
	sim_init(&s, &conf);
	for (uint32_t i = 0; i < NET_HOPS; i++)
		s.net.hop[i] = (struct net_impairment){.loss = 10, .reorder = 20, .delay_ns = 5000000};
	conn_plain(c, 20000);
	for (uint32_t i = 0; i < 2; i++) {
		c[i].seed = seed + i;
		c[i].isn = (uint32_t)world_rand(&r);
		c[i].data = text[i];
		c[i].len = make_text(text[i], &r);
		c[i].sack = c[i].timestamps = seed & 1;
		c[i].pause_ns = 20000000000ull; /* silent until the positions are far */
	}
	conn_init(&conn, c, NULL, 0, sim_from_peer, &s);
	conn.missed = true; /* this judge knows nothing of the module */
	sim_add(&s, &conn);
	while (!sim_run(&s) && s.now < 10000000000ull)
		s.error[0] = 0;
	ok(conn.end[0].state == PEER_OPEN && conn.end[1].state == PEER_OPEN &&
		   conn.end[0].rcv_nxt + conn.end[1].rcv_nxt == 0,
	   "seed %llu: a connection rests", (unsigned long long)seed);
	sim_far(&s, far - LEN / 3);
	s.error[0] = 0;
	s.conf.limit_ns = 3600000000000ull;
	good = sim_run(&s);
	exact = sim_counter(&s, FOS_C_pm_hold_expired) == 0;
	for (uint32_t i = 0; i < 2 && good && exact; i++) {
		uint32_t n = replaced(text[i], LEN, want);

		good = conn.end[1 - i].rcv_nxt == n && memcmp(conn.end[1 - i].rcv, want, n) == 0;
	}
	if (!ok(good && sim_settle(&s), "positions pass 2^%d: both ends receive the edited stream",
		far > 1ull << 32 ? 33 : 32)) {
		diag("%s", s.error);
		sim_report(&s);
	}
	conn_fini(&conn);
	sim_fini(&s);
	return exact;
}

int main(void)
{
	uint32_t exact = 0;

	for (uint64_t seed = 1; seed <= 20; seed++)
		exact += one(seed, 1ull << (32 + seed % 2));
	ok(exact >= 12, "most of them without a hold that was cut short (%u)", exact);
	return done();
}
