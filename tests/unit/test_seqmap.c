/* the sequence map against a model that remembers every byte */
#include <stdlib.h>
#include <string.h>

#include "egress/seqmap.h"
#include "tests/tap.h"

#define NR_NODES 4096
#define MAX_BYTES 20000
#define DELETED UINT32_MAX
#define INSERTED UINT32_MAX

struct model {
	uint32_t in_to_out[MAX_BYTES]; /* DELETED or output index */
	uint32_t out_to_in[MAX_BYTES]; /* INSERTED or input index */
	uint32_t nr_in, nr_out;
};

static struct model mod;
static struct fos_seqmap_node nodes[NR_NODES];
static struct fos_seqmap_free nodes_free;
static struct fos_seqmap_pool pool = {.node = nodes, .free = &nodes_free};
static uint64_t rng;
static uint64_t base; /* of all positions: the model counts from there */

static uint32_t draw(uint32_t n)
{
	rng = rng * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((rng >> 33) % n);
}

static void model_copy(uint32_t n)
{
	while (n--) {
		mod.in_to_out[mod.nr_in] = mod.nr_out;
		mod.out_to_in[mod.nr_out++] = mod.nr_in++;
	}
}

static void model_replace(uint32_t del, uint32_t ins)
{
	while (del--)
		mod.in_to_out[mod.nr_in++] = DELETED;
	while (ins--)
		mod.out_to_in[mod.nr_out++] = INSERTED;
}

/* input index after the last kept byte before output index p */
static uint32_t kept_before(uint32_t p)
{
	while (p > 0 && mod.out_to_in[p - 1] == INSERTED)
		p--;
	return p ? mod.out_to_in[p - 1] + 1 : 0;
}

static uint32_t model_back(uint32_t p)
{
	if (p == mod.nr_out)
		return mod.nr_in;
	return mod.out_to_in[p] != INSERTED ? mod.out_to_in[p] : kept_before(p);
}

static uint32_t model_back_left(uint32_t p)
{
	if (p == 0 || mod.out_to_in[p - 1] != INSERTED)
		return kept_before(p);
	while (p < mod.nr_out && mod.out_to_in[p] == INSERTED)
		p++;
	return p == mod.nr_out ? mod.nr_in : mod.out_to_in[p];
}

/* output index after the last kept byte before input index i */
static uint32_t out_before(uint32_t i)
{
	while (i > 0 && mod.in_to_out[i - 1] == DELETED)
		i--;
	return i ? mod.in_to_out[i - 1] + 1 : 0;
}

/* output index of the first kept byte at or after input index i */
static uint32_t out_after(uint32_t i)
{
	while (i < mod.nr_in && mod.in_to_out[i] == DELETED)
		i++;
	return i == mod.nr_in ? mod.nr_out : mod.in_to_out[i];
}

static struct fos_seqmap_fwd model_forward(uint32_t i)
{
	bool kept = i == mod.nr_in || mod.in_to_out[i] != DELETED;
	bool left_kept = i == 0 || mod.in_to_out[i - 1] != DELETED;

	return (struct fos_seqmap_fwd){
		.lo = out_before(i),
		.at = kept ? out_after(i) : out_before(i),
		.hi = kept || !left_kept ? out_after(i) : out_before(i),
	};
}

static uint32_t at_least(uint32_t v, uint32_t floor)
{
	return v > floor ? v : floor;
}

/* floor: what was acknowledged to the sender; an insertion that comes later at the same place
 * does not take it back */
static uint64_t back(const struct fos_seqmap *m, uint32_t p)
{
	return fos_seqmap_back(m, &pool, base + p) - base;
}

static uint64_t back_left(const struct fos_seqmap *m, uint32_t p)
{
	return fos_seqmap_back_left(m, &pool, base + p) - base;
}

/* Which bytes are inserted; and where the map says that it knows a position, also below what was
 * acknowledged, it does. */
static bool check_known(const struct fos_seqmap *m, uint32_t acked)
{
	for (uint32_t p = 0; p < mod.nr_out; p++) {
		bool inserted = mod.out_to_in[p] == INSERTED;

		if (p >= acked && fos_seqmap_inserted(m, &pool, base + p) != inserted) {
			diag("byte %u is said to be %s", p, inserted ? "kept" : "inserted");
			return false;
		}
		if (p < acked && !inserted && fos_seqmap_known(m, base + p) &&
		    back(m, p) != mod.out_to_in[p]) {
			diag("%u below %u is said to be known", p, acked);
			return false;
		}
	}
	return true;
}

static bool check_all(const struct fos_seqmap *m, uint32_t acked, uint32_t floor)
{
	for (uint32_t p = acked; p <= mod.nr_out; p++) {
		uint32_t want = at_least(model_back(p), floor);
		uint32_t left = at_least(model_back_left(p), floor);

		if (back(m, p) != want || (p > acked && back_left(m, p) != left)) {
			diag("back of %u: %lu %lu, want %u %u", p,
			     (unsigned long)back(m, p), (unsigned long)back_left(m, p), want, left);
			return false;
		}
	}
	for (uint32_t i = at_least(model_back(acked), floor) + 1; i <= mod.nr_in; i++) {
		struct fos_seqmap_fwd got = fos_seqmap_forward(m, &pool, base + i);
		struct fos_seqmap_fwd want = model_forward(i);

		got.lo -= base;
		got.at -= base;
		got.hi -= base;
		/* below what is acknowledged nothing is sent again: any value does */
		want.lo = at_least((uint32_t)want.lo, acked);
		want.at = at_least((uint32_t)want.at, acked);
		got.lo = at_least((uint32_t)got.lo, acked);
		got.at = at_least((uint32_t)got.at, acked);
		if (got.at != want.at || got.lo != want.lo || got.hi != want.hi) {
			diag("forward of %u: %lu %lu %lu, want %lu %lu %lu", i,
			     (unsigned long)got.lo, (unsigned long)got.at, (unsigned long)got.hi,
			     (unsigned long)want.lo, (unsigned long)want.at,
			     (unsigned long)want.hi);
			return false;
		}
	}
	return true;
}

static bool play(uint64_t seed, bool with_acks)
{
	struct fos_seqmap m;
	uint32_t acked = 0, floor = 0;
	bool good = true;

	rng = seed;
	memset(&mod, 0, sizeof(mod));
	fos_seqmap_init(&m);
	fos_seqmap_copy(&m, base);
	fos_seqmap_prune(&m, &pool, base);
	for (int step = 0; step < 60 && good; step++) {
		uint32_t n = 1 + draw(40), del = draw(3) ? draw(12) : 0;
		uint32_t ins = draw(3) ? draw(12) : 0;

		if (draw(2)) {
			fos_seqmap_copy(&m, n);
			model_copy(n);
		} else {
			if (!fos_seqmap_replace(&m, &pool, del, ins))
				return false;
			model_replace(del, ins);
		}
		if (with_acks && draw(4) == 0) {
			acked += draw(mod.nr_out - acked + 1);
			fos_seqmap_prune(&m, &pool, base + acked);
			floor = at_least(model_back(acked), floor);
		}
		good = m.in - base == mod.nr_in && m.out - base == mod.nr_out &&
		       check_all(&m, acked, floor) && check_known(&m, acked);
	}
	fos_seqmap_prune(&m, &pool, m.out);
	good = good && m.nr == 0 && fos_seqmap_flat(&m, m.out);
	fos_seqmap_clear(&m, &pool);
	return good;
}

static void test_named_cases(void)
{
	struct fos_seqmap m;

	fos_seqmap_init(&m);
	fos_seqmap_copy(&m, 100);
	is_u64(fos_seqmap_back(&m, &pool, 60), 60, "without edits the map is the identity");
	fos_seqmap_replace(&m, &pool, 50, 0);
	is_u64(fos_seqmap_back(&m, &pool, 100), 150, "an ACK at a deletion acknowledges it");
	is_u64(fos_seqmap_back(&m, &pool, 99), 99, "an ACK before a deletion does not");
	fos_seqmap_copy(&m, 10);
	fos_seqmap_replace(&m, &pool, 0, 7);
	is_u64(fos_seqmap_back(&m, &pool, 113), 160, "an ACK inside an insertion stays before it");
	is_u64(fos_seqmap_back(&m, &pool, 117), 160, "an ACK after an insertion is past it");
	is_u64(fos_seqmap_back(&m, &pool, 118), 161, "and the FIN after it counts one");
	is_u64(fos_seqmap_forward(&m, &pool, 120).at, 100, "inside a deletion: its left edge");
	is_u64(fos_seqmap_forward(&m, &pool, 160).lo, 110, "a range that starts behind an insertion "
							   "takes the insertion along");
	fos_seqmap_prune(&m, &pool, 117);
	ok(m.nr == 0 && m.in - m.out == 43, "once acknowledged it folds to a constant");
	fos_seqmap_clear(&m, &pool);
}

static void test_exhaustion(void)
{
	struct fos_seqmap m;
	uint32_t nr = 0;

	fos_seqmap_init(&m);
	for (;; nr++) {
		fos_seqmap_copy(&m, 1);
		if (!fos_seqmap_replace(&m, &pool, 1, 0))
			break;
	}
	is_u64(nr, NR_NODES, "every node can be used");
	fos_seqmap_prune(&m, &pool, m.out - 2);
	ok(fos_seqmap_replace(&m, &pool, 1, 0), "acknowledgements make room again");
	fos_seqmap_clear(&m, &pool);
	is_u64(nodes_free.nr, NR_NODES, "and every node comes back");
}

/* The receivers of one map after the other fall silent. */
static void test_shares(void)
{
	struct fos_seqmap m[8];
	uint32_t least = UINT32_MAX;

	for (uint32_t i = 0; i < 8; i++) {
		fos_seqmap_init(&m[i]);
		while (fos_seqmap_room(&m[i], &pool)) {
			fos_seqmap_copy(&m[i], 1);
			fos_seqmap_replace(&m[i], &pool, 1, 0);
		}
		if (m[i].nr < least)
			least = m[i].nr;
	}
	ok(m[0].nr < NR_NODES * 2 / 3, "a map that only grows leaves room for others");
	ok(least >= NR_NODES / 512, "and so do all that come after it: the least has %u of %u", least,
	   NR_NODES);
	for (uint32_t i = 0; i < 8; i++)
		fos_seqmap_clear(&m[i], &pool);
}

int main(void)
{
	uint32_t bad = 0, seed;

	tap_plan(0);
	fos_seqmap_pool_init(&pool, NR_NODES);
	test_named_cases();
	for (seed = 1; seed <= 400 && !bad; seed++)
		bad = play(seed, false) ? 0 : seed;
	is_u64(bad, 0, "400 random edit scripts agree with the model (failing seed)");
	for (seed = 1; seed <= 400 && !bad; seed++)
		bad = play(seed, true) ? 0 : seed;
	is_u64(bad, 0, "400 more with acknowledgements in between (failing seed)");
	for (base = (1ull << 32) - 300; base < 1ull << 45 && !bad; base = base * 64 + 5)
		for (seed = 1; seed <= 100 && !bad; seed++)
			bad = play(seed, true) ? 0 : seed;
	base = 0;
	is_u64(bad, 0, "the same around and beyond 4 GiB (failing seed)");
	is_u64(nodes_free.nr, NR_NODES, "no node is lost");
	test_exhaustion();
	test_shares();
	return done();
}
