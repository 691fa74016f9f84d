/* Random operations on a sequence map: whatever they are, it stays a monotonic map whose two
 * directions agree, and every node comes back. */
#include <stdlib.h>

#include "egress/seqmap.h"

#define NODES 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

/* Neighbouring positions keep their order, both ways, and going there and back loses nothing that
 * was acknowledged. */
static void check(const struct fos_seqmap *m, const struct fos_seqmap_pool *pool, uint64_t acked,
		  uint64_t at)
{
	uint64_t p = acked + (m->out > acked ? at % (m->out - acked + 1) : 0);
	uint64_t back = fos_seqmap_back(m, pool, p);
	struct fos_seqmap_fwd f = fos_seqmap_forward(m, pool, back);

	must(back <= m->in);
	must(fos_seqmap_back(m, pool, p + 1) >= back);
	must(fos_seqmap_back_left(m, pool, p + 1) >= back);
	must(f.lo <= f.at && f.at <= f.hi);
	must(f.lo <= p && f.hi <= m->out);
	must(fos_seqmap_forward(m, pool, back + 1).at >= f.at);
	/* a kept byte comes back as itself, an inserted one as the place before it */
	if (p < m->out && fos_seqmap_inserted(m, pool, p))
		must(fos_seqmap_back(m, pool, p + 1) <= fos_seqmap_back_left(m, pool, p + 1));
	else if (p < m->out)
		must(fos_seqmap_back(m, pool, p + 1) >= back + 1);
	must(p < acked || fos_seqmap_known(m, p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fos_seqmap_node node[NODES];
	struct fos_seqmap_free nodes;
	struct fos_seqmap_pool pool = { .node = node, .free = &nodes };
	struct fos_seqmap m;
	uint64_t acked = 0;

	fos_seqmap_pool_init(&pool, NODES);
	fos_seqmap_init(&m);
	/* half of them around 4 GiB */
	if (size % 2) {
		acked = (1ull << 32) - size;
		fos_seqmap_copy(&m, acked);
		fos_seqmap_prune(&m, &pool, acked);
	}
	for (size_t i = 0; i + 2 < size; i += 3) {
		switch (data[i] % 3) {
		case 0:
			fos_seqmap_copy(&m, data[i + 1]);
			break;
		case 1:
			fos_seqmap_replace(&m, &pool, data[i + 1], data[i + 2]);
			break;
		default:
			acked += m.out > acked ? data[i + 1] % (m.out - acked + 1) : 0;
			fos_seqmap_prune(&m, &pool, acked);
		}
		check(&m, &pool, acked, data[i + 2]);
	}
	must(m.nr + nodes.nr == NODES);
	fos_seqmap_clear(&m, &pool);
	must(nodes.nr == NODES);
	return 0;
}
