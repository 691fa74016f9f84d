/* pms/nat.c: what it rewrites, which ports it takes and gives back, and that both survive a kill;
 * pms/digest.c: lines that are right and there once. */
#include <libgen.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "tests/pm/play.h"
#include "tests/tap.h"

static char dir[4096];

static const char options[] =
	"pool\000192.0.2.10\0pool6\0002001:db8::10\0ports\00040000-40001\0"
	"dnat\000192.0.2.10:8080=10.0.0.5:80\0"
	"dnat\0[2001:db8::10]:8080=[fd00::5]:81@02:00:00:00:00:55\0";

static const char *module(const char *name)
{
	static char so[8192];

	snprintf(so, sizeof(so), "%s/../pms/%s.so", dir, name);
	return so;
}

/* Connection c from src to dst (text), entering by `port`; on_open has run afterwards. */
static void open_one(struct play *p, uint32_t c, const char *src, uint16_t sport, const char *dst,
		     uint16_t dport, uint8_t port)
{
	struct fos_flow *f;

	play_connection(p, c, PLAY_GEN + c);
	f = world_flow(&p->w, 2 * c);
	if (!fos_address_parse(src, f->src) || !fos_address_parse(dst, f->dst))
		abort();
	f->ip_version = strchr(src, ':') ? 6 : 4;
	f->sport = sport;
	f->dport = dport;
	f->port = port;
	memcpy(f->src_mac, "\2\0\0\0\0\x77", 6);
	f->flags |= FOS_FLOW_OFFERED;
	play_hint(p, 2 * c);
	play_run(p);
}

static const struct fos_rewrite *rewrite(struct play *p, uint32_t flow)
{
	return world_pub(&p->w, 0, flow).flags & FOS_PM_REWRITE ? &p->w.box.pm_rewrites[0][flow] : NULL;
}

static void address_is(const uint8_t a[16], const char *want, const char *what)
{
	char buf[FOS_ADDRESS_TEXT];

	is_str(fos_address_text(a, buf), want, "%s", what);
}

static uint8_t verdict(struct play *p, uint32_t flow)
{
	return world_pub(&p->w, 0, flow).verdict;
}

static void close_one(struct play *p, uint32_t c)
{
	play_close(p, c, FOS_CLOSE_FIN);
	play_hint(p, 2 * c);
	play_hint(p, 2 * c + 1);
	play_run(p);
}

static void test_source(struct play *p)
{
	const struct fos_rewrite *go, *back;

	open_one(p, 0, "10.0.0.1", 40000, "198.51.100.1", 80, 0);
	go = rewrite(p, 0);
	back = rewrite(p, 1);
	ok(go && back && go->flow_gen == PLAY_GEN && back->flow_gen == PLAY_GEN,
	   "both directions of a connection from inside are rewritten");
	if (!go || !back)
		return;
	address_is(go->src, "192.0.2.10", "out: the pool's address");
	address_is(back->dst, "10.0.0.1", "back: the client's");
	ok(go->sport == 40000 && back->dport == 40000, "a free port is kept");
	ok(go->src_mac[5] == 2 && back->dst_mac[5] == 0x77,
	   "Ethernet: out as the interface, back to the client");
	play_kill(p, 0);
	play_start(p, 0);
	open_one(p, 1, "10.0.0.2", 40000, "198.51.100.1", 80, 0);
	go = rewrite(p, 2);
	ok(go && go->sport == 40001, "a port in use is not given out, also after a kill");
	open_one(p, 2, "10.0.0.3", 40000, "198.51.100.1", 80, 0);
	ok(!rewrite(p, 4) && verdict(p, 4) == FOS_VERDICT_DROP, "no port left: refused");
	close_one(p, 0);
	play_kill(p, 0);
	play_start(p, 0);
	open_one(p, 3, "10.0.0.4", 50000, "198.51.100.1", 80, 0);
	go = rewrite(p, 6);
	ok(go && go->sport == 40000, "a closed connection's port is used again");
	open_one(p, 4, "fd00::1", 50000, "2001:db8::99", 80, 0);
	go = rewrite(p, 8);
	ok(go && go->sport == 40000, "IPv6 has ports of its own");
	if (go)
		address_is(go->src, "2001:db8::10", "and its own pool address");
}

/* Both ports of the pool are taken by then, and given back first. */
static void test_echo(struct play *p)
{
	const struct fos_rewrite *go, *back;
	struct fos_flow *f;

	close_one(p, 1);
	close_one(p, 3);
	play_connection(p, 13, PLAY_GEN + 13);
	f = world_flow(&p->w, 26);
	fos_address_parse("10.0.0.9", f->src);
	fos_address_parse("198.51.100.1", f->dst);
	f->sport = 777;
	f->dport = 0;
	f->proto = 1;
	f->flags |= FOS_FLOW_OFFERED;
	play_hint(p, 26);
	play_run(p);
	go = rewrite(p, 26);
	back = rewrite(p, 27);
	ok(go && back && go->mask & FOS_RW_SRC_PORT && go->sport >= 40000 && go->sport <= 40001 &&
		   back->mask & FOS_RW_DST_PORT && back->dport == 777,
	   "an echo's identifier is one of the pool, the answer's the asker's own");
	close_one(p, 13);
}

static void test_destination(struct play *p)
{
	const struct fos_rewrite *go, *back;

	open_one(p, 5, "198.51.100.7", 5555, "192.0.2.10", 8080, 1);
	go = rewrite(p, 10);
	back = rewrite(p, 11);
	ok(go && back && go->dport == 80 && back->sport == 8080 && !(go->mask & FOS_RW_DST_MAC),
	   "from outside to a server inside");
	if (go)
		address_is(go->dst, "10.0.0.5", "at its own address");
	open_one(p, 6, "10.0.0.5", 1234, "198.51.100.1", 53, 0);
	open_one(p, 7, "198.51.100.7", 5556, "192.0.2.10", 8080, 1);
	go = rewrite(p, 14);
	ok(go && go->mask & FOS_RW_DST_MAC && go->dst_mac[5] == 0x77,
	   "whose Ethernet address was learnt from a connection of its own");
	open_one(p, 8, "2001:db8::1", 5555, "2001:db8::10", 8080, 1);
	go = rewrite(p, 16);
	ok(go && go->dport == 81 && go->dst_mac[5] == 0x55, "IPv6, with the Ethernet address given");
	open_one(p, 9, "198.51.100.7", 5557, "192.0.2.10", 22, 1);
	ok(!rewrite(p, 18) && verdict(p, 18) == FOS_VERDICT_DROP,
	   "to the pool's address and no server: dropped");
	open_one(p, 10, "198.51.100.7", 5557, "203.0.113.1", 22, 1);
	open_one(p, 11, "fe80::1", 0, "ff02::1", 0, 0);
	ok(!rewrite(p, 20) && !rewrite(p, 22) && verdict(p, 20) != FOS_VERDICT_DROP,
	   "others from outside, and link-local ones, are left alone");
	is_u64(p->w.box.pm[0]->nr_owned, 2, "two addresses are answered for");
}

static void test_nat(void)
{
	static struct play p;

	memset(&p, 0, sizeof(p));
	world_plan(&p.w, false);
	play_pm_file(&p, 0, module("nat"), options, sizeof(options));
	play_make(&p);
	test_source(&p);
	test_echo(&p);
	test_destination(&p);
	play_free(&p);
}

/* ---------------------------------------------------------------- digest */

static void test_digest(void)
{
	char path[] = "/tmp/fos_test_dg_XXXXXX", opt[64], got[512] = "", want[512];
	unsigned char sha[32];
	int fd = mkstemp(path);
	size_t n = (size_t)sprintf(opt, "file%c%s", 0, path) + 2;
	static struct play p;
	static uint8_t data[5000];
	uint64_t seed = 1;
	size_t at;

	memset(&p, 0, sizeof(p));
	opt[n - 1] = 0;
	world_plan(&p.w, false);
	play_pm_file(&p, 0, module("digest"), opt, n);
	play_make(&p);
	play_connection(&p, 0, PLAY_GEN);
	world_flow(&p.w, 0)->number = 3;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)world_rand(&seed);
	for (at = 0; at < sizeof(data);) {
		uint32_t cut = 1 + (uint32_t)world_below(&seed, 300);

		cut = cut < sizeof(data) - at ? cut : (uint32_t)(sizeof(data) - at);
		play_append(&p, 0, data + at, cut);
		at += cut;
		play_hint(&p, 0);
		play_work(&p, 0);
		if (world_below(&seed, 3) == 0) {
			play_kill(&p, 0);
			play_start(&p, 0);
		}
	}
	close_one(&p, 0);
	close_one(&p, 0);
	play_free(&p);
	EVP_Digest(data, sizeof(data), sha, NULL, EVP_sha256(), NULL);
	at = (size_t)sprintf(want, "10.0.0.1\t40000\t10.0.0.2\t80\t3\t5000\t");
	for (int i = 0; i < 32; i++)
		at += (size_t)sprintf(want + at, "%02x", sha[i]);
	sprintf(want + at, "\n");
	ok(pread(fd, got, sizeof(got) - 1, 0) > 0, "there is a line");
	is_str(got, want, "digest: SHA-256 across kills, one line, none for the silent direction");
	close(fd);
	unlink(path);
}

int main(int argc, char **argv)
{
	char self[4096];

	(void)argc;
	snprintf(self, sizeof(self), "%s", argv[0]);
	snprintf(dir, sizeof(dir), "%s", dirname(self));
	test_nat();
	test_digest();
	return done();
}
