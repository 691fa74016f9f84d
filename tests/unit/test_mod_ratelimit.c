/* pms/ratelimit.c: who is dropped, who is charged, that time fills the buckets, and that a kill neither
 * forgives nor charges anything twice. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/pm/conn.h"
#include "tests/tap.h"

#define SECOND 1000000000ull

static const char *self;
static char path[] = "/tmp/fos_test_rate_XXXXXX";

static void begin(struct play *p, const char *options)
{
	char all[1024];

	memset(p, 0, sizeof(*p));
	world_plan(&p->w, false);
	p->w.dir->nr_edits = 1024;
	snprintf(all, sizeof(all), "%sfile=%s\n", options, path);
	conn_pm(p, self, "ratelimit", 0, all);
	play_make(p);
}

/* An IPv4 packet of `len` bytes arrives; n of them at once, and the module works. */
static void packet(struct play *p, uint32_t flow, uint16_t len)
{
	uint8_t k[2000] = {[12] = 8, [14] = 0x45, [23] = 17};

	k[16] = (uint8_t)(len >> 8);
	k[17] = (uint8_t)len;
	conn_packet(p, flow, k, 14u + len);
}

static void packets(struct play *p, uint32_t flow, int n, uint16_t len)
{
	while (n-- > 0)
		packet(p, flow, len);
	play_hint(p, flow);
	play_run(p);
}

/* The lines of everything that has ended. */
static const char *lines(struct play *p)
{
	static char got[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	p->host[0].hooks->fini(&p->host[0]);
	n = read(fd, got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = 0;
	close(fd);
	return got;
}

static void test_flow(void)
{
	static struct play p;

	begin(&p, "flow=1000 burst 3000\n");
	conn_make(&p, 0, 17, (struct conn_end){"10.0.0.1", 1}, (struct conn_end){"10.0.0.2", 2}, 0);
	packets(&p, 0, 5, 1000);
	ok(conn_pub(&p, 0, 0)->head == 5000, "every packet is released, the dropped ones too");
	play_restart(&p, 0);
	packets(&p, 0, 1, 1000);
	p.now += SECOND;
	packets(&p, 0, 2, 1000);
	p.now += SECOND / 2;
	packets(&p, 0, 1, 1000);
	packets(&p, 0, 1, 400);
	packets(&p, 1, 3, 1000);
	p.now += 10 * SECOND;
	packets(&p, 0, 4, 1000);
	conn_close(&p, 0, FOS_CLOSE_TIMEOUT);
	is_str(lines(&p), "flow\t10.0.0.1\t1\t10.0.0.2\t2\t6\t6000\n",
	       "3 at once, then one a second; what is saved up is no more than the burst; the other "
	       "direction has its own; a kill changes nothing");
	play_free(&p);
}

static void test_large(void)
{
	static struct play p;

	begin(&p, "flow=1K burst 500\n");
	conn_make(&p, 0, 17, (struct conn_end){"10.0.0.1", 1}, (struct conn_end){"10.0.0.2", 2}, 0);
	packets(&p, 0, 2, 1024);
	p.now += SECOND / 2;
	packets(&p, 0, 1, 30);
	p.now += SECOND;
	packets(&p, 0, 1, 1024);
	conn_close(&p, 0, FOS_CLOSE_TIMEOUT);
	is_str(lines(&p), "flow\t10.0.0.1\t1\t10.0.0.2\t2\t2\t1054\n",
	       "one larger than the burst goes when the bucket is full, and the next ones pay");
	play_free(&p);
}

static void test_prefix(void)
{
	static struct play p;

	begin(&p, "prefixes=10.0.0.0/8 1000 burst 2000\nprefixes=any 1M\nprefixes=10.0.0.1 1\n");
	for (uint32_t c = 0; c < 3; c++)
		conn_make(&p, c, 17, (struct conn_end){c ? "10.0.0.7" : "10.1.2.3", 1},
			  (struct conn_end){c == 2 ? "10.9.9.9" : "192.0.2.1", 2}, 0);
	packets(&p, 0, 1, 1000);
	packets(&p, 2, 2, 1000);
	play_restart(&p, 0);
	packets(&p, 4, 1, 1000);
	packets(&p, 1, 3, 1000);
	for (uint32_t c = 0; c < 3; c++)
		conn_close(&p, c, FOS_CLOSE_TIMEOUT);
	is_str(lines(&p), "flow\t192.0.2.1\t2\t10.1.2.3\t1\t1\t1000\n"
			  "flow\t10.0.0.7\t1\t192.0.2.1\t2\t1\t1000\n"
			  "flow\t10.0.0.7\t1\t10.9.9.9\t2\t1\t1000\n"
			  "sent\t1\t2\t2000\nreceived\t1\t1\t1000\n"
			  "sent\t2\t0\t0\nreceived\t2\t0\t0\nsent\t3\t0\t0\nreceived\t3\t0\t0\n",
	       "flows of a prefix share what it sends, and what it receives; the first prefix counts; "
	       "a packet that is dropped is charged to nobody");
	play_free(&p);
}

/* More drops than there are records at a time. */
static void test_many(void)
{
	static struct play p;
	struct fos_flow *f;

	begin(&p, "flow=1 burst 1\n");
	conn_make(&p, 0, 17, (struct conn_end){"10.0.0.1", 1}, (struct conn_end){"10.0.0.2", 2}, 0);
	f = world_flow(&p.w, 0);
	packets(&p, 0, 1000, 30);
	for (int i = 0; i < 500; i++)
		packet(&p, 0, 30);
	play_hint(&p, 0);
	for (int i = 0; i < 4; i++)
		play_work(&p, 0);
	ok(conn_pub(&p, 0, 0)->head < 1500 * 30, "no record is left to drop another packet: it waits");
	for (int i = 0; i < 4; i++) {
		f->pkt_done = conn_pub(&p, 0, 0)->head; /* the classifier is past them */
		play_hint(&p, 0);
		play_work(&p, 0);
	}
	is_u64(conn_pub(&p, 0, 0)->head, 1500 * 30, "when they come back the rest is dropped");
	conn_close(&p, 0, FOS_CLOSE_TIMEOUT);
	is_str(lines(&p), "flow\t10.0.0.1\t1\t10.0.0.2\t2\t1499\t44970\n", "each counted once");
	play_free(&p);
}

int main(int argc, char **argv)
{
	static const char *const wrong[] = {
		"", "flow=fast\n", "flow=0\n", "flow=1M burst\n", "flow=1M burst 2G\n", "flow=1M 2M\n",
		"flow=1\nflow=2\n", "prefixes=10.0.0.0/8\n", "prefixes=10.0.0.1/8 1M\n",
		"prefixes=1M\n", "flow=99999999999G\n", "flow=-1\n"};
	int fd = mkstemp(path);

	(void)argc;
	self = argv[0];
	test_flow();
	test_large();
	test_prefix();
	test_many();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(conn_refused(self, "ratelimit", wrong[i]),
		   "refused: %.*s", (int)strcspn(wrong[i], "\n"), wrong[i]);
	close(fd);
	unlink(path);
	return done();
}
