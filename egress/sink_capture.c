/* egress/sink_capture.c - packets leave into a capture file, in the order of the input's frames
 *
 * What is sent is copied at once; flush() sorts a batch by input frame number (emission order
 * within one) and writes it.  Times are those of the input frames and never step back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/sink.h"
#include "shm/capture.h"

struct packet {
	uint64_t number;
	uint64_t order;
	uint64_t time_ns;
	uint64_t at; /* in the buffer */
	uint32_t len;
	uint32_t wire_len;
	uint32_t link;
};

struct capture_sink {
	struct fos_proc *p;
	struct fos_capture_writer *w; /* NULL until the first packet tells the link type */
	const char *path;             /* "" = packets are counted, not written */
	struct packet *packet;
	uint64_t nr, max;
	uint8_t *buf;
	uint64_t used, size;
	struct fos_sink_back done; /* frames copied, to be handed back */
	uint64_t last_ns;
	uint32_t link;
	bool mixed; /* one has a smaller number than one before it */
	bool failed;
};

void *fos_sink_capture_new(void)
{
	return calloc(1, sizeof(struct capture_sink));
}

static int open_sink(void *ctx, struct fos_proc *p)
{
	struct capture_sink *s = ctx;

	s->p = p;
	s->path = p->dir->output_off ? fos_dir_string(p->dir, p->dir->output_off) : "";
	s->done.frame = calloc(p->dir->nr_frames, sizeof(*s->done.frame));
	if (!s->done.frame)
		fos_log(FOS_LOG_ERROR, "egress: no memory for a list of %u frames", p->dir->nr_frames);
	return s->done.frame ? 0 : -ENOMEM;
}

static void fail(struct capture_sink *s, const char *why)
{
	if (!s->failed)
		fos_log(FOS_LOG_ERROR, "%s", why);
	s->failed = s->p->failed = true;
}

/* Makes room for one packet; false: no memory. */
static bool grow(struct capture_sink *s, uint32_t len)
{
	if (s->nr == s->max) {
		uint64_t max = s->max ? 2 * s->max : 1024;
		struct packet *v = realloc(s->packet, max * sizeof(*v));

		if (!v)
			return false;
		s->packet = v;
		s->max = max;
	}
	if (s->used + len > s->size) {
		uint64_t size = s->size ? 2 * s->size : 1u << 20;
		uint8_t *b;

		while (size < s->used + len)
			size *= 2;
		b = realloc(s->buf, size);
		if (!b)
			return false;
		s->buf = b;
		s->size = size;
	}
	return true;
}

static void send_packets(void *ctx, uint32_t port, const struct fos_tx *tx, uint32_t n)
{
	struct capture_sink *s = ctx;

	(void)port;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *frame = fos_box_frame(&s->p->box, tx[i].frame);

		s->done.frame[s->done.nr++] = tx[i].frame;
		if (!*s->path || s->failed)
			continue;
		if (!grow(s, tx[i].len)) {
			fail(s, "no memory for the packets of one batch: output is incomplete");
			continue;
		}
		memcpy(s->buf + s->used, frame + tx[i].off, tx[i].len);
		s->mixed |= s->nr && tx[i].number < s->packet[s->nr - 1].number;
		s->packet[s->nr] = (struct packet){
			.number = tx[i].number,
			.order = s->nr,
			.time_ns = tx[i].time_ns,
			.at = s->used,
			.len = tx[i].len,
			.wire_len = tx[i].wire_len,
			.link = ((const struct fos_frame_meta *)(const void *)frame)->link,
		};
		s->used += tx[i].len;
		s->nr++;
	}
}

static int by_number(const void *a, const void *b)
{
	const struct packet *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static bool create(struct capture_sink *s, uint32_t link)
{
	char err[256];

	s->link = link;
	s->w = fos_capture_create(s->path, link, true, 0, err, sizeof(err));
	if (!s->w)
		fail(s, err);
	return s->w;
}

static void write_one(struct capture_sink *s, const struct packet *k)
{
	int rc;

	if (!s->w && !create(s, k->link))
		return;
	if (k->link != s->link) {
		/* one pcap file has one link type: that of the first packet */
		fos_count(s->p->counter, FOS_C_drop_link_type, 1);
		return;
	}
	if (k->time_ns > s->last_ns)
		s->last_ns = k->time_ns;
	rc = fos_capture_write(s->w, s->buf + k->at, k->len, k->wire_len, s->last_ns);
	if (rc < 0) {
		char line[512];

		snprintf(line, sizeof(line), "%s cannot be written: %s", s->path, strerror(-rc));
		fail(s, line);
	}
}

static void flush(void *ctx)
{
	struct capture_sink *s = ctx;

	if (s->mixed)
		qsort(s->packet, s->nr, sizeof(*s->packet), by_number);
	for (uint64_t i = 0; i < s->nr && !s->failed; i++)
		write_one(s, &s->packet[i]);
	s->nr = s->used = 0;
	s->mixed = false;
}

static uint32_t room(void *ctx, uint32_t port)
{
	const struct capture_sink *s = ctx;

	(void)port;
	return s->p->dir->nr_frames - s->done.nr;
}

static bool kick(void *ctx)
{
	(void)ctx;
	return false;
}

static uint32_t reap(void *ctx, uint32_t *frames, uint32_t max)
{
	return fos_sink_back_reap(&((struct capture_sink *)ctx)->done, frames, max);
}

static void reap_done(void *ctx)
{
	fos_sink_back_done(&((struct capture_sink *)ctx)->done);
}

static uint64_t mark(void *ctx, uint32_t port)
{
	(void)ctx;
	(void)port;
	return UINT64_MAX; /* a file has no memory of what its writer was about to add */
}

/* Has ingress come to the input's end?  An input that cannot be read leaves no output. */
static bool all_read(const struct capture_sink *s)
{
	const struct fos_proc *p = s->p;
	uint32_t i = fos_proc_find(p->dir, FOS_ROLE_INGRESS, 0, 0);
	const struct fos_region_head *h = (const void *)p->box.region[p->dir->proc[i].region].base;

	/* pairs with the release in ingress's replay */
	return fos_acquire32(&h->eof) > 0;
}

static void finish(void *ctx)
{
	struct capture_sink *s = ctx;

	flush(s);
	/* an input without packets gives an empty capture, not a missing one */
	if (!s->w && !s->failed && s->path && *s->path && all_read(s))
		create(s, FOS_LINK_ETHERNET);
}

static void close_sink(void *ctx)
{
	struct capture_sink *s = ctx;
	char err[256];

	if (s->w && fos_capture_finish(s->w, err, sizeof(err)) < 0)
		fail(s, err);
	free(s->packet);
	free(s->buf);
	free(s->done.frame);
	free(s);
}

const struct fos_sink_ops fos_sink_capture_ops = {
	.open = open_sink,
	.room = room,
	.send = send_packets,
	.kick = kick,
	.reap = reap,
	.reap_done = reap_done,
	.mark = mark,
	.flush = flush,
	.finish = finish,
	.close = close_sink,
};
