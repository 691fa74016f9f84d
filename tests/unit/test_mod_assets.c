/* pms/assets.c: programs by what each side says first, however it is cut and wherever the module is killed:
 * each asset is told once, in the first connection or a later one, and no byte waits.  A failing seed
 * runs again by `test_mod_assets SEED`. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/pm/conn.h"
#include "tests/tap.h"

static const char *self;
static char path[] = "/tmp/fos_test_assets_XXXXXX";

static void turn(struct play *p, uint32_t flow)
{
	play_hint(p, flow);
	play_run(p);
	play_egress(p, flow);
}

/* The sorted lines, with | for each end of line. */
static const char *lines(void)
{
	static char file[1 << 14], is[1 << 14];
	char *line[64];
	int fd = open(path, O_RDONLY), nr = 0;
	ssize_t n = read(fd, file, sizeof(file) - 1);
	size_t len = 0;

	close(fd);
	file[n > 0 ? n : 0] = 0;
	for (char *l = strtok(file, "\n"); l && nr < 64; l = strtok(NULL, "\n")) {
		int at = nr++;

		for (; at > 0 && strcmp(line[at - 1], l) > 0; at--)
			line[at] = line[at - 1];
		line[at] = l;
	}
	is[0] = 0;
	for (int i = 0; i < nr; i++)
		len += (size_t)snprintf(is + len, sizeof(is) - len, "%s|", line[i]);
	return is;
}

static const struct {
	const char *server, *client;
	uint16_t port;
} talk[] = {
	{"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "SSH-2.0-libssh2_1.10\r\n", 22},
	{"HTTP/1.1 200 OK\r\nA: x\r\nServer: Apache\r\n\r\nbody", "GET / HTTP/1.1\r\nB: x\r\n\r\n", 80},
	{"HTTP/1.1 200 OK\r\nServer: Apache\r\n\r\nbody", "GET / HTTP/1.1\r\nUser-Agent: a b\r\n\r\n",
	 80},
	{"220 mail.example ESMTP Postfix\r\n", "EHLO me\r\n", 25},
	{"+OK ready\r\n", "", 110},
	{"what is it", "", 999},
};
enum { NR_TALKS = sizeof(talk) / sizeof(talk[0]) };

static const char want[] = "client\t10.0.0.1\thttp\ta b|client\t10.0.0.1\tsmtp\t-|"
			   "client\t10.0.0.1\tssh\tlibssh2_1.10|host\t10.0.0.1|host\t10.0.0.2|"
			   "service\t10.0.0.2\t110\tpop3\tready|service\t10.0.0.2\t22\tssh\tOpenSSH_9.2p1|"
			   "service\t10.0.0.2\t25\tsmtp\tPostfix|service\t10.0.0.2\t80\thttp\tApache|"
			   "service\t10.0.0.2\t999\tunknown\t-|";

/* One side's bytes in pieces; true: all have gone on each time. */
static bool say(struct play *p, uint32_t flow, const char *text, uint64_t *seed)
{
	size_t len = strlen(text), at = 0;
	bool good = true;

	while (at < len) {
		size_t cut = 1 + world_below(seed, 30);

		cut = cut < len - at ? cut : len - at;
		play_append(p, flow, text + at, (uint32_t)cut);
		at += cut;
		if (world_below(seed, 5) == 0)
			play_restart(p, 0);
		turn(p, flow);
		good &= p->out[flow].len == at;
	}
	play_fin(p, flow);
	turn(p, flow);
	return good;
}

static bool one(uint64_t seed)
{
	static struct play p;
	uint64_t s = seed;
	char options[128];
	bool good = true;

	memset(&p, 0, sizeof(p));
	world_plan(&p.w, false);
	snprintf(options, sizeof(options), "file=%s\n", path);
	conn_pm(&p, self, "assets", 0, options);
	play_make(&p);
	for (uint32_t n = 0; n < 2 * NR_TALKS; n++) {
		uint32_t c = n % 4, i = n % NR_TALKS;

		conn_make(&p, c, 6, (struct conn_end){"10.0.0.1", (uint16_t)(1000 + n)},
			  (struct conn_end){"10.0.0.2", talk[i].port}, 0);
		p.out[2 * c].len = p.out[2 * c + 1].len = 0;
		good &= say(&p, 2 * c + 1, talk[i].server, &s);
		good &= say(&p, 2 * c, talk[i].client, &s);
		conn_close(&p, c, FOS_CLOSE_FIN);
	}
	if (!good || strcmp(lines(), want) != 0)
		diag("seed %llu: %s\n# want %s", (unsigned long long)seed, good ? lines() : "bytes wait",
		     want);
	good &= strcmp(lines(), want) == 0;
	play_free(&p);
	return good;
}

int main(int argc, char **argv)
{
	int fd;

	self = argv[0];
	fd = mkstemp(path);
	if (argc > 1) {
		ok(one(strtoull(argv[1], NULL, 10)), "the seed");
	} else {
		uint64_t seed = 1;

		while (seed <= 30 && one(seed))
			seed++;
		ok(seed == 31, "each asset is told once, however bytes are cut and the module is killed");
		ok(conn_refused(self, "assets", "signatures=service /a( x\n"), "half an expression");
	}
	close(fd);
	unlink(path);
	return done();
}
