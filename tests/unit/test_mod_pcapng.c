/* pms/pcapng.c: whole blocks whatever is killed, every packet once, bytes as they came, limits, files in
 * turn.  (That Wireshark agrees: tests/offline/50_pcapng.sh.) */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/pm/conn.h"
#include "tests/tap.h"

static const char *self;
static char path[2][32] = {"/tmp/fos_test_ng1_XXXXXX", "/tmp/fos_test_ng2_XXXXXX"};

struct found {
	uint32_t sections, interfaces, packets, bytes; /* bytes of packets */
	uint32_t first; /* a byte of the first packet's payload */
	bool whole;
};

static void begin(struct play *p, const char *options)
{
	char all[1024];

	memset(p, 0, sizeof(*p));
	world_plan(&p->w, false);
	snprintf(all, sizeof(all), "file=%s\n%s", path[0], options);
	conn_pm(p, self, "pcapng", 0, all);
	play_make(p);
	conn_make(p, 0, 17, (struct conn_end){"10.0.0.1", 1}, (struct conn_end){"10.0.0.2", 2}, 0);
}

static void packets(struct play *p, uint32_t flow, int n, uint16_t len, uint8_t mark)
{
	uint8_t k[2000] = {[12] = 8, [14] = 0x45, [23] = 17};

	k[16] = (uint8_t)(len >> 8);
	k[17] = (uint8_t)len;
	k[50] = mark;
	while (n-- > 0)
		conn_packet(p, flow, k, 14u + len);
	play_hint(p, flow);
	play_run(p);
}

static uint32_t word(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static struct found look(int i)
{
	static uint8_t data[1 << 20];
	struct found f = {.whole = true};
	int fd = open(path[i], O_RDONLY);
	ssize_t n = read(fd, data, sizeof(data));

	close(fd);
	for (ssize_t at = 0; at < n && f.whole;) {
		uint32_t type = word(data + at), len = word(data + at + 4);

		f.whole = len >= 12 && len % 4 == 0 && len <= n - at && word(data + at + len - 4) == len;
		f.sections += type == 0x0a0d0d0a;
		f.interfaces += type == 1;
		if (f.whole && type == 6) {
			f.first = f.packets++ ? f.first : data[at + 28 + 50];
			f.bytes += word(data + at + 20);
			f.whole = word(data + at + 8) < f.interfaces;
		}
		at += len;
	}
	return f;
}

static void test_kills(void)
{
	static struct play p;
	struct found f;
	int fd;

	begin(&p, "");
	packets(&p, 0, 2, 101, 7);
	packets(&p, 1, 1, 60, 8);
	fd = open(path[0], O_WRONLY | O_APPEND);
	ok(write(fd, "half a block", 12) == 12, "what a predecessor wrote and did not commit");
	close(fd);
	play_restart(&p, 0);
	packets(&p, 0, 1, 1500, 9);
	f = look(0);
	ok(f.whole && f.sections == 1 && f.interfaces == 2 && f.packets == 4,
	   "goes; whole blocks, each interface once: %u %u %u", f.sections, f.interfaces, f.packets);
	is_u64(f.bytes, 4 * 14 + 2 * 101 + 60 + 1500, "every packet once, link header and all");
	is_u64(f.first, 7, "as it came");
	packets(&p, 0, 3000, 1400, 9);
	play_free(&p);
}

static void test_limits(void)
{
	static struct play p;
	struct found f;

	begin(&p, "packets=3\nsnap=64\n");
	packets(&p, 0, 2, 100, 1);
	play_restart(&p, 0);
	packets(&p, 0, 5, 100, 1);
	packets(&p, 1, 1, 100, 1);
	f = look(0);
	ok(f.whole && f.packets == 4 && f.bytes == 4 * 64,
	   "so many packets of a direction, so many bytes");
	ok(conn_pub(&p, 0, 0)->head == FOS_POS_MAX, "and then it stops watching");
	play_free(&p);
}

static void test_files(void)
{
	static struct play p;
	char more[64];
	struct found a, b;

	snprintf(more, sizeof(more), "file=%s\nsize=1000\n", path[1]);
	begin(&p, more);
	for (int i = 0; i < 8; i++) {
		packets(&p, 0, 1, 300, (uint8_t)(i + 1));
		play_restart(&p, 0);
	}
	a = look(0);
	b = look(1);
	ok(a.whole && b.whole && a.sections == 1 && b.sections == 1 && a.packets == 3 && b.packets == 3 &&
		   b.first == 4, "a full file is followed by the next, a whole file of its own");
	is_u64(conn_pub(&p, 0, 0)->head, 8 * 300, "when all are full packets go on");
	play_free(&p);
}

/* More at once than fits what may be staged. */
static void test_many(void)
{
	static struct play p;
	struct found f;

	begin(&p, "");
	p.w.dir->pm[0].hold_bytes = 1 << 20;
	play_restart(&p, 0);
	packets(&p, 0, 2000, 41, 1);
	f = look(0);
	ok(f.whole && f.packets == 2000, "2000 small packets at once: %u", f.packets);
	play_free(&p);
}

int main(int argc, char **argv)
{
	int fd[2] = {mkstemp(path[0]), mkstemp(path[1])};

	(void)argc;
	self = argv[0];
	test_kills();
	test_limits();
	test_files();
	test_many();
	for (int i = 0; i < 2; i++) {
		close(fd[i]);
		unlink(path[i]);
	}
	return done();
}
