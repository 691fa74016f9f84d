/* egress/sink_xsk.c - packets leave over AF_XDP: one TX socket per port, queue = lane */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "egress/sink.h"
#include "shm/xsk.h"

#define SEND_MAX 2048u
#define BIND_NS 5000000000ull
#define RETRY_NS 100000000ull /* a device that refuses is asked again after that */

struct port {
	struct fos_xsk_tx tx;
	bool open;
	bool down;       /* the device refuses; packets are dropped until it takes some again */
	uint64_t retry_ns;
	uint64_t patient_until; /* till then the socket may not be bound yet */
	uint64_t kicks_seen;
	uint64_t dropped_seen;
	uint32_t reaped; /* completions handed out, to be released */
};

struct xsk_sink {
	struct fos_proc *p;
	struct port port[FOS_MAX_PORTS];
	struct fos_sink_back refused; /* frames that never reached a device, to be handed back */
	struct xdp_desc desc[SEND_MAX];
};

void *fos_sink_xsk_new(void)
{
	return calloc(1, sizeof(struct xsk_sink));
}

static int open_ports(struct xsk_sink *s)
{
	static const struct fos_xsk_sizes sizes = FOS_XSK_SIZES;
	const struct fos_proc *p = s->p;
	char err[256];

	for (uint32_t i = 0; i < p->dir->nr_ports; i++) {
		if (p->fds.xsk_tx[i] < 0)
			continue;
		if (fos_xsk_adopt_tx(&s->port[i].tx, p->fds.xsk_tx[i], &sizes, err,
				     sizeof(err)) < 0) {
			fos_log(FOS_LOG_ERROR, "%s", err);
			return -EIO;
		}
		s->port[i].open = true;
		s->port[i].patient_until = p->fds.sockets ? p->now_ns + BIND_NS : 0;
	}
	return 0;
}

static int open_sink(void *ctx, struct fos_proc *p)
{
	struct xsk_sink *s = ctx;

	s->p = p;
	s->refused.frame = calloc(p->dir->nr_frames, sizeof(*s->refused.frame));
	if (!s->refused.frame)
		fos_log(FOS_LOG_ERROR, "egress: no memory for a list of %u frames", p->dir->nr_frames);
	return s->refused.frame ? open_ports(s) : -ENOMEM;
}

static void close_ports(struct xsk_sink *s)
{
	for (uint32_t i = 0; i < FOS_MAX_PORTS; i++)
		if (s->port[i].open)
			fos_xsk_leave_tx(&s->port[i].tx);
	memset(s->port, 0, sizeof(s->port));
}

static int renew(void *ctx)
{
	struct xsk_sink *s = ctx;

	close_ports(s);
	s->refused.nr = s->refused.seen = 0;
	return open_ports(s);
}

static uint32_t room(void *ctx, uint32_t port)
{
	struct xsk_sink *s = ctx;
	struct port *q = &s->port[port];

	if (!q->open || q->down)
		return SEND_MAX; /* taken and dropped */
	return fos_xsk_tx_room(&q->tx);
}

static void refuse(struct xsk_sink *s, uint32_t frame)
{
	fos_count(s->p->counter, FOS_C_drop_tx, 1);
	s->refused.frame[s->refused.nr++] = frame;
}

static void send_packets(void *ctx, uint32_t port, const struct fos_tx *tx, uint32_t n)
{
	struct xsk_sink *s = ctx;
	struct port *q = &s->port[port];
	uint32_t done = 0;

	if (q->open && !q->down) {
		for (uint32_t i = 0; i < n && i < SEND_MAX; i++)
			s->desc[i] = (struct xdp_desc){
				.addr = (uint64_t)tx[i].frame * s->p->dir->frame_size + tx[i].off,
				.len = tx[i].len,
				.options = tx[i].more ? XDP_PKT_CONTD : 0,
			};
		done = fos_xsk_tx_put(&q->tx, s->desc, n < SEND_MAX ? n : SEND_MAX);
	}
	for (uint32_t i = done; i < n; i++)
		refuse(s, tx[i].frame);
}

static void went_down(struct xsk_sink *s, uint32_t port, int rc)
{
	struct port *q = &s->port[port];

	if (!q->down)
		fos_log(FOS_LOG_WARN, "interface %s does not send (%s): packets for it are dropped "
				      "until it does; check `ip link show %s`",
			s->p->dir->port[port].name, strerror(-rc), s->p->dir->port[port].nic);
	q->down = true;
	q->retry_ns = s->p->now_ns + RETRY_NS;
}

static void count(struct xsk_sink *s, struct port *q)
{
	fos_count(s->p->counter, FOS_C_tx_kicks, q->tx.nr_kicks - q->kicks_seen);
	fos_count(s->p->counter, FOS_C_drop_tx, q->tx.nr_dropped - q->dropped_seen);
	q->kicks_seen = q->tx.nr_kicks;
	q->dropped_seen = q->tx.nr_dropped;
}

static bool kick(void *ctx)
{
	struct xsk_sink *s = ctx;
	bool again = false;

	for (uint32_t i = 0; i < s->p->dir->nr_ports; i++) {
		struct port *q = &s->port[i];
		int rc;

		if (!q->open || (q->down && s->p->now_ns < q->retry_ns)) {
			again |= q->down;
			continue;
		}
		rc = fos_xsk_tx_kick(&q->tx);
		count(s, q);
		if (rc == 0)
			q->down = false;
		else if (rc == -EAGAIN || (rc == -ENXIO && s->p->now_ns < q->patient_until))
			again = true;
		else
			went_down(s, i, rc);
	}
	return again;
}

static uint32_t reap(void *ctx, uint32_t *frames, uint32_t max)
{
	struct xsk_sink *s = ctx;
	uint32_t n = fos_sink_back_reap(&s->refused, frames, max);

	for (uint32_t i = 0; i < s->p->dir->nr_ports && n < max; i++) {
		struct port *q = &s->port[i];
		uint32_t idx = 0, got;

		if (!q->open)
			continue;
		got = fos_xsk_comp_peek(&q->tx, max - n, &idx);
		for (uint32_t k = 0; k < got; k++)
			frames[n++] = (uint32_t)(fos_xsk_comp_addr(&q->tx, idx + k) /
						 s->p->dir->frame_size);
		q->reaped = got;
	}
	return n;
}

static void reap_done(void *ctx)
{
	struct xsk_sink *s = ctx;

	fos_sink_back_done(&s->refused);
	for (uint32_t i = 0; i < s->p->dir->nr_ports; i++) {
		if (s->port[i].reaped)
			fos_xsk_comp_release(&s->port[i].tx, s->port[i].reaped);
		s->port[i].reaped = 0;
	}
}

static uint64_t mark(void *ctx, uint32_t port)
{
	const struct xsk_sink *s = ctx;

	return s->port[port].open ? *s->port[port].tx.tx.producer : 0;
}

static void flush(void *ctx)
{
	kick(ctx);
}

static void close_sink(void *ctx)
{
	struct xsk_sink *s = ctx;

	close_ports(s);
	free(s->refused.frame);
	free(s);
}

const struct fos_sink_ops fos_sink_xsk_ops = {
	.open = open_sink,
	.room = room,
	.send = send_packets,
	.kick = kick,
	.reap = reap,
	.reap_done = reap_done,
	.mark = mark,
	.flush = flush,
	.finish = flush,
	.renew = renew,
	.close = close_sink,
};
