/* pms/adblock.c: which elements go, at every cut of the page, streaming, and under deaths */
#include "tests/pm/http_play.h"
#include "tests/tap.h"

#define fos_pm_module adblock_module
#define fos_pm_constants adblock_constants
#include "pms/adblock.c"
#undef fos_pm_module
#undef fos_pm_constants

static const char options[] = "hosts\0ads.example, Track.Example\0hosts\0doubleclick.net\0";

#define GET "GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n"
#define HTML "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\n"
#define AD "<script async src=\"https://x.ads.example/a.js\">var a = 1;</script>"

/* The response cut in two at `cut`; with `kill` the host dies in between. */
static bool becomes(const char *head, const char *page, size_t cut, bool kill, const char *want)
{
	static struct http_play h;
	static char bytes[4096], text[4096];
	size_t n = (size_t)snprintf(bytes, sizeof(bytes), "%s\r\n%s", head, page);
	bool good;

	http_begin(&h, &adblock_module, options, sizeof(options));
	http_send(&h, 0, GET, strlen(GET));
	http_turn(&h);
	http_send(&h, 1, bytes, cut);
	http_turn(&h);
	if (kill)
		play_restart(&h.p, 0);
	http_send(&h, 1, bytes + cut, n - cut);
	play_fin(&h.p, 1);
	http_turn(&h);
	snprintf(text, sizeof(text), "%s\r\n%s%s%s", head, *want ? "{" : "", want,
		 *want ? "}" : "");
	good = strcmp(http_text(&h, 1, "G"), text) == 0;
	if (!good)
		diag("cut at %zu: %s", cut, h.text[1]);
	play_free(&h.p);
	return good;
}

static void served(const char *head, const char *in, const char *want, const char *what)
{
	size_t n = strlen(head) + 2 + strlen(in);

	for (size_t cut = 0; cut <= n; cut++)
		if (!becomes(head, in, cut, cut % 3 == 0, want)) {
			ok(false, "%s", what);
			return;
		}
	ok(true, "%s", what);
}

static void page(const char *in, const char *want, const char *what)
{
	served(HTML, in, want, what);
}

static void test_pages(void)
{
	page("<p>" AD "</p>", "<p></p>", "an element from an advertisement host goes, at every cut");
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

static void test_kinds(void)
{
	served("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n", AD, AD,
	       "what is not HTML stays as it is");
	served(HTML "Content-Encoding: gzip\r\n", AD, AD, "and what is encoded");
	served("HTTP/1.0 200 OK\r\nContent-Type: TEXT/HTML\r\n", "a" AD "b", "ab",
	       "a page of HTTP/1.0");
}

/* One response with a length and one in chunks, and what is asked of the server. */
static void test_lengths(void)
{
	static struct http_play h;
	char bytes[1024];

	http_begin(&h, &adblock_module, options, sizeof(options));
	http_send(&h, 0, GET GET, 2 * strlen(GET));
	http_turn(&h);
	snprintf(bytes, sizeof(bytes),
		 HTML "Content-Length: %zu\r\n\r\na%sb" HTML "Transfer-Encoding: chunked\r\n\r\n"
		      "4\r\na<sc\r\n%zx\r\n%s\r\n1\r\nb\r\n0\r\n\r\n",
		 strlen(AD) + 2, AD, strlen(AD) - 3, AD + 3);
	http_send(&h, 1, bytes, strlen(bytes));
	http_turn(&h);
	ok(strcmp(http_text(&h, 1, "GG"), HTML "Transfer-Encoding: chunked\r\n\r\n{ab}" HTML
					       "Transfer-Encoding: chunked\r\n\r\n{ab}") == 0,
	   "pages with a length and pages in chunks lose the element, too");
	ok(strstr(http_text(&h, 0, ""), "Accept-Encoding: identity\r\n") != NULL &&
		   strstr(http_text(&h, 0, ""), "gzip") == NULL,
	   "servers are asked not to encode");
	play_free(&h.p);
}

/* A megabyte of script: nothing is kept back but what may be the beginning of the closing tag. */
static void test_streaming(void)
{
	static const char begin[] = HTML "Content-Length: 1050038\r\n\r\nA<script src=//ads.example/>";
	static const char end[] = "</script>B";
	static struct http_play h;
	static char block[1400];
	struct play *p = &h.p;
	uint64_t most = 0;

	http_begin(&h, &adblock_module, options, sizeof(options));
	memset(block, 'x', sizeof(block));
	http_send(&h, 0, GET, strlen(GET));
	http_turn(&h);
	http_send(&h, 1, begin, strlen(begin));
	for (int i = 0; i < 750; i++) {
		uint64_t held;

		http_send(&h, 1, block, sizeof(block));
		http_turn(&h);
		held = world_flow(&p->w, 1)->app.tail - p->w.box.outs[1].pos[0];
		most = held > most ? held : most;
		if (i % 50 == 0)
			play_restart(p, 0);
	}
	http_send(&h, 1, end, strlen(end));
	http_turn(&h);
	ok(strcmp(http_text(&h, 1, "G"), HTML "Transfer-Encoding: chunked\r\n\r\n{AB}") == 0,
	   "a script of a megabyte goes while it streams, through fifteen deaths");
	is_u64(most, 0, "nothing of it is held");
	play_fin(p, 0);
	play_fin(p, 1);
	play_close(p, 0, FOS_CLOSE_FIN);
	http_turn(&h);
	http_turn(&h);
	is_u64(play_edits_free(p, 0), p->w.dir->nr_edits, "its edit records have come back");
	play_free(p);
}

int main(void)
{
	test_pages();
	test_kinds();
	test_lengths();
	test_streaming();
	return done();
}
