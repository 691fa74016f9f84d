/* header - sets, adds and removes fields of HTTP header blocks
 *
 * Lesson: a module without on_data.  on_head is called for each message, before any of its header
 * block goes on; bodies pass at full speed, their lengths untouched.  Changes are staged and are
 * made when on_head returns: a message leaves with all of them or, when the process is killed
 * before, comes to its successor as it was.
 *
 *   options (each may be a list; in this order: remove, set, add):
 *     request_remove: [DNT, X-Forwarded-For]
 *     request_set: ["Accept-Encoding: identity"]     in place of every field of that name
 *     request_add: ["Via: 1.1 box"]                  besides those that are there
 *     response_remove: [Server, X-Powered-By]
 *     response_set: ["X-Frame-Options: DENY"]
 *     response_add: ["Set-Cookie: box=1; Path=/"]
 *
 * Content-Length and Transfer-Encoding cannot be changed.  Interim responses (1xx) and connections
 * that are no HTTP any more pass as they are.
 */
#include "pmhost/pm.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MAX_CHANGES 64

enum what { REMOVE, SET, ADD, NR_WHAT };

struct change {
	const char *value; /* NULL: remove */
	char name[64];
};

struct list {
	struct change change[MAX_CHANGES];
	int nr;
};

static struct list lists[2][NR_WHAT]; /* of requests, of responses */
static const char *const key[2][NR_WHAT] = {
	{"request_remove", "request_set", "request_add"},
	{"response_remove", "response_set", "response_add"},
};

/* A name, and behind a colon the value. */
static bool parse(struct change *c, const char *text, enum what what)
{
	size_t n = strcspn(text, ":");

	if (n == 0 || n >= sizeof(c->name) || (what == REMOVE) != (text[n] == '\0') ||
	    strpbrk(text, "\r\n"))
		return false;
	memcpy(c->name, text, n);
	c->name[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (!isgraph((unsigned char)text[i]) || strchr("\"(),/:;<=>?@[\\]{}", text[i]))
			return false;
	c->value = what == REMOVE ? NULL : text + n + 1 + strspn(text + n + 1, " ");
	return strcasecmp(c->name, "Content-Length") != 0 &&
	       strcasecmp(c->name, "Transfer-Encoding") != 0;
}

static int init(struct fos_instance *pm)
{
	memset(lists, 0, sizeof(lists));
	for (int i = 0; i < 2 * NR_WHAT; i++) {
		struct list *l = &lists[i / NR_WHAT][i % NR_WHAT];
		const char *k = key[i / NR_WHAT][i % NR_WHAT], *text;

		while ((text = fos_option(pm, k, (unsigned)l->nr)) != NULL) {
			if (l->nr == MAX_CHANGES ||
			    !parse(&l->change[l->nr], text, (enum what)(i % NR_WHAT))) {
				fos_say(pm, "option %s: '%s' is %s (at most %d of them; not "
					    "Content-Length, not Transfer-Encoding)", k, text,
					i % NR_WHAT == REMOVE ? "no name of a field" :
								"no \"Name: value\"", MAX_CHANGES);
				return -1;
			}
			l->nr++;
		}
	}
	return 0;
}

static void on_head(struct fos_window *w)
{
	const struct list *l = lists[fos_http(w)->response];

	for (int i = 0; i < l[REMOVE].nr; i++)
		fos_http_remove(w, l[REMOVE].change[i].name);
	for (int i = 0; i < l[SET].nr; i++)
		fos_http_set(w, l[SET].change[i].name, l[SET].change[i].value);
	for (int i = 0; i < l[ADD].nr; i++)
		fos_http_add(w, l[ADD].change[i].name, l[ADD].change[i].value);
}

FOS_PM(.name = "header", .stream = FOS_HTTP_BODY, .flags = FOS_PM_EDITS, .init = init,
	.on_head = on_head);
