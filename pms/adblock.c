/* adblock - web pages without the script elements that load from advertisement hosts
 *
 * Lesson: decide at the first byte that suffices, and edit while the stream flows.  Nothing is
 * acknowledged early, so a module that waits for the end of a long element stops the sender.  The
 * opening tag tells where a script comes from; from then on "inside a deletion" is one byte of
 * context, and the element is deleted as it arrives, megabytes of it, up to its closing tag.
 *
 * Lesson: the length that was promised.  Where a Content-Length (or a chunk's size) has announced
 * how many bytes come, a shorter body would leave the browser waiting; there the element is blanked
 * with spaces instead.  A response without either is the last of its connection, so once one has
 * announced a length, blanking stays right.
 *
 *   options:
 *     hosts: [ads.example, doubleclick.net]     these hosts and all below them
 *     list: /etc/flowos/hosts.txt               the same from a file, one a line
 */
#include "pmhost/pm.h"

struct page {
	uint8_t inside; /* in an element that goes */
	uint8_t blank;  /* a length was announced */
};

static const struct fos_text marks[] = {FOS_TEXT("<script"), FOS_TEXT("content-length:"),
					FOS_TEXT("transfer-encoding:")};
static struct fos_hosts *hosts;

static int init(struct fos_instance *pm)
{
	hosts = fos_hosts(pm, "hosts", "list");
	return hosts ? 0 : -1;
}

static bool is_ad(struct fos_window *w, uint64_t pos, size_t len)
{
	const char *src = fos_attribute(fos_peek(w, pos, len), len, "src", &len);

	return fos_hosts_match(hosts, src, len);
}

/* One step over the window; false: wait for more bytes. */
static bool step(struct fos_window *w, struct page *page, uint64_t head)
{
	struct fos_hit hit, end;

	if (page->inside) {
		page->inside = !fos_find(w, head, "</script>", FOS_ICASE, &hit);
		if ((page->blank ? fos_fill(w, head, ' ', hit.end - head)
				 : fos_delete(w, head, hit.end - head)) != FOS_OK)
			return false;
		return fos_release(w, hit.end) == FOS_OK && !page->inside;
	}
	if (!fos_find_any(w, head, marks, page->blank ? 1 : 3, FOS_ICASE, &hit) ||
	    (hit.which == 0 && !fos_find(w, hit.end, ">", 0, &end)))
		return fos_release(w, hit.pos) == FOS_OK && false;
	page->blank |= hit.which > 0;
	page->inside = hit.which == 0 && is_ad(w, hit.pos, end.end - hit.pos);
	return fos_release(w, page->inside ? hit.pos : hit.which ? hit.end : end.end) == FOS_OK;
}

static void on_data(struct fos_window *w)
{
	while (fos_head(w) < fos_tail(w) && step(w, fos_ctx(w), fos_head(w)))
		;
}

FOS_PM(.name = "adblock", .stream = FOS_APP, .flags = FOS_PM_EDITS,
	.ctx_size = sizeof(struct page), .init = init, .on_data = on_data);
