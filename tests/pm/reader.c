/* reader - looks at eight bytes of every run of the window and lets all go on (benchmarks)
 *
 *   options:
 *     find: "text"     look for it in all bytes instead; what is found is counted, nothing changed
 *     file: out.txt    the count, at an orderly stop (default: standard output)
 */
#include "pmhost/pm.h"

#include <inttypes.h>
#include <string.h>

struct total {
	uint64_t hits;
};

static const char *text;
static int out;

static int init(struct fos_instance *pm)
{
	text = fos_option(pm, "find", 0);
	out = text ? fos_output(pm, fos_option(pm, "file", 0)) : 0;
	return out < 0 ? out : 0;
}

static void look(struct fos_window *w)
{
	struct fos_iov v[16];
	uint64_t at = fos_head(w), sum = 0, eight;
	int n;

	while ((n = fos_iov(w, at, SIZE_MAX, v, 16)) > 0) {
		for (int i = 0; i < n; i++) {
			if (v[i].len >= sizeof(eight)) {
				memcpy(&eight, v[i].data, sizeof(eight));
				sum ^= eight;
			}
			at += v[i].len;
		}
	}
	__asm__ volatile("" : : "r"(sum));
	fos_release_all(w);
}

static void search(struct fos_window *w)
{
	struct total *t;
	struct fos_hit hit;

	while (fos_find(w, fos_head(w), text, 0, &hit)) {
		t = fos_state(fos_pm_of(w));
		t->hits++;
		if (fos_release(w, hit.end) != FOS_OK)
			return;
	}
	fos_release(w, hit.pos);
}

static void on_data(struct fos_window *w)
{
	if (text)
		search(w);
	else
		look(w);
}

static void fini(struct fos_instance *pm)
{
	const struct total *t = fos_state(pm);

	if (text)
		fos_printf(pm, out, "%" PRIu64 "\n", t->hits);
}

FOS_PM(.name = "reader", .stream = FOS_APP, .state_size = sizeof(struct total), .init = init,
	.on_data = on_data, .fini = fini);
