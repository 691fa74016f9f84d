/* pms/transfer.c: names, types, every byte once and in order, with an end or a cut, whatever is
 * killed; and pms/filescan.so behind it, when there is libyara */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <unistd.h>

#include "tests/pm/http_play.h"
#include "tests/tap.h"

#define fos_pm_module transfer_module
#define fos_pm_constants transfer_constants
#include "pms/transfer.c"
#undef fos_pm_module
#undef fos_pm_constants

/* What a taker has got, in its PM-wide state: as text. */
struct got {
	uint32_t n;
	uint32_t wrong;
	uint64_t at[2], sum[2];
	char text[2000];
};

static uint64_t add(uint64_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ p[i]) * 0x100000001b3ull;
	return sum;
}

static void take(struct fos_instance *pm, const struct fos_message *m)
{
	const struct fos_transfer *t = m->data;
	struct got *g = fos_state(pm);
	uint32_t room = (uint32_t)(sizeof(g->text) - g->n);
	const char *type = (const char *)t->data + strlen((const char *)t->data) + 1;

	if (m->len != FOS_TRANSFER_SIZE(t->len) || t->upload > 1)
		abort();
	if (t->kind == FOS_TRANSFER_BEGIN) {
		g->at[t->upload] = 0;
		g->sum[t->upload] = 1;
		g->n += (uint32_t)snprintf(g->text + g->n, room, "%s %s %s %lld;",
					   t->upload ? "up" : "down", (const char *)t->data, type,
					   (long long)t->length);
		return;
	}
	g->wrong += t->offset != g->at[t->upload];
	g->at[t->upload] += t->len;
	g->sum[t->upload] = add(g->sum[t->upload], t->data, t->len);
	if (t->kind == FOS_TRANSFER_DATA_OF)
		return;
	g->n += (uint32_t)snprintf(g->text + g->n, room, "%s %llu %llx;",
				   t->kind == FOS_TRANSFER_END ? "end" : "cut",
				   (unsigned long long)t->length,
				   (unsigned long long)(g->sum[t->upload] & 0xffff));
}

static const struct fos_pm taker = {.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI,
				    .name = "taker", .stream = FOS_APP, .imports = "file.transfer/1",
				    .on_message = take, .state_size = sizeof(struct got)};

static void begin(struct http_play *h, const char *options, size_t len)
{
	memset(h, 0, sizeof(*h));
	world_plan(&h->p.w, false);
	h->p.w.dir->nr_pieces = 65536;
	play_pm(&h->p, 0, &transfer_module, options, len);
	play_pm(&h->p, 1, &taker, NULL, 0);
	play_link_topic(&h->p, 0, 1, "file.transfer", 1, 0);
	play_make(&h->p);
	play_connection(&h->p, 0, PLAY_GEN);
}

static const char *got(struct http_play *h, uint32_t *wrong)
{
	const struct fos_pm_region *r = h->p.w.box.pm[1];
	const struct got *g = (const void *)((const uint8_t *)r + r->state_off +
					     (r->state_ver & 1u) * h->p.w.dir->pm[1].state_size +
					     FOS_PM_HOST_STATE);

	*wrong = g->wrong;
	return g->text;
}

#define BIG 9000u

/* Requests and responses, with a body of BIG bytes in one of them; the taker's text. */
static const char *talk(struct http_play *h, size_t cut, uint32_t *wrong)
{
	static const char requests[] =
		"GET /a/b%20c.pdf?x/y HTTP/1.1\r\n\r\nHEAD /h HTTP/1.1\r\n\r\n"
		"PUT /up/ HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
		"GET /z HTTP/1.1\r\n\r\n";
	static char bytes[BIG + 1024];
	size_t n = (size_t)sprintf(bytes,
				   "HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n"
				   "Content-Length: %u\r\n\r\n", BIG);

	for (uint32_t i = 0; i < BIG; i++)
		bytes[n++] = (char)(i * 7 + i / 251);
	n += (size_t)sprintf(bytes + n, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
			     "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nabc"
			     "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; FileName=\"q r.txt\"\r\n"
			     "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2");
	http_send(h, 0, requests, strlen(requests));
	http_turn(h);
	http_send(h, 1, bytes, cut);
	http_turn(h);
	http_send(h, 1, bytes + cut, n - cut);
	http_turn(h);
	play_fin(&h->p, 0);
	play_fin(&h->p, 1);
	for (int i = 0; i < 6; i++) { /* as often as the message ring is full */
		h->p.now += 2000000;
		http_turn(h);
	}
	return got(h, wrong);
}

static const char *want(void)
{
	static char text[512];
	uint64_t sum = 1;

	for (uint32_t i = 0; i < BIG; i++)
		sum = add(sum, &(uint8_t){(uint8_t)(i * 7 + i / 251)}, 1);
	snprintf(text, sizeof(text),
		 "up  text/plain 5;end 5 %llx;down b%%20c.pdf application/pdf %u;end %u %llx;"
		 "down q r.txt  -1;cut 4 %llx;",
		 (unsigned long long)(add(1, (const uint8_t *)"hello", 5) & 0xffff), BIG, BIG,
		 (unsigned long long)(sum & 0xffff),
		 (unsigned long long)(add(1, (const uint8_t *)"abcd", 4) & 0xffff));
	return text;
}

static void test_all(void)
{
	static struct http_play h;
	uint32_t wrong = 0, kills = 0;
	bool good = true;

	for (size_t cut = 0; good && cut < BIG; cut += 97) {
		const char *text;

		begin(&h, NULL, 0);
		h.seed = cut;
		text = talk(&h, cut, &wrong);
		good = strcmp(text, want()) == 0 && wrong == 0;
		if (!good)
			diag("cut at %zu: %u wrong, %s\n# want %s", cut, wrong, text, want());
		kills += (uint32_t)h.kills;
		play_free(&h.p);
	}
	ok(good, "files up and down: name, type, each byte once and in order, end or cut");
	ok(kills > 30, "through %u deaths", kills);
	begin(&h, "types\0application/\0uploads\0no\0", 31);
	ok(strncmp(talk(&h, 100, &wrong), "down b%20c.pdf", 14) == 0 &&
		   strstr(got(&h, &wrong), "q r.txt") == NULL,
	   "only the types asked for, and no uploads");
	play_free(&h.p);
}

/* ---------------------------------------------------------------- filescan */

#ifdef FOS_SANITIZED
/* A killed module leaves its rules behind: here, where it is the same process, that looks like a leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static char *file_text(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool scan_once(const char *so, const char *dir, size_t pad, uint64_t seed)
{
	static struct http_play h;
	static char bytes[20000], options[512];
	char path[256];
	size_t n, len;
	bool good;

	snprintf(path, sizeof(path), "%s/out", dir);
	unlink(path);
	n = (size_t)snprintf(options, sizeof(options), "rules%c%s/rules%cfile%c%s", 0, dir, 0, 0, path) + 1;
	memset(&h, 0, sizeof(h));
	world_plan(&h.p.w, false);
	h.p.w.dir->nr_pieces = 65536;
	play_pm(&h.p, 0, &transfer_module, NULL, 0);
	play_pm_file(&h.p, 1, so, options, n + 1);
	play_link_topic(&h.p, 0, 1, "file.transfer", 1, 0);
	play_make(&h.p);
	play_connection(&h.p, 0, PLAY_GEN);
	h.seed = seed;
	http_send(&h, 0, "GET /f HTTP/1.1\r\n\r\n", 19);
	http_turn(&h);
	len = pad + 9 + 2000;
	n = (size_t)snprintf(bytes, sizeof(bytes), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
	memset(bytes + n, 'x', len);
	memcpy(bytes + n + pad, "mal-w-are", 9);
	http_send(&h, 1, bytes, n + len);
	for (int i = 0; i < 8; i++) {
		h.p.now += 2000000;
		http_turn(&h);
		if (seed && i % 2)
			play_restart(&h.p, 1);
	}
	good = strncmp(file_text(path), "match\tbad\tf\t\tdown\t", 18) == 0 &&
	       strchr(file_text(path), '\n') && strchr(file_text(path), '\n')[1] == '\0';
	if (!good)
		diag("behind %zu bytes: '%s'", pad, file_text(path));
	play_free(&h.p);
	return good;
}

static void test_scan(const char *self)
{
	char here[512], so[600], dir[] = "/tmp/fos-filescan-XXXXXX", path[256];
	static const char rule[] = "rule bad { strings: $a = \"mal-w-are\" condition: $a }\n";
	bool good = true;
	int fd;

	snprintf(here, sizeof(here), "%s", self);
	snprintf(so, sizeof(so), "%s/../pms/filescan.so", dirname(here));
	if (access(so, R_OK) != 0) {
		skip("filescan: not built, libyara (package libyara-dev) is missing");
		return;
	}
	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/rules", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (write(fd, rule, sizeof(rule) - 1) < 0)
		abort();
	close(fd);
	for (size_t pad = 3300; good && pad < 3700; pad += 7)
		good = scan_once(so, dir, pad, 0);
	for (size_t pad = 3400; good && pad < 9000; pad += 301)
		good = scan_once(so, dir, pad, pad);
	ok(good, "filescan: a match is reported once, wherever blocks end and whatever is killed");
	unlink(path);
	snprintf(path, sizeof(path), "%s/out", dir);
	unlink(path);
	rmdir(dir);
}

int main(int argc, char **argv)
{
	(void)argc;
	test_all();
	test_scan(argv[0]);
	return done();
}
