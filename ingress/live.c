/* ingress/live.c - receiving from one NIC queue over AF_XDP */
#include <errno.h>
#include <string.h>

#include "ingress/chain.h"
#include "ingress/ingress.h"
#include "shm/killpoint.h"

#define RX_BATCH 64u
#define FILL_BATCH 64u
#define LOST_NS 200000000ull

static uint32_t frame_of(const struct fos_ingress *g, const struct xdp_desc *d)
{
	return (uint32_t)(d->addr / g->frame_size);
}

static bool is_kernels(const struct fos_ingress *g, uint32_t frame)
{
	return frame < g->proc->dir->nr_frames && (g->claims[frame] & 3u) == FOS_ING_KERNEL;
}

/* A predecessor died lending frames: the FILL ring's producer says whether the kernel has them. */
static void settle_lent(struct fos_ingress *g)
{
	bool given = g->xsk.fill.cached_prod != g->priv->lend_from;

	for (uint32_t f = 0; f < g->proc->dir->nr_frames; f++) {
		if ((g->claims[f] & 3u) != FOS_ING_LENDING)
			continue;
		if (given)
			fos_relaxed_store32(&g->claims[f], (g->claims[f] & ~3u) | FOS_ING_KERNEL);
		else
			fos_ingress_reclaim(g, f);
	}
}

/* What a predecessor had taken and died before it released: now, while the claims tell.  Once such a
 * frame has come home and was lent again, they would not. */
void fos_ingress_live_resume(struct fos_ingress *g)
{
	uint32_t idx = 0, n, taken;
	bool inside = false;

	settle_lent(g);
	do {
		n = fos_xsk_rx_peek(&g->xsk, RX_BATCH, &idx);
		for (taken = 0; taken < n; taken++) {
			const struct xdp_desc *d = fos_xsk_rx_desc(&g->xsk, idx + taken);
			uint32_t frame = frame_of(g, d);

			/* a packet in several frames is passed on, or lost, as a whole */
			if (!inside && is_kernels(g, frame))
				break;
			if (is_kernels(g, frame))
				fos_ingress_reclaim(g, frame);
			inside = d->options & XDP_PKT_CONTD;
		}
		xsk_ring_cons__cancel(&g->xsk.rx, n - taken);
		fos_xsk_rx_release(&g->xsk, taken);
	} while (inside && taken > 0);
}

/* The sockets that these frames were given to are gone (Linux before 6.4): they are ours again. */
static void take_back(struct fos_ingress *g)
{
	uint32_t before = g->nr_stack;

	for (uint32_t f = 0; f < g->proc->dir->nr_frames; f++) {
		if ((g->claims[f] & 3u) < FOS_ING_KERNEL)
			continue;
		fos_relaxed_store32(&g->claims[f], (g->claims[f] & ~3u) | FOS_ING_HELD);
		g->stack[g->nr_stack++] = f;
	}
	fos_count(g->proc->counter, FOS_C_frames_swept, g->nr_stack - before);
}

int fos_ingress_live_init(struct fos_ingress *g)
{
	static const struct fos_xsk_sizes sizes = FOS_XSK_SIZES;
	char err[256];

	if (g->proc->fds.sockets)
		take_back(g);
	if (fos_xsk_adopt_rx(&g->xsk, g->proc->fds.xsk, &sizes, err, sizeof(err)) < 0) {
		fos_log(FOS_LOG_ERROR, "%s", err);
		return -EIO;
	}
	g->has_xsk = true;
	fos_ingress_live_resume(g);
	return fos_proc_watch(g->proc, g->proc->fds.xsk);
}

static void claim_top(struct fos_ingress *g, uint32_t from, uint32_t n, uint32_t state)
{
	for (uint32_t i = from; i < n; i++) {
		uint32_t *claim = &g->claims[g->stack[g->nr_stack - 1 - i]];

		fos_relaxed_store32(claim, (*claim & ~3u) | state);
	}
}

/* Lends the n uppermost frames of the stack.  One store, the FILL ring's producer, hands them all
 * over; a successor compares it with `lend_from`. */
static uint32_t lend(struct fos_ingress *g, uint32_t n)
{
	uint64_t addr[FILL_BATCH];
	uint32_t given;

	g->priv->lend_from = g->xsk.fill.cached_prod;
	fos_barrier_compiler();
	claim_top(g, 0, n, FOS_ING_LENDING);
	fos_killpoint("fill.lending");
	for (uint32_t i = 0; i < n; i++)
		addr[i] = (uint64_t)g->stack[g->nr_stack - 1 - i] * g->frame_size;
	given = fos_xsk_fill(&g->xsk, addr, n);
	fos_killpoint("fill.given");
	/* not before the producer: see settle_lent() */
	fos_barrier_compiler();
	claim_top(g, 0, given, FOS_ING_KERNEL);
	claim_top(g, given, n, FOS_ING_HELD);
	fos_killpoint("fill.claimed");
	g->nr_stack -= given;
	return given;
}

/* Gives free frames to the kernel. */
static uint32_t refill(struct fos_ingress *g)
{
	uint32_t room = fos_xsk_fill_room(&g->xsk), done = 0;

	if (room == g->xsk.fill.size)
		fos_count(g->proc->counter, FOS_C_rx_fill_empty, 1);
	while (room > 0 && g->nr_stack > 0) {
		uint32_t n = room < g->nr_stack ? room : g->nr_stack, given;

		n = n < FILL_BATCH ? n : FILL_BATCH;
		given = lend(g, n);
		done += given;
		if (given < n)
			break;
		room -= n;
	}
	return done;
}

/* What the kernel says of a buffer; `total` bytes in all buffers of the packet. */
static struct fos_frame_meta *describe(struct fos_ingress *g, const struct xdp_desc *d,
				       uint32_t frame, uint32_t total)
{
	struct fos_frame_meta *m = fos_box_meta(&g->proc->box, frame);

	memset(m, 0, sizeof(*m));
	m->data_off = (uint16_t)(d->addr & (g->frame_size - 1));
	m->len = (uint16_t)d->len;
	m->orig_len = (uint16_t)total;
	m->link = FOS_LINK_ETHERNET;
	m->port = (uint8_t)g->proc->me->port;
	m->queue = (uint16_t)g->proc->me->queue;
	m->time_ns = g->proc->now_ns;
	m->next_frame = FOS_NONE;
	return m;
}

static void describe_packet(struct fos_ingress *g, const struct xdp_desc *d, uint32_t frame,
			    uint32_t total)
{
	struct fos_frame_meta *m = describe(g, d, frame, total);

	fos_ingress_parse(g, m);
}

/* Packets without payload acknowledge what others wait for with frames in their hands. */
static bool brings_data(const struct fos_frame_meta *m)
{
	return m->flags & (FOS_PKT_UDP | FOS_PKT_FRAGMENT) ||
	       (m->flags & FOS_PKT_TCP && m->payload_len > 0);
}

/* ---- packets in several buffers -------------------------------------------------------------- */

/* Descriptors of the packet that begins at `idx`; 0: its end is not among the n that are there. */
static uint32_t chain_len(const struct fos_ingress *g, uint32_t idx, uint32_t n)
{
	uint32_t len = 0;

	while (len < n)
		if (!(fos_xsk_rx_desc(&g->xsk, idx + len++)->options & XDP_PKT_CONTD))
			return len;
	return 0;
}

/* What is still the kernel's of these frames is free again. */
static void give_up(struct fos_ingress *g, const uint32_t *frame, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (is_kernels(g, frame[i]))
			fos_ingress_reclaim(g, frame[i]);
}

/* Fills in the metadata of all frames; returns how many the packet needs, 0 = none. */
static uint32_t describe_chain(struct fos_ingress *g, uint32_t idx, const uint32_t *frame,
			       uint32_t n)
{
	uint32_t total = 0, used, why = FOS_C_drop_meta;

	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *d = fos_xsk_rx_desc(&g->xsk, idx + i);

		/* a predecessor that died may have passed some of them on: then the packet is lost */
		if (!is_kernels(g, frame[i]))
			return 0;
		total += d->len;
	}
	if (total <= UINT16_MAX) {
		for (uint32_t i = 1; i < n; i++)
			describe(g, fos_xsk_rx_desc(&g->xsk, idx + i), frame[i], 0);
		describe_packet(g, fos_xsk_rx_desc(&g->xsk, idx), frame[0], total);
		used = fos_chain_complete(&g->proc->box, frame, n, &why);
		if (used)
			return used;
	}
	fos_count(g->proc->counter, (enum fos_counter_id)why, 1);
	return 0;
}

/* False: no room in its lane's ring. */
static bool take_chain(struct fos_ingress *g, uint32_t idx, uint32_t n, uint32_t *passed,
		       uint32_t *nr_passed)
{
	uint32_t frame[RX_BATCH], used;
	struct fos_ring_prod *ring;

	for (uint32_t i = 0; i < n; i++)
		frame[i] = frame_of(g, fos_xsk_rx_desc(&g->xsk, idx + i));
	used = describe_chain(g, idx, frame, n);
	if (used && g->nr_free < g->low && brings_data(fos_box_meta(&g->proc->box, frame[0]))) {
		fos_count(g->proc->counter, FOS_C_drop_no_frame, 1);
		used = 0;
	}
	if (used) {
		const struct fos_frame_meta *m = fos_box_meta(&g->proc->box, frame[0]);

		ring = fos_ingress_lane(g, m);
		if (fos_ring_room(ring, used) < used)
			return false;
		fos_ingress_count(g, m);
		fos_count(g->proc->counter, FOS_C_rx_chains, used > 1);
		for (uint32_t i = 0; i < used; i++) {
			fos_ingress_pass(g, ring, frame[i], i ? FOS_DESC_MORE : FOS_DESC_FRAME,
					 i ? 0 : used - 1);
			passed[(*nr_passed)++] = frame[i];
		}
	}
	give_up(g, frame + used, n - used);
	return true;
}

/* Takes up to n descriptors; stops where a lane has no room (they wait in the RX ring, which
 * the kernel counts when it overflows).  Returns how many were used up. */
static uint32_t take(struct fos_ingress *g, uint32_t idx, uint32_t n, uint32_t *passed,
		     uint32_t *nr_passed)
{
	uint32_t i = 0;

	for (uint32_t len; i < n; i += len) {
		const struct xdp_desc *d = fos_xsk_rx_desc(&g->xsk, idx + i);
		uint32_t frame = frame_of(g, d);
		struct fos_ring_prod *ring;
		struct fos_frame_meta *m;

		len = 1;
		if (d->options & XDP_PKT_CONTD) {
			len = chain_len(g, idx + i, n - i);
			if (!len && i == 0 && n == RX_BATCH)
				len = n; /* longer than any packet: nothing to be made of it */
			if (!len || !take_chain(g, idx + i, len, passed, nr_passed))
				break;
			continue;
		}
		if (!is_kernels(g, frame))
			continue;
		describe_packet(g, d, frame, d->len);
		m = fos_box_meta(&g->proc->box, frame);
		if (g->nr_free < g->low && brings_data(m)) {
			fos_ingress_refuse(g, frame);
			continue;
		}
		ring = fos_ingress_lane(g, m);
		if (fos_ring_room(ring, 1) == 0)
			break;
		fos_ingress_count(g, m);
		fos_ingress_pass(g, ring, frame, FOS_DESC_FRAME, 0);
		passed[(*nr_passed)++] = frame;
	}
	return i;
}

/* What was taken and never reached the RX ring; the socket counts from its creation. */
static void count_lost(struct fos_ingress *g)
{
	struct xdp_statistics st;

	if (g->proc->now_ns - g->lost_ns < LOST_NS)
		return;
	g->lost_ns = g->proc->now_ns;
	if (fos_xsk_stats(g->xsk.fd, &st) == 0)
		fos_relaxed_store64(&g->proc->counter[FOS_C_rx_lost],
				    st.rx_dropped + st.rx_ring_full);
}

uint32_t fos_ingress_live(struct fos_ingress *g)
{
	uint32_t passed[RX_BATCH], nr_passed = 0, idx = 0;
	uint32_t done = fos_ingress_collect(g);
	uint32_t n, used;

	count_lost(g);
	done += refill(g);
	n = fos_xsk_rx_peek(&g->xsk, RX_BATCH, &idx);
	if (n == 0)
		return done;
	used = take(g, idx, n, passed, &nr_passed);
	fos_killpoint("rx.taken");
	for (uint32_t lane = 0; lane < g->proc->dir->nr_lanes; lane++)
		fos_ring_commit(g->lane[lane]);
	fos_killpoint("rx.committed");
	for (uint32_t i = 0; i < nr_passed; i++)
		fos_ingress_passed(g, passed[i]);
	/* the kernel may reuse the slots only now: what was in them is in the lanes' rings */
	xsk_ring_cons__cancel(&g->xsk.rx, n - used);
	fos_killpoint("rx.passed");
	fos_xsk_rx_release(&g->xsk, used);
	fos_killpoint("rx.released");
	return done + used;
}
