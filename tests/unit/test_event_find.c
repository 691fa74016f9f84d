/* Events of a flow in the ring: whatever lies there, and however it is taken, what is found is what a scan
 * of the whole ring finds.  A seed as argument repeats a run. */
#include <stdlib.h>
#include <string.h>

#include "pmhost/event_find.h"
#include "tests/tap.h"
#include "tests/world.h"

#define LOG2 6u
#define SIZE (1u << LOG2)
#define STEPS 20000u

static _Alignas(64) uint8_t memory[sizeof(struct fos_ring) + SIZE * sizeof(struct fos_event_slot)];
static struct fos_cursor cursor;
static struct fos_ring_prod prod;
static struct fos_ring_cons cons;
static struct fos_event_find find;

static void attach(void)
{
	fos_ring_attach_prod(&prod, (void *)memory, &cursor.head, sizeof(struct fos_event_slot));
	fos_ring_attach_cons(&cons, (void *)memory, &cursor, sizeof(struct fos_event_slot));
	fos_event_find_init(&find, &cons);
}

/* Few flows, some in one bucket, and two generations of each. */
static uint32_t some_flow(uint64_t *seed)
{
	return (uint32_t)(world_rand(seed) % 5) + FOS_EVENT_FIND_BUCKETS * (uint32_t)(world_rand(seed) % 3);
}

static void produce(uint64_t *seed)
{
	uint64_t n = world_rand(seed) % 8;

	while (n-- && fos_ring_room(&prod, 1)) {
		struct fos_event_slot *s = fos_ring_slot(&prod, 0);

		s->flow = world_rand(seed) % 16 ? some_flow(seed) : FOS_NONE;
		s->flow_gen = 1 + (uint32_t)(world_rand(seed) % 2);
		fos_ring_advance(&prod, 1);
	}
	fos_ring_commit(&prod);
}

static const struct fos_event_slot *scan(uint32_t flow, uint32_t gen)
{
	uint64_t n = fos_ring_peek(&cons);

	for (uint64_t i = 0; i < n; i++) {
		const struct fos_event_slot *s = fos_ring_at(&cons, i);

		if (s->flow == flow && s->flow_gen == gen)
			return s;
	}
	return NULL;
}

static bool look(uint64_t *seed)
{
	uint32_t flow = some_flow(seed), gen = 1 + (uint32_t)(world_rand(seed) % 2);

	return fos_event_find_first(&find, &cons, flow, gen) == scan(flow, gen);
}

/* Given back at once, later, or after what it was entered as has been overwritten. */
static void consume(uint64_t *seed)
{
	uint64_t n = fos_ring_peek(&cons);

	fos_ring_take(&cons, n ? world_rand(seed) % (n + 1) : 0);
	if (world_rand(seed) % 2)
		fos_ring_release(&cons);
}

static uint32_t wrong(uint64_t *seed)
{
	uint32_t bad = 0;

	for (uint32_t i = 0; i < STEPS; i++) {
		uint64_t what = world_rand(seed) % 4;

		if (what == 0)
			produce(seed);
		else if (what == 1)
			consume(seed);
		else
			bad += !look(seed);
		if (world_rand(seed) % 2000 == 0) { /* killed: the successor knows the ring alone */
			fos_event_find_fini(&find);
			attach();
		}
	}
	return bad;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t s = seed;

	tap_plan(3);
	diag("seed %llu", (unsigned long long)seed);
	fos_ring_init((void *)memory, LOG2, sizeof(struct fos_event_slot));
	attach();
	is_u64(wrong(&s), 0, "what is found is what a scan of the ring finds");
	produce(&s);
	look(&s);
	((struct fos_ring *)(void *)memory)->tail += 4 * SIZE;
	ok(!fos_event_find_first(&find, &cons, 1, 1) && cons.broken, "a ring out of order is empty");
	((struct fos_ring *)(void *)memory)->tail = cons.next;
	ok(!fos_event_find_first(&find, &cons, 1, 1), "and one that was taken back has nothing");
	fos_event_find_fini(&find);
	return done();
}
