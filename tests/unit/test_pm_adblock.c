/* pms/adblock.c: which elements go, at every cut of the page, streaming, and under deaths */
#include "tests/pm/play.h"
#include "tests/tap.h"

#define fos_pm_module adblock_module
#define fos_pm_constants adblock_constants
#include "pms/adblock.c"
#undef fos_pm_module
#undef fos_pm_constants

static const char options[] = "hosts\0ads.example, Track.Example\0hosts\0doubleclick.net\0";

static void begin(struct play *p)
{
	memset(p, 0, sizeof(*p));
	world_plan(&p->w, false);
	p->w.dir->nr_edits = 8192;
	play_pm(p, 0, &adblock_module, options, sizeof(options));
	play_make(p);
	play_connection(p, 0, PLAY_GEN);
}

/* The page cut in two at `cut`; with `kill` the host dies in between. */
static bool becomes(const char *page, size_t cut, bool kill, const char *want)
{
	size_t n = strlen(page);
	struct play p;
	bool good;

	begin(&p);
	if (cut > 0) {
		play_append(&p, 0, page, (uint32_t)cut);
		play_turn(&p);
	}
	if (kill) {
		play_kill(&p, 0);
		play_start(&p, 0);
	}
	if (cut < n)
		play_append(&p, 0, page + cut, (uint32_t)(n - cut));
	play_fin(&p, 0);
	play_turn(&p);
	good = p.out[0].len == strlen(want) && memcmp(p.out[0].data, want, strlen(want)) == 0;
	if (!good)
		diag("cut at %zu: %.*s", cut, (int)p.out[0].len, (char *)p.out[0].data);
	play_free(&p);
	return good;
}

static void page(const char *in, const char *want, const char *what)
{
	for (size_t cut = 0; cut <= strlen(in); cut++)
		if (!becomes(in, cut, cut % 3 == 0, want)) {
			ok(false, "%s", what);
			return;
		}
	ok(true, "%s", what);
}

#define AD "<script async src=\"https://x.ads.example/a.js\">var a = 1;</script>"

static void test_pages(void)
{
	page("HTTP/1.1 200 OK\r\n\r\n<p>" AD "</p>", "HTTP/1.1 200 OK\r\n\r\n<p></p>",
	     "an element from an advertisement host goes, at every cut");
	page("<p><SCRIPT SRC='//doubleclick.net/x'></ScRiPt>a" AD AD "b", "<p>ab",
	     "case, quotes and neighbours do not matter");
	page("<script src=https://track.example:8080/t></script >.</script>!", "!",
	     "an element ends at </script>");
	page("<script src=\"https://good.example/?u=//ads.example/\">1</script>",
	     "<script src=\"https://good.example/?u=//ads.example/\">1</script>",
	     "the host counts, not the rest of the address");
	page("<script>f(\"https://ads.example/\")</script><script data-src='//ads.example/'></script>",
	     "<script>f(\"https://ads.example/\")</script><script data-src='//ads.example/'></script>",
	     "a script of the page itself stays, and so does another attribute's address");
	page("<p>notads.example <script src=//notads.example/></script>",
	     "<p>notads.example <script src=//notads.example/></script>",
	     "a host is not matched by its tail");
	page("text " "<script src=//ads.example/", "text <script src=//ads.example/",
	     "a tag that never ends passes at the end of the stream");
}

static void test_lengths(void)
{
	char want[256];

	snprintf(want, sizeof(want), "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<p>%*s</p>",
		 (int)strlen(AD), "");
	page("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<p>" AD "</p>", want,
	     "with a Content-Length the element becomes as many spaces");
	snprintf(want, sizeof(want), "transfer-encoding: Chunked\r\n\r\n50\r\n%*s\r\n",
		 (int)strlen(AD), "");
	page("transfer-encoding: Chunked\r\n\r\n50\r\n" AD "\r\n", want,
	     "and in a chunked body as well");
}

/* A megabyte of script: nothing is kept back but what may be the beginning of the closing tag. */
static void test_streaming(void)
{
	static char block[1400];
	uint64_t most = 0;
	struct play p;

	begin(&p);
	memset(block, 'x', sizeof(block));
	play_append(&p, 0, "A<script src=//ads.example/>", 28);
	for (int i = 0; i < 750; i++) {
		uint64_t held;

		play_append(&p, 0, block, sizeof(block));
		play_turn(&p);
		held = world_flow(&p.w, 0)->app.tail - p.w.box.outs[0].pos[0];
		most = held > most ? held : most;
		if (i % 50 == 0) {
			play_kill(&p, 0);
			play_start(&p, 0);
		}
	}
	play_append(&p, 0, "</script>B", 10);
	play_fin(&p, 0);
	play_turn(&p);
	ok(p.out[0].len == 2 && memcmp(p.out[0].data, "AB", 2) == 0,
	   "a script of a megabyte goes while it streams, through fifteen deaths");
	is_u64(most, 0, "nothing of it is held");
	play_close(&p, 0, FOS_CLOSE_FIN);
	play_hint(&p, 0);
	play_run(&p);
	is_u64(play_edits_free(&p, 0), p.w.dir->nr_edits, "its edit records have come back");
	play_free(&p);
}

int main(void)
{
	test_pages();
	test_lengths();
	test_streaming();
	return done();
}
