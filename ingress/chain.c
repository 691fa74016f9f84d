/* ingress/chain.c - a received packet that lies in several frames, see chain.h */
#include "ingress/chain.h"

#include <netinet/in.h>
#include <string.h>

#include "shm/bytes.h"
#include "shm/counter.h"
#include "shm/csum.h"

/* Links frames to a packet of `total` bytes of IP; returns how many it takes, 0: they do not hold it. */
static uint32_t link_frames(const struct fos_box *box, const uint32_t *frame, uint32_t nr,
			    uint32_t total)
{
	struct fos_frame_meta *head = fos_box_meta(box, frame[0]), *before = head;
	uint32_t left = total - head->l3_len, i;

	for (i = 1; i < nr && left > 0; i++) {
		struct fos_frame_meta *m = fos_box_meta(box, frame[i]);

		if (m->len > left)
			m->len = (uint16_t)left;
		m->flags = FOS_PKT_CONT;
		m->next_frame = UINT32_MAX;
		left -= m->len;
		before->next_frame = frame[i];
		before = m;
	}
	return left ? 0 : i;
}

static uint64_t add_all(const struct fos_box *box, const uint32_t *frame, uint32_t nr, uint32_t len,
			uint64_t sum)
{
	const struct fos_frame_meta *m = fos_box_meta(box, frame[0]);
	uint32_t off = m->l4_off, share = (uint32_t)m->l3_off + m->l3_len - m->l4_off, at = 0;

	for (uint32_t i = 0; i < nr && at < len; i++) {
		if (i > 0) {
			m = fos_box_meta(box, frame[i]);
			off = m->data_off;
			share = m->len;
		}
		if (share > len - at)
			share = len - at;
		sum = fos_csum_add_at(sum, (const uint8_t *)m + off, share, at);
		at += share;
	}
	return sum;
}

/* The state of the transport checksum, enum fos_csum_state; as ingress/parse_l4.c has it. */
static uint8_t checksum_state(const struct fos_box *box, const uint32_t *frame, uint32_t nr,
			      uint32_t total)
{
	const struct fos_frame_meta *m = fos_box_meta(box, frame[0]);
	const uint8_t *ip = (const uint8_t *)m + m->l3_off, *l4 = (const uint8_t *)m + m->l4_off;
	uint32_t len = total - (uint32_t)(m->l4_off - m->l3_off);
	bool v4 = m->flags & FOS_PKT_IPV4, tcp = m->flags & FOS_PKT_TCP, udp = m->flags & FOS_PKT_UDP;
	uint64_t pseudo = 0;
	uint16_t field, given;

	/* a home address may stand for the source there */
	if (!(m->flags & (FOS_PKT_TCP | FOS_PKT_UDP | FOS_PKT_ICMP)) || m->flags & FOS_PKT_FRAGMENT ||
	    (!v4 && m->flags & FOS_PKT_OPTIONS))
		return FOS_CSUM_NONE;
	memcpy(&field, l4 + (tcp ? 16 : udp ? 6 : 2), 2);
	if (udp && !field)
		return FOS_CSUM_ABSENT;
	if (udp && fos_get16(l4 + 4) < len)
		len = fos_get16(l4 + 4);
	if (!v4)
		pseudo = fos_csum_pseudo6(ip + 8, ip + 24, m->proto, len);
	else if (tcp || udp)
		pseudo = fos_csum_pseudo4(ip + 12, ip + 16, m->proto, (uint16_t)len);
	if (fos_csum_fold(add_all(box, frame, nr, len, pseudo)) == 0xffff)
		return FOS_CSUM_VALID;
	given = fos_csum_fold(pseudo);
	return (tcp || udp) && given == field ? FOS_CSUM_PARTIAL : FOS_CSUM_BAD;
}

uint32_t fos_chain_complete(const struct fos_box *box, const uint32_t *frame, uint32_t nr,
			    uint32_t *why)
{
	struct fos_frame_meta *m = fos_box_meta(box, frame[0]);
	const uint8_t *ip = (const uint8_t *)m + m->l3_off;
	uint32_t total, used;

	*why = FOS_C_drop_ip_bad;
	if (!(m->flags & (FOS_PKT_IPV4 | FOS_PKT_IPV6)) || !m->l3_off || m->flags & FOS_PKT_IP_BAD)
		return 0;
	if (!(m->flags & FOS_PKT_TRUNCATED))
		return 1;
	total = m->flags & FOS_PKT_IPV4 ? fos_get16(ip + 2) : 40 + fos_get16(ip + 4);
	*why = FOS_C_drop_truncated;
	used = total > m->l3_len ? link_frames(box, frame, nr, total) : 0;
	if (!used)
		return 0;
	m->flags = (m->flags & ~(uint32_t)FOS_PKT_TRUNCATED) | FOS_PKT_CHAIN;
	m->csum = checksum_state(box, frame, used, total);
	return used;
}
