/* pms/header.c: fields removed, set and added, on the side asked for, at every cut; bodies and
 * lengths as they were; options that cannot be */
#include "tests/pm/http_play.h"
#include "tests/tap.h"

#define fos_pm_module header_module
#define fos_pm_constants header_constants
#include "pms/header.c"
#undef fos_pm_module
#undef fos_pm_constants

static const char options[] = "request_remove\0DNT\0request_set\0Accept-Encoding: identity\0"
			      "request_add\0Via: 1.1 box\0response_remove\0server\0"
			      "response_remove\0X-Not-There\0response_set\0X-Frame: DENY\0"
			      "response_add\0Set-Cookie: a=b\0response_add\0Set-Cookie: c=d\0";

#define REQUEST "POST /x HTTP/1.1\r\ndnt: 1\r\nAccept-encoding: gzip\r\nHost: a\r\n" \
	"Content-Length: 2\r\n\r\nab"
#define RESPONSE "HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: e=f\r\nx-frame: 1\r\nX-FRAME: 2\r\n" \
	"Content-Length: 3\r\n\r\nabcHTTP/1.1 100 C\r\n\r\nHTTP/1.1 304 N\r\n\r\n"
#define WANT_REQUEST "POST /x HTTP/1.1\r\nAccept-Encoding: identity\r\nHost: a\r\n" \
	"Content-Length: 2\r\nVia: 1.1 box\r\n\r\n{ab}"
#define WANT_RESPONSE "HTTP/1.1 200 OK\r\nSet-Cookie: e=f\r\nX-Frame: DENY\r\nContent-Length: 3\r\n" \
	"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n{abc}HTTP/1.1 100 C\r\n\r\nHTTP/1.1 304 N\r\n" \
	"X-Frame: DENY\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n"

static void send_cut(struct http_play *h, uint32_t flow, const char *bytes, size_t cut)
{
	size_t n = strlen(bytes);

	cut = cut < n ? cut : n;
	http_send(h, flow, bytes, cut);
	http_turn(h);
	http_send(h, flow, bytes + cut, n - cut);
	http_turn(h);
}

static bool passes(size_t cut)
{
	static struct http_play h;
	bool good;

	http_begin(&h, &header_module, options, sizeof(options));
	h.seed = cut % 3 ? cut : 0;
	send_cut(&h, 0, REQUEST REQUEST, cut);
	send_cut(&h, 1, RESPONSE, cut);
	good = strcmp(http_text(&h, 0, ""), WANT_REQUEST WANT_REQUEST) == 0 &&
	       strcmp(http_text(&h, 1, "GG"), WANT_RESPONSE) == 0;
	if (!good)
		diag("cut at %zu: %s %s", cut, h.text[0], h.text[1]);
	play_free(&h.p);
	return good;
}

static bool refused(const char *k, const char *value)
{
	static struct http_play h;
	char bytes[256];
	size_t n = strlen(k) + 1;
	int rc;

	memset(&h, 0, sizeof(h));
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, k, n);
	memcpy(bytes + n, value, strlen(value));
	world_plan(&h.p.w, false);
	play_pm(&h.p, 0, &header_module, bytes, n + strlen(value) + 2);
	world_make(&h.p.w);
	play_bind(&h.p, &h.p.cls, fos_proc_find(h.p.w.dir, FOS_ROLE_CLASSIFIER, 0, 0));
	rc = play_start(&h.p, 0);
	play_free(&h.p);
	return rc != 0;
}

int main(void)
{
	bool good = true;

	for (size_t cut = 0; good && cut <= strlen(RESPONSE); cut++)
		good = passes(cut);
	ok(good, "fields go, change and come on each side, through kills; bodies stay");
	ok(refused("request_set", "no colon") && refused("request_set", ": x") &&
		   refused("response_add", "a b: c") && refused("response_remove", "a: b") &&
		   refused("response_set", "Content-Length: 1") &&
		   refused("request_remove", "transfer-encoding"),
	   "options that are no fields, or fields that the platform keeps, are refused");
	ok(!refused("request_set", "A:b"), "a field without a blank is one");
	return done();
}
