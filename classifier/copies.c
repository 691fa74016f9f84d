/* classifier/copies.c - bytes that came again beside those that are held, see reassembly.h */
#include <string.h>

#include "classifier/packet.h"
#include "classifier/reassembly.h"

#define COMPARE_STEPS 4096u

static uint64_t piece_end(const struct fos_piece *p)
{
	return p->pos + p->len;
}

bool fos_reasm_bytes_differ(const struct fos_classifier *c, const struct fos_packet *pkt,
			    uint32_t off, const struct fos_piece *p, uint32_t at, uint32_t len)
{
	const uint8_t *data, *held = fos_box_frame(c->box, p->frame) + p->off + at;

	while (len > 0) {
		uint32_t n = fos_packet_run(c, pkt, off, len, &data);

		if (n == 0)
			return false;
		if (memcmp(data, held, n) != 0)
			return true;
		off += n;
		held += n;
		len -= n;
	}
	return false;
}

bool fos_reasm_differs(struct fos_classifier *c, uint32_t flow, const struct fos_packet *pkt,
		       uint64_t pos, uint32_t off, uint32_t len)
{
	uint64_t end = pos + len, low = fos_acquire64(&c->box->outs[flow].pos[0]);
	uint32_t i = fos_touch(c, flow)->app_first;
	bool differ = false;

	for (uint32_t n = 0; n < COMPARE_STEPS && i != FOS_NONE && !differ; n++) {
		const struct fos_piece *p = &c->pieces[i];
		uint64_t from = p->pos > pos ? p->pos : pos;
		uint64_t to = piece_end(p) < end ? piece_end(p) : end;

		if (p->pos >= end)
			break;
		if (from < to && from >= low && !(p->flags & FOS_PIECE_GONE))
			differ = fos_reasm_bytes_differ(c, pkt, off + (uint32_t)(from - pos), p,
					      (uint32_t)(from - p->pos), (uint32_t)(to - from));
		i = p->next;
	}
	/* frames that egress gave back meanwhile may have held another packet already */
	return differ && fos_acquire64(&c->box->outs[flow].pos[0]) == low;
}

/* Adds what the list from `i` on holds of [*at, end) to what was copied; *at = next byte wanted. */
static uint32_t copy_list(const struct fos_classifier *c, uint32_t i, uint64_t low, uint64_t *at,
			  uint64_t end, uint8_t *to, uint32_t done)
{
	for (uint32_t n = 0; n < COMPARE_STEPS && i != FOS_NONE && *at < end; n++) {
		const struct fos_piece *p = &c->pieces[i];
		uint64_t from = p->pos > *at ? p->pos : *at;
		uint64_t stop = piece_end(p) < end ? piece_end(p) : end;

		i = p->next;
		if (from >= stop || from < low || p->flags & FOS_PIECE_GONE)
			continue;
		if (done > 0 && from != *at)
			break;
		memcpy(to + done, fos_box_frame(c->box, p->frame) + p->off + (from - p->pos),
		       stop - from);
		done += (uint32_t)(stop - from);
		*at = stop;
	}
	return done;
}

uint32_t fos_reasm_copy(struct fos_classifier *c, uint32_t flow, uint64_t pos, uint32_t len,
			uint8_t *to, uint32_t max, uint32_t *skip)
{
	uint64_t low = fos_acquire64(&c->box->outs[flow].pos[0]), at = pos > low ? pos : low;
	uint64_t end = pos + (len < max ? len : max);
	uint32_t done = copy_list(c, fos_touch(c, flow)->app_first, low, &at, end, to, 0);

	done = copy_list(c, c->flows[flow].ooo_first, low, &at, end, to, done);
	*skip = (uint32_t)(at - done - pos);
	/* as in fos_reasm_differs() */
	return fos_acquire64(&c->box->outs[flow].pos[0]) == low ? done : 0;
}
