/* tests/sim/net.c - the impaired network's queue, see net.h */
#include "tests/sim/net.h"

#include <stdlib.h>
#include <string.h>

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

void net_send(struct net *n, const struct net_impairment *im, enum net_node to,
	      const uint8_t *data, uint32_t len, uint64_t now)
{
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
		struct net_packet *p = malloc(sizeof(*p));

		if (!p || len > sizeof(p->data))
			abort();
		p->at = now + im->delay_ns;
		if (chance(n, im->reorder))
			p->at += world_below(&n->seed, 4 * im->delay_ns + 1);
		p->order = n->order++;
		p->to = to;
		p->len = len;
		memcpy(p->data, data, len);
		p->corrupted = chance(n, im->corrupt);
		if (p->corrupted)
			p->data[14 + world_below(&n->seed, len - 14)] ^=
				(uint8_t)(1u << world_below(&n->seed, 8));
		push(n, p);
	}
}
