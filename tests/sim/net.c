/* tests/sim/net.c - the impaired network's queue, see net.h */
#include "tests/sim/net.h"

#include <stdlib.h>
#include <string.h>

#include "shm/bytes.h"
#include "shm/csum.h"
#include "tests/world.h"

void net_init(struct net *n, uint64_t seed)
{
	memset(n, 0, sizeof(*n));
	n->seed = seed;
}

void net_fini(struct net *n)
{
	for (uint32_t i = 0; i < n->nr; i++)
		free(n->heap[i]);
	free(n->heap);
}

static bool before(const struct net_packet *a, const struct net_packet *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(struct net *n, struct net_packet *p)
{
	uint32_t i;

	if (n->nr == n->cap) {
		n->cap = n->cap ? 2 * n->cap : 256;
		n->heap = realloc(n->heap, n->cap * sizeof(*n->heap));
		if (!n->heap)
			abort();
	}
	for (i = n->nr++; i > 0 && before(p, n->heap[(i - 1) / 2]); i = (i - 1) / 2)
		n->heap[i] = n->heap[(i - 1) / 2];
	n->heap[i] = p;
}

struct net_packet *net_take(struct net *n)
{
	struct net_packet *top = n->heap[0], *last = n->heap[--n->nr];
	uint32_t i = 0, c;

	while ((c = 2 * i + 1) < n->nr) {
		if (c + 1 < n->nr && before(n->heap[c + 1], n->heap[c]))
			c++;
		if (!before(n->heap[c], last))
			break;
		n->heap[i] = n->heap[c];
		i = c;
	}
	if (n->nr)
		n->heap[i] = last;
	return top;
}

uint64_t net_next(const struct net *n)
{
	return n->nr ? n->heap[0]->at : UINT64_MAX;
}

static bool chance(struct net *n, uint32_t per_mille)
{
	return world_below(&n->seed, 1000) < per_mille;
}

/* Where that begins in a packet what checksums cover: IPv6 has none of its own header. */
static uint32_t summed(const uint8_t *data)
{
	uint32_t ip = fos_get16(data + 12) == 0x8100 ? 18 : 14;

	return fos_get16(data + ip - 2) == 0x86dd ? ip + 40 : ip;
}

/* Damaged, and its checksum is the sum of its pseudo header alone, as senders over virtual NICs leave it:
 * of one TCP packet in 65,536 that is the right one, and a box cannot know (README, "Known limits"). */
static bool seems_partial(const uint8_t *data)
{
	const uint8_t *ip = data + (fos_get16(data + 12) == 0x8100 ? 18 : 14), *tcp;
	bool v4 = ip[0] >> 4 == 4;
	uint32_t head = v4 ? (ip[0] & 15) * 4u : 40;
	uint16_t field, sum;

	if (ip[v4 ? 9 : 6] != 6)
		return false;
	tcp = ip + head;
	memcpy(&field, tcp + 16, sizeof(field));
	if (v4)
		sum = fos_csum_fold(fos_csum_pseudo4(ip + 12, ip + 16, 6,
						     (uint16_t)(fos_get16(ip + 2) - head)));
	else
		sum = fos_csum_fold(fos_csum_pseudo6(ip + 8, ip + 24, 6, fos_get16(ip + 4)));
	return field % 0xffff == sum % 0xffff;
}

void net_send(struct net *n, enum net_hop hop, const uint8_t *data, uint32_t len, uint64_t now)
{
	const struct net_impairment *im = &n->hop[hop];
	uint32_t copies = 1;

	if (chance(n, im->loss)) {
		n->nr_lost++;
		return;
	}
	if (chance(n, im->duplicate)) {
		n->nr_duplicated++;
		copies = 2;
	}
	while (copies-- > 0) {
		struct net_packet *p = malloc(sizeof(*p) + len);
		uint64_t q = n->quantum_ns ? n->quantum_ns : 1;

		if (!p || len > WIRE_MAX)
			abort();
		p->at = now + im->delay_ns;
		if (chance(n, im->reorder)) {
			n->nr_reordered++;
			p->at += world_below(&n->seed, 4 * im->delay_ns + 1);
		}
		p->at = (p->at + q - 1) / q * q;
		p->order = n->order++;
		p->hop = hop;
		p->len = len;
		memcpy(p->data, data, len);
		if (chance(n, im->corrupt)) {
			/* an endpoint's checksum catches it; the box gets it as it is */
			n->nr_corrupted++;
			if (hop == NET_BOX_CLIENT || hop == NET_BOX_SERVER) {
				free(p);
				continue;
			}
			uint32_t at = summed(data);

			p->data[at + world_below(&n->seed, len - at)] ^=
				(uint8_t)(1u << world_below(&n->seed, 8));
			if (seems_partial(p->data)) {
				free(p);
				continue;
			}
		}
		push(n, p);
	}
}
