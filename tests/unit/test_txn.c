/* The transaction log: a batch happens wholly or not at all, wherever its process dies. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shm/txn.h"
#include "tests/tap.h"

#define NR_WORDS 64u

/* Invariant between batches: every word of `priv` and `pub` holds the same number. */
struct region {
	uint64_t priv[NR_WORDS];
	uint64_t pub[NR_WORDS];
	struct fos_txn_log log;
};

static struct region *make_region(void)
{
	return mmap(NULL, sizeof(struct region), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void batch(struct fos_txn *t, struct region *r, uint64_t value)
{
	for (uint32_t i = 0; i < NR_WORDS; i++) {
		fos_txn_save(t, &r->priv[i], 8);
		r->priv[i] = value;
		fos_txn_publish64(t, &r->pub[i], value);
	}
	fos_txn_commit(t);
}

static bool whole(const struct region *r, uint64_t *value)
{
	*value = r->pub[0];
	for (uint32_t i = 0; i < NR_WORDS; i++)
		if (r->priv[i] != *value || r->pub[i] != *value)
			return false;
	return true;
}

static void test_commit(void)
{
	struct region *r = make_region();
	struct fos_txn t;
	uint32_t word32[2] = {0};
	uint64_t value;

	is_u64((uint64_t)fos_txn_attach(&t, &r->log, r, sizeof(*r)), 0, "a new log is clean");
	fos_txn_publish64(&t, &r->pub[3], 5);
	is_u64(r->pub[3], 0, "a published word keeps its value until the commit");
	fos_txn_commit(&t);
	is_u64(r->pub[3], 5, "and has the new one after it");
	fos_txn_publish64(&t, &r->pub[3], 0);
	fos_txn_commit(&t);
	batch(&t, r, 9);
	ok(whole(r, &value) && value == 9, "a whole batch commits");
	memcpy(&r->priv[1], word32, 8);
	fos_txn_save(&t, &r->priv[1], 8);
	r->priv[1] = 77;
	fos_txn_publish32(&t, (uint32_t *)(void *)&r->pub[0], 1);
	is_u64((uint64_t)fos_txn_attach(&t, &r->log, r, sizeof(*r)), 2,
	       "a successor rolls an uncommitted batch back");
	is_u64(r->priv[1], 0, "private words are as before");
	is_u64(r->pub[0], 9, "nothing was published");
	r->log.nr_redo = 1;
	r->log.redo[0].off = sizeof(*r);
	r->log.committed = r->log.applied + 1;
	ok(fos_txn_attach(&t, &r->log, r, sizeof(*r)) < 0,
	   "a log that points outside the region is refused");
	munmap(r, sizeof(*r));
}

static void test_killed(void)
{
	struct region *r = make_region();
	uint64_t value = 0, last = 0, torn = 0, back = 0, forward = 0, rolled[3] = {0};
	struct fos_txn t;

	for (int round = 0; round < 300; round++) {
		pid_t pid = fork();

		if (pid == 0) {
			fos_txn_attach(&t, &r->log, r, sizeof(*r));
			for (;;)
				batch(&t, r, r->priv[0] + 1);
		}
		nanosleep(&(struct timespec){.tv_nsec = 20000 + round * 3000}, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		int did = fos_txn_attach(&t, &r->log, r, sizeof(*r));

		torn += did < 0 || !whole(r, &value);
		back += value < last;
		rolled[did < 0 ? 0 : did]++;
		last = value;
	}
	forward = rolled[1];
	is_u64(torn, 0, "killed 300 times inside batches, every batch is whole or absent");
	is_u64(back, 0, "and no committed batch is taken back");
	ok(rolled[2] > 0, "some of the kills fell before the commit (%llu back, %llu forward)",
	   (unsigned long long)rolled[2], (unsigned long long)forward);
	munmap(r, sizeof(*r));
}

int main(void)
{
	test_commit();
	test_killed();
	return done();
}
