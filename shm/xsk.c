/* shm/xsk.c - AF_XDP rings from the stage's side: adopt, receive, send */
#include "shm/xsk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "shm/atomic.h"

/* ---- mapping --------------------------------------------------------------------------------- */

static int ring_offsets(int fd, uint64_t pgoff, struct xdp_ring_offset *off, size_t *entry)
{
	struct xdp_mmap_offsets all;
	socklen_t len = sizeof(all);

	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &all, &len) < 0)
		return -errno;
	if (len != sizeof(all))
		return -EPROTO; /* Linux before 5.4 */
	*entry = sizeof(uint64_t);
	if (pgoff == XDP_PGOFF_RX_RING || pgoff == XDP_PGOFF_TX_RING)
		*entry = sizeof(struct xdp_desc);
	if (pgoff == XDP_PGOFF_RX_RING)
		*off = all.rx;
	else if (pgoff == XDP_PGOFF_TX_RING)
		*off = all.tx;
	else if (pgoff == XDP_UMEM_PGOFF_FILL_RING)
		*off = all.fr;
	else
		*off = all.cr;
	return 0;
}

int fos_xsk_map_ring(struct fos_xsk_map *m, int fd, uint64_t pgoff, uint32_t nr)
{
	size_t entry = 0;
	int rc = ring_offsets(fd, pgoff, &m->off, &entry);

	m->p = NULL;
	if (rc < 0)
		return rc;
	m->nr = nr;
	m->len = m->off.desc + nr * entry;
	m->p = mmap(NULL, m->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		    (off_t)pgoff);
	if (m->p == MAP_FAILED) {
		m->p = NULL;
		return -errno;
	}
	return 0;
}

void fos_xsk_unmap(struct fos_xsk_map *m)
{
	if (m->p)
		munmap(m->p, m->len);
	m->p = NULL;
}

static void *at(const struct fos_xsk_map *m, uint64_t off)
{
	return (uint8_t *)m->p + off;
}

/* We write: our index is the producer word; the kernel's, plus the length, is the limit. */
static void resume_prod(struct xsk_ring_prod *r, const struct fos_xsk_map *m)
{
	r->mask = m->nr - 1;
	r->size = m->nr;
	r->producer = at(m, m->off.producer);
	r->consumer = at(m, m->off.consumer);
	r->flags = at(m, m->off.flags);
	r->ring = at(m, m->off.desc);
	r->cached_prod = fos_relaxed32(r->producer);
	/* pairs with the kernel's release of the entries that it has consumed */
	r->cached_cons = fos_acquire32(r->consumer) + r->size;
}

/* We read: unreleased entries are seen again. */
static void resume_cons(struct xsk_ring_cons *r, const struct fos_xsk_map *m)
{
	r->mask = m->nr - 1;
	r->size = m->nr;
	r->producer = at(m, m->off.producer);
	r->consumer = at(m, m->off.consumer);
	r->flags = at(m, m->off.flags);
	r->ring = at(m, m->off.desc);
	r->cached_cons = fos_relaxed32(r->consumer);
	/* pairs with the kernel's release of the entries that it has produced */
	r->cached_prod = fos_acquire32(r->producer);
}

static int adopt_error(int rc, const char *what, char *err, size_t errlen)
{
	const char *why = strerror(-rc);

	if (rc == -EBUSY)
		why = "it was bound meanwhile, and this kernel maps rings only before that";
	snprintf(err, errlen, "cannot map the %s rings of an AF_XDP socket: %s", what, why);
	return rc;
}

/* The two rings of a socket: its own, and that of the UMEM. */
static int adopt(struct fos_xsk_map map[2], int fd, uint64_t ring, uint32_t nr, uint64_t umem_ring,
		 uint32_t umem_nr, const char *what, char *err, size_t errlen)
{
	int rc = fos_xsk_map_ring(&map[0], fd, ring, nr);

	if (rc == 0)
		rc = fos_xsk_map_ring(&map[1], fd, umem_ring, umem_nr);
	if (rc == 0)
		return 0;
	fos_xsk_unmap(&map[0]);
	fos_xsk_unmap(&map[1]);
	return adopt_error(rc, what, err, errlen);
}

int fos_xsk_adopt_rx(struct fos_xsk_rx *r, int fd, const struct fos_xsk_sizes *s, char *err,
		     size_t errlen)
{
	int rc;

	memset(r, 0, sizeof(*r));
	r->fd = fd;
	rc = adopt(r->map, fd, XDP_PGOFF_RX_RING, s->rx, XDP_UMEM_PGOFF_FILL_RING, s->fill,
		   "receive", err, errlen);
	if (rc < 0)
		return rc;
	resume_cons(&r->rx, &r->map[0]);
	resume_prod(&r->fill, &r->map[1]);
	return 0;
}

int fos_xsk_adopt_tx(struct fos_xsk_tx *t, int fd, const struct fos_xsk_sizes *s, char *err,
		     size_t errlen)
{
	int rc;

	memset(t, 0, sizeof(*t));
	t->fd = fd;
	rc = adopt(t->map, fd, XDP_PGOFF_TX_RING, s->tx, XDP_UMEM_PGOFF_COMPLETION_RING, s->comp,
		   "send", err, errlen);
	if (rc < 0)
		return rc;
	resume_prod(&t->tx, &t->map[0]);
	resume_cons(&t->comp, &t->map[1]);
	return 0;
}

void fos_xsk_leave_rx(struct fos_xsk_rx *r)
{
	fos_xsk_unmap(&r->map[0]);
	fos_xsk_unmap(&r->map[1]);
}

void fos_xsk_leave_tx(struct fos_xsk_tx *t)
{
	fos_xsk_unmap(&t->map[0]);
	fos_xsk_unmap(&t->map[1]);
}

/* ---- receive --------------------------------------------------------------------------------- */

/* What was peeked at and not released is seen again, with what has come since (it may be the rest of
 * a packet): start from the ring's own words each time. */
static uint32_t peek(struct xsk_ring_cons *c, uint32_t max, uint32_t *idx)
{
	c->cached_cons = fos_relaxed32(c->consumer);
	/* pairs with the kernel's release of the entries that it has produced */
	c->cached_prod = fos_acquire32(c->producer);
	return xsk_ring_cons__peek(c, max, idx);
}

uint32_t fos_xsk_rx_peek(struct fos_xsk_rx *r, uint32_t max, uint32_t *idx)
{
	return peek(&r->rx, max, idx);
}

void fos_xsk_rx_release(struct fos_xsk_rx *r, uint32_t n)
{
	xsk_ring_cons__release(&r->rx, n);
}

uint32_t fos_xsk_fill_room(struct fos_xsk_rx *r)
{
	return xsk_prod_nb_free(&r->fill, r->fill.size);
}

uint32_t fos_xsk_fill(struct fos_xsk_rx *r, const uint64_t *addrs, uint32_t n)
{
	uint32_t idx, room = xsk_prod_nb_free(&r->fill, n);

	if (n > room)
		n = room;
	if (n && xsk_ring_prod__reserve(&r->fill, n, &idx) == n) {
		for (uint32_t i = 0; i < n; i++)
			*xsk_ring_prod__fill_addr(&r->fill, idx + i) = addrs[i];
		xsk_ring_prod__submit(&r->fill, n);
	}
	/* only zero-copy drivers go to sleep over an empty FILL ring */
	if (xsk_ring_prod__needs_wakeup(&r->fill))
		recvfrom(r->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
	return n;
}

/* ---- send ------------------------------------------------------------------------------------ */

uint32_t fos_xsk_tx_room(struct fos_xsk_tx *t)
{
	return xsk_prod_nb_free(&t->tx, t->tx.size);
}

uint32_t fos_xsk_tx_put(struct fos_xsk_tx *t, const struct xdp_desc *descs, uint32_t n)
{
	uint32_t idx, room = xsk_prod_nb_free(&t->tx, n);

	if (n > room)
		n = room;
	if (!n || xsk_ring_prod__reserve(&t->tx, n, &idx) != n)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__tx_desc(&t->tx, idx + i) = descs[i];
	xsk_ring_prod__submit(&t->tx, n);
	return n;
}

int fos_xsk_tx_kick(struct fos_xsk_tx *t)
{
	for (;;) {
		uint32_t before = fos_acquire32(t->tx.consumer);

		if (before == fos_relaxed32(t->tx.producer))
			return 0;
		if (!xsk_ring_prod__needs_wakeup(&t->tx))
			return 0; /* the driver is at it */
		t->nr_kicks++;
		if (sendto(t->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0) {
			if (errno == EBUSY)
				t->nr_dropped++;
			else if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
				return -errno;
		}
		/* copy mode sends a bounded number per call and says EAGAIN; it is at its end
		 * only when a call moves nothing */
		if (fos_acquire32(t->tx.consumer) == before) {
			t->nr_stalls++;
			return -EAGAIN;
		}
	}
}

uint32_t fos_xsk_comp_peek(struct fos_xsk_tx *t, uint32_t max, uint32_t *idx)
{
	return peek(&t->comp, max, idx);
}

void fos_xsk_comp_release(struct fos_xsk_tx *t, uint32_t n)
{
	xsk_ring_cons__release(&t->comp, n);
}

int fos_xsk_stats(int fd, struct xdp_statistics *st)
{
	socklen_t len = sizeof(*st);

	memset(st, 0, sizeof(*st));
	return getsockopt(fd, SOL_XDP, XDP_STATISTICS, st, &len) < 0 ? -errno : 0;
}
