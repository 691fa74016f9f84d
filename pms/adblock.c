/* adblock - web pages without the script elements that load from advertisement hosts
 *
 * Lesson: decide at the first byte that suffices, and edit while the stream flows.  Nothing is
 * acknowledged early, so a module that waits for the end of a long element stops the sender.  The
 * opening tag tells where a script comes from; from then on "inside a deletion" is one byte of
 * context, and the element is deleted as it arrives, megabytes of it, up to its closing tag.
 *
 * Lesson: let the platform do HTTP.  on_head picks the pages that are HTML and not encoded;
 * FOS_PM_PLAIN asks servers not to encode them.  Lengths and chunks are mended below this module:
 * what it deletes is gone, and browsers wait for nothing.
 *
 * Lesson: a release costs more than an edit (a commit, and in a page that leaves in chunks one of
 * them), so what is found in one window is staged and goes on together.
 *
 *   options:
 *     hosts: [ads.example, doubleclick.net]     these hosts and all below them
 *     list: /etc/flowos/hosts.txt               the same from a file, one a line
 *     accept_encoding: keep                     (pm_http.h) encoded pages pass as they are
 */
#include "pmhost/pm.h"

#define AT_ONCE 32u /* steps between two releases */

struct page {
	uint8_t inside; /* in an element that goes */
};

static struct fos_hosts *hosts;

static int init(struct fos_instance *pm)
{
	hosts = fos_hosts(pm, "hosts", "list");
	return hosts ? 0 : -1;
}

static void on_head(struct fos_window *w)
{
	struct page *page = fos_ctx(w);

	page->inside = 0;
	if (!fos_http(w)->response || !fos_http_is(w, "Content-Type", "text/html") ||
	    fos_http_get(w, "Content-Encoding"))
		fos_http_skip(w);
}

static bool is_ad(struct fos_window *w, uint64_t pos, size_t len)
{
	const char *src = fos_attribute(fos_peek(w, pos, len), len, "src", &len);

	return fos_hosts_match(hosts, src, len);
}

/* One step over the window from *at on; false: wait for more bytes. */
static bool step(struct fos_window *w, struct page *page, uint64_t *at)
{
	struct fos_hit hit, end;

	if (page->inside) {
		bool over = fos_find(w, *at, "</script>", FOS_ICASE, &hit);

		if (fos_delete(w, *at, hit.end - *at) != FOS_OK)
			return *at > fos_head(w); /* again once what is staged has gone */
		page->inside = !over;
		*at = hit.end;
		return over;
	}
	if (!fos_find(w, *at, "<script", FOS_ICASE, &hit) || !fos_find(w, hit.end, ">", 0, &end)) {
		*at = hit.pos;
		return false;
	}
	page->inside = is_ad(w, hit.pos, end.end - hit.pos);
	*at = page->inside ? hit.pos : end.end;
	return true;
}

static void on_data(struct fos_window *w)
{
	struct page *page = fos_ctx(w);
	uint64_t at = fos_head(w);
	bool more = at < fos_tail(w);

	while (more) {
		for (uint32_t i = 0; i < AT_ONCE && more; i++)
			more = step(w, page, &at) && at < fos_tail(w);
		if (fos_release(w, at) != FOS_OK)
			return;
	}
}

FOS_PM(.name = "adblock", .stream = FOS_HTTP_BODY, .flags = FOS_PM_EDITS | FOS_PM_PLAIN,
	.ctx_size = sizeof(struct page), .init = init, .on_head = on_head, .on_data = on_data);
