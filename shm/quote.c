/* shm/quote.c - the packet that an ICMP error quotes, see quote.h */
#include "shm/quote.h"

#include <netinet/in.h>

#include "shm/bytes.h"

enum { EXT_MAX = 16 };

static bool is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
	       proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH;
}

static bool find4(const uint8_t *ip, uint32_t len, struct fos_quote *q)
{
	if (len < 20 || (ip[0] & 15) < 5 || fos_get16(ip + 6) & 0x1fff)
		return false;
	q->l4 = (ip[0] & 15u) * 4;
	q->proto = ip[9];
	q->total = fos_get16(ip + 2);
	return true;
}

static bool find6(const uint8_t *ip, uint32_t len, struct fos_quote *q)
{
	if (len < 40)
		return false;
	q->l4 = 40;
	q->proto = ip[6];
	q->total = 40 + fos_get16(ip + 4);
	for (int i = 0; is_extension(q->proto); i++) {
		const uint8_t *h = ip + q->l4;

		if (i == EXT_MAX || len < q->l4 + 8)
			return false;
		if (q->proto == IPPROTO_FRAGMENT) {
			if (fos_get16(h + 2) & 0xfff8)
				return false;
			q->l4 += 8;
		} else {
			q->l4 += q->proto == IPPROTO_AH ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
		}
		q->proto = h[0];
	}
	return true;
}

bool fos_quote_find(const uint8_t *ip, uint32_t len, bool v6, struct fos_quote *q)
{
	if (len == 0 || ip[0] >> 4 != (v6 ? 6 : 4) || !(v6 ? find6 : find4)(ip, len, q))
		return false;
	if (len < q->l4 + FOS_QUOTE_L4_MIN)
		return false;
	q->l4_len = len - q->l4;
	return true;
}
