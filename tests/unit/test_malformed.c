/* test_malformed.c - every odd capture of the corpus is read to its end and parsed
 *
 * The corpus lies beside the project: $FLOWOS_CORPUS, else ../shared/corpus.  Its MALFORMED.tsv
 * tells how many frames each file has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingress/parse.h"
#include "shm/capture.h"
#include "tests/tap.h"

enum { FRAME_MAX = 65535 };

static const uint64_t key[2] = { 1, 2 };

/* Does the metadata point into the packet only? */
static bool sound(const struct fos_frame_meta *m)
{
	uint32_t end = (uint32_t)m->data_off + m->len;

	if (m->l3_off && ((m->l3_off < m->data_off) || (uint32_t)m->l3_off + m->l3_len > end))
		return false;
	if (m->l4_off && (m->l4_off < m->l3_off || m->l4_off > end))
		return false;
	if (m->flags & FOS_PKT_TCP && m->l4_off + 20u > end)
		return false;
	return !m->payload_off || (m->payload_off >= m->l3_off &&
				   (uint32_t)m->payload_off + m->payload_len <= end);
}

/* Parse a copy of exactly the packet's size, so that a sanitizer sees a read beyond it. */
static bool parse_packet(const struct fos_capture_packet *p, uint64_t number)
{
	uint32_t len = p->caplen > FRAME_MAX ? FRAME_MAX : p->caplen;
	struct fos_frame_meta m = {
		.number = number,
		.len = (uint16_t)len,
		.orig_len = (uint16_t)(p->origlen > FRAME_MAX ? FRAME_MAX : p->origlen),
		.link = (uint16_t)p->link,
	};
	uint8_t *copy = malloc(len ? len : 1);
	bool good;

	if (!copy)
		return false;
	memcpy(copy, p->data, len);
	fos_parse(copy, &m, key);
	good = sound(&m);
	free(copy);
	return good;
}

static void one_file(const char *dir, const char *file, const char *frames)
{
	struct fos_capture_packet p;
	char path[512], err[512] = "";
	struct fos_capture *c;
	uint64_t nr = 0, unsound = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	c = fos_capture_open(path, err, sizeof(err));
	if (c) {
		while (fos_capture_next(c, &p) == 1)
			unsound += !parse_packet(&p, ++nr);
		snprintf(err, sizeof(err), "%s", fos_capture_error(c));
		fos_capture_close(c);
	}
	if (!is_u64(nr, strtoull(frames, NULL, 10), "%s: all frames are read", file))
		diag("%s", err);
	if (unsound)
		is_u64(unsound, 0, "%s: metadata points into the packet", file);
}

int main(void)
{
	const char *dir = getenv("FLOWOS_CORPUS");
	char line[2048], path[512], *col[10];
	FILE *f;

	if (!dir)
		dir = "../shared/corpus";
	snprintf(path, sizeof(path), "%s/MALFORMED.tsv", dir);
	f = fopen(path, "r");
	if (!f) {
		tap_plan(1);
		skip("no corpus: %s is not there (FLOWOS_CORPUS)", path);
		return done();
	}
	tap_plan(0);
	while (fgets(line, sizeof(line), f)) {
		char *next = line;
		int n = 0;

		while (n < 10 && (col[n] = strsep(&next, "\t\n")))
			n++;
		if (line[0] == '#' || n < 8)
			continue;
		/* frames_capinfos, or where the file is cut short, frames_refasm */
		one_file(dir, col[0], strcmp(col[6], "-") ? col[6] : col[7]);
	}
	fclose(f);
	return done();
}
