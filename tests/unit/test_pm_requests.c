/* pms/transfer.so and pms/requests.so behind it: each request has one line, in order, wherever segments end
 * and whatever is killed; what is too long is cut and said to be */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <unistd.h>

#include "tests/pm/http_play.h"
#include "tests/tap.h"

static char transfer[600], requests[600], out[] = "/tmp/fos-requests-XXXXXX";

static const char *lines(void)
{
	static char text[8192];
	int fd = open(out, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* Sends the requests in two parts, the modules dying as `seed` says; how often they did. */
static int play(const char *bytes, size_t cut, uint64_t seed, const char *hosts)
{
	static struct http_play h;
	char options[256];
	size_t n = (size_t)snprintf(options, sizeof(options), "file%c%s", 0, out) + 1;

	if (hosts)
		n += (size_t)snprintf(options + n, sizeof(options) - n, "hosts%c%s", 0, hosts) + 1;
	options[n++] = '\0';
	if (truncate(out, 0) != 0)
		abort();
	memset(&h, 0, sizeof(h));
	world_plan(&h.p.w, false);
	h.p.w.dir->nr_pieces = 65536;
	play_pm_file(&h.p, 0, transfer, NULL, 0);
	play_pm_file(&h.p, 1, requests, options, n);
	play_link_topic(&h.p, 0, 1, "http.request", 1, 0);
	play_make(&h.p);
	play_connection(&h.p, 0, PLAY_GEN);
	h.seed = seed;
	http_send(&h, 0, bytes, cut);
	http_turn(&h);
	http_send(&h, 0, bytes + cut, strlen(bytes) - cut);
	for (int i = 0; i < 6; i++) {
		http_turn(&h);
		h.p.now += 2000000;
		if (seed && i % 2) {
			play_restart(&h.p, 1);
			h.kills++;
		}
	}
	play_free(&h.p);
	return h.kills;
}

static void test_each_once(void)
{
	static const char bytes[] =
		"GET /a?x=1 HTTP/1.1\r\nHost: one.example\r\n\r\n"
		"POST /up HTTP/1.1\r\nhost: two.example\r\nContent-Length: 3\r\n\r\nabc"
		"PUT /c HTTP/1.1\r\nHost: one.example\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\nab\r\n0\r\n\r\n"
		"HEAD / HTTP/1.0\r\n\r\n";
	static const char want[] =
		"0\tGET\tone.example\t/a?x=1\t1\t-\n"
		"1\tPOST\ttwo.example\t/up\t1\t3\n"
		"2\tPUT\tone.example\t/c\t1\t-\n"
		"3\tHEAD\t\t/\t0\t-\n";
	bool good = true;
	int kills = 0;

	for (size_t cut = 0; good && cut < sizeof(bytes); cut++) {
		kills += play(bytes, cut, cut, NULL);
		good = strcmp(lines(), want) == 0;
		if (!good)
			diag("cut at %zu:\n%s", cut, lines());
	}
	ok(good, "a line for each request, once and in order, wherever segments end");
	ok(kills > 100, "through %d deaths", kills);
	play(bytes, 0, 0, "Two.example");
	ok(strcmp(lines(), "1\tPOST\ttwo.example\t/up\t1\t3\n") == 0, "only the hosts asked for");
}

static void test_long(void)
{
	char bytes[2000], host[400], target[400];
	const char *dots;

	memset(host, 'h', sizeof(host) - 1);
	memset(target, 't', sizeof(target) - 1);
	host[300] = target[399] = '\0';
	target[0] = '/';
	snprintf(bytes, sizeof(bytes), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n"
		 "GET /b HTTP/1.1\r\nHost: s\r\n\r\n", target, host);
	play(bytes, 5, 3, NULL);
	dots = strstr(lines(), "ttt...\t1\t-\n1\tGET\ts\t/b\t1\t-\n");
	ok(dots && strncmp(lines(), "0\tGET\thhh", 9) == 0 && strlen(lines()) < 300,
	   "one that is too long for a message is cut, and says so; the next is whole");
}

int main(int argc, char **argv)
{
	char here[512];
	int fd = mkstemp(out);

	(void)argc;
	if (fd < 0)
		abort();
	close(fd);
	snprintf(here, sizeof(here), "%s", argv[0]);
	dirname(here);
	snprintf(transfer, sizeof(transfer), "%s/../pms/transfer.so", here);
	snprintf(requests, sizeof(requests), "%s/../pms/requests.so", here);
	test_each_once();
	test_long();
	unlink(out);
	return done();
}
