/* SPSC rings: as threads, and with either side killed and replaced. */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/ring.h"
#include "tests/tap.h"

#define LOG2 4u

/* producer's region, consumer's region */
struct pair {
	struct fos_cursor cursor;
	_Alignas(64) struct fos_ring ring;
	struct fos_desc slots[1u << LOG2];
};

static struct pair *make_pair(void)
{
	struct pair *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	fos_ring_init(&p->ring, LOG2, sizeof(struct fos_desc));
	return p;
}

static void test_one_by_one(void)
{
	struct pair *p = make_pair();
	struct fos_ring_prod prod;
	struct fos_ring_cons cons;
	const struct fos_desc *d;

	ok(fos_ring_attach_prod(&prod, &p->ring, &p->cursor.head, 32) == 0 &&
		   fos_ring_attach_cons(&cons, &p->ring, &p->cursor, 32) == 0,
	   "both sides attach to an empty ring");
	ok(fos_ring_attach_prod(&prod, &p->ring, &p->cursor.head, 8) < 0,
	   "another slot size is refused");
	fos_ring_attach_prod(&prod, &p->ring, &p->cursor.head, 32);
	is_u64(fos_ring_room(&prod, 1), 16, "an empty ring has room for its size");
	((struct fos_desc *)fos_ring_slot(&prod, 0))->pos = 42;
	fos_ring_advance(&prod, 1);
	is_u64(fos_ring_peek(&cons), 0, "a claimed slot is not seen before the commit");
	fos_ring_commit(&prod);
	is_u64(fos_ring_peek(&cons), 1, "a committed slot is seen");
	d = fos_ring_at(&cons, 0);
	is_u64(d->pos, 42, "with what was written");
	fos_ring_take(&cons, 1);
	is_u64(fos_ring_room(&prod, 16), 15, "a taken slot is not free before its release");
	fos_ring_release(&cons);
	is_u64(fos_ring_room(&prod, 16), 16, "a released slot is free");
	fos_ring_advance(&prod, 16);
	fos_ring_commit(&prod);
	is_u64(fos_ring_room(&prod, 1), 0, "a full ring has no room");
	p->ring.tail += 100;
	is_u64(fos_ring_peek(&cons), 0, "a tail out of order reads as empty");
	ok(cons.broken, "and is reported");
	p->ring.tail -= 100;
	p->cursor.head = p->ring.tail + 5;
	is_u64(fos_ring_room(&prod, 17), 0, "a head out of order gives the producer no room");
	munmap(p, sizeof(*p));
}

#define NR_ITEMS 200000u

static void *produce(void *arg)
{
	struct pair *p = arg;
	struct fos_ring_prod r;

	fos_ring_attach_prod(&r, &p->ring, &p->cursor.head, 32);
	for (uint64_t i = 0; i < NR_ITEMS;) {
		if (fos_ring_room(&r, 1) == 0)
			continue;
		((struct fos_desc *)fos_ring_slot(&r, 0))->pos = i;
		((struct fos_desc *)fos_ring_slot(&r, 0))->len = (uint32_t)~i;
		fos_ring_advance(&r, 1);
		fos_ring_commit(&r);
		i++;
	}
	return NULL;
}

static void test_threads(void)
{
	struct pair *p = make_pair();
	struct fos_ring_cons r;
	pthread_t thread;
	uint64_t want = 0, wrong = 0;

	fos_ring_attach_cons(&r, &p->ring, &p->cursor, 32);
	pthread_create(&thread, NULL, produce, p);
	while (want < NR_ITEMS) {
		uint64_t n = fos_ring_peek(&r);

		for (uint64_t i = 0; i < n; i++, want++) {
			const struct fos_desc *d = fos_ring_at(&r, i);

			wrong += d->pos != want || d->len != (uint32_t)~want;
		}
		fos_ring_take(&r, n);
		fos_ring_release(&r);
	}
	pthread_join(thread, NULL);
	is_u64(wrong, 0, "%u items pass between threads, whole and in order", NR_ITEMS);
	munmap(p, sizeof(*p));
}

/* A producer that goes on from whatever number the ring's last slot shows. */
static void endless_producer(struct pair *p)
{
	struct fos_ring_prod r;

	fos_ring_attach_prod(&r, &p->ring, &p->cursor.head, 32);
	for (;;) {
		if (fos_ring_room(&r, 1) == 0)
			continue;
		((struct fos_desc *)fos_ring_slot(&r, 0))->pos = r.next;
		fos_ring_advance(&r, 1);
		fos_ring_commit(&r);
	}
}

static void test_producer_killed(void)
{
	struct pair *p = make_pair();
	struct fos_ring_cons r;
	uint64_t want = 0, wrong = 0;

	fos_ring_attach_cons(&r, &p->ring, &p->cursor, 32);
	for (int round = 0; round < 60; round++) {
		pid_t pid = fork();
		uint64_t until = want + 100 + (uint64_t)round * 7;

		if (pid == 0)
			endless_producer(p);
		while (want < until) {
			uint64_t n = fos_ring_peek(&r);

			for (uint64_t i = 0; i < n; i++, want++)
				wrong += ((const struct fos_desc *)fos_ring_at(&r, i))->pos != want;
			fos_ring_take(&r, n);
			fos_ring_release(&r);
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	is_u64(wrong, 0, "a producer killed 60 times leaves every committed slot whole, once");
	munmap(p, sizeof(*p));
}

int main(void)
{
	test_one_by_one();
	test_threads();
	test_producer_killed();
	return done();
}
