/* timer.c - mtcp_settimer(): one-shot timers of sockets, on the one timer that a module has */
#include <errno.h>
#include <stdlib.h>

#include "pms/mos/mos.h"

struct timer {
	uint64_t ns; /* due; before the process has joined: from then on */
	int id;
	uint64_t serial; /* of the socket: it may have gone */
	callback_t cb;
};

/* A binary heap, least first. */
static struct timer *heap;
static uint32_t nr, cap;

static void swap(uint32_t a, uint32_t b)
{
	struct timer t = heap[a];

	heap[a] = heap[b];
	heap[b] = t;
}

static bool put(const struct timer *t)
{
	uint32_t i = nr;

	if (nr == cap) {
		uint32_t n = cap ? 2 * cap : 16;
		struct timer *more = realloc(heap, n * sizeof(*heap));

		if (!more)
			return false;
		heap = more;
		cap = n;
	}
	heap[nr++] = *t;
	for (; i && heap[i].ns < heap[(i - 1) / 2].ns; i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
	return true;
}

static struct timer take(void)
{
	struct timer t = heap[0];
	uint32_t i = 0, least = 0;

	heap[0] = heap[--nr];
	do {
		swap(i, least);
		i = least;
		for (uint32_t k = 2 * i + 1; k <= 2 * i + 2 && k < nr; k++)
			if (heap[k].ns < heap[least].ns)
				least = k;
	} while (least != i);
	return t;
}

static void due(struct fos_instance *pm)
{
	uint64_t now = fos_now_ns(pm);

	while (nr && heap[0].ns <= now) {
		struct timer t = take();
		const struct fos_mos_sock *s =
			fos_mos_sock(&fos_mos.ctx, t.id,
				     FOS_MOS_ACTIVE | FOS_MOS_LISTENER | FOS_MOS_RAW);

		/* as in mOS: side and event say nothing here */
		if (s && s->serial == t.serial)
			t.cb(&fos_mos.ctx, t.id, 0, 0, NULL);
	}
	if (nr)
		fos_tick(pm, heap[0].ns - now, due);
}

void fos_mos_timers_start(struct fos_instance *pm)
{
	for (uint32_t i = 0; i < nr; i++)
		heap[i].ns += fos_now_ns(pm);
	if (nr)
		fos_tick(pm, heap[0].ns - fos_now_ns(pm), due);
}

int mtcp_settimer(mctx_t mctx, int id, struct timeval *timeout, callback_t cb)
{
	const struct fos_mos_sock *s =
		fos_mos_sock(mctx, id, FOS_MOS_ACTIVE | FOS_MOS_LISTENER | FOS_MOS_RAW);
	uint64_t now = fos_mos.pm ? fos_now_ns(fos_mos.pm) : 0;
	struct timer t = {.id = id, .cb = cb};

	if (!s)
		return -1;
	if (!timeout || !cb || timeout->tv_sec < 0 || timeout->tv_usec < 0)
		return fos_mos_fail(EINVAL);
	t.serial = s->serial;
	/* at least a microsecond: a callback that sets its own timer lets others run */
	t.ns = now + (uint64_t)timeout->tv_sec * 1000000000u + (uint64_t)timeout->tv_usec * 1000u;
	t.ns += t.ns == now ? 1000 : 0;
	if (!put(&t))
		return fos_mos_fail(ENOMEM);
	if (fos_mos.pm)
		fos_tick(fos_mos.pm, heap[0].ns > now ? heap[0].ns - now : 1, due);
	return 0;
}

uint32_t mtcp_cb_get_ts(mctx_t mctx)
{
	return mctx == &fos_mos.ctx && fos_mos.pm ? (uint32_t)(fos_now_ns(fos_mos.pm) / 1000) : 0;
}
