/* fuzz_parse.c - any bytes as a packet of any link type: no read outside, metadata within it
 *
 * The first bytes choose the link type and how much the capture cut; the rest is the packet.
 */
#include <stdlib.h>
#include <string.h>

#include "ingress/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t key[2] = { 3, 4 };

static void expect(int holds)
{
	if (!holds)
		abort();
}

static void check(const struct fos_frame_meta *m)
{
	uint32_t end = (uint32_t)m->data_off + m->len, f = m->flags;

	if (f & FOS_PKT_IPV4)
		expect(m->l3_off >= m->data_off && m->l3_off + 20u <= end);
	if (f & FOS_PKT_IPV6)
		expect(m->l3_off >= m->data_off && m->l3_off + 40u <= end);
	if (f & FOS_PKT_TCP)
		expect(m->l4_off > m->l3_off && m->l4_off + 20u <= end);
	if (f & (FOS_PKT_UDP | FOS_PKT_ICMP))
		expect(m->l4_off > m->l3_off && m->l4_off + 8u <= end);
	expect(!!m->l4_off == !!(f & (FOS_PKT_TCP | FOS_PKT_UDP | FOS_PKT_ICMP)));
	if (m->l3_off)
		expect((uint32_t)m->l3_off + m->l3_len <= end);
	if (m->payload_off)
		expect(m->payload_off > m->l3_off &&
		       (uint32_t)m->payload_off + m->payload_len <= (uint32_t)m->l3_off + m->l3_len);
	else
		expect(m->payload_len == 0);
	if (m->csum == FOS_CSUM_VALID || m->csum == FOS_CSUM_PARTIAL)
		expect(m->l4_off && !(f & (FOS_PKT_FRAGMENT | FOS_PKT_TRUNCATED)));
	expect(!(f & FOS_PKT_QINQ) || f & FOS_PKT_VLAN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t links[] = { 1, 0, 12, 14, 101, 108, 113, 228, 229, 276, 127 };
	struct fos_frame_meta m, again;
	uint8_t *frame;
	size_t off;

	if (size < 3)
		return 0;
	memset(&m, data[2], sizeof(m));
	off = data[0] >> 4 & 3 ? FOS_FRAME_DATA_OFF : 0;
	m.link = links[data[0] % (sizeof(links) / sizeof(links[0]))];
	data += 3;
	size -= 3;
	if (size > 65535 - off)
		size = 65535 - off;
	m.data_off = (uint16_t)off;
	m.len = (uint16_t)size;
	m.orig_len = (uint16_t)(size + (data[-2] & 1 ? data[-2] : 0u));
	frame = malloc(off + size + (off + size == 0)); /* exact: a read beyond it is seen */
	if (!frame)
		return 0;
	memset(frame, 0, off);
	memcpy(frame + off, data, size);
	again = m;
	fos_parse(frame, &m, key);
	check(&m);
	again.flags = 12345;
	again.payload_len = 54321;
	fos_parse(frame, &again, key);
	expect(!memcmp(&m, &again, sizeof(m))); /* nothing that was there before shows through */
	free(frame);
	return 0;
}
