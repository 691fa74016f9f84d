/* step_memory.h - a simulated box whose memory is shared with processes that are forked off, and what
 * one batch changes of it */
#ifndef TESTS_UNIT_STEP_MEMORY_H
#define TESTS_UNIT_STEP_MEMORY_H

#include <unistd.h>

#include "tests/sim/sim.h"

#define PAGE 4096u

static struct sim sim;

static int region_fd[FOS_MAX_REGIONS];
static uint8_t *page[1024]; /* that the batch changes */
static uint8_t was[1024][PAGE], kept[1024][PAGE];
static uint32_t nr_pages;

static bool is_shared(uint32_t i)
{
	return sim.world.dir->region[i].kind != FOS_REGION_DIR;
}

/* The box's memory, at the place where it is, from now on shared with the processes that we fork. */
static void share(void)
{
	for (uint32_t i = 0; i < sim.world.dir->nr_regions; i++) {
		const struct fos_map *m = &sim.world.box.region[i];

		if (!is_shared(i))
			continue;
		region_fd[i] = memfd_create("region", MFD_CLOEXEC);
		if (region_fd[i] < 0 || ftruncate(region_fd[i], (off_t)m->size) < 0 ||
		    pwrite(region_fd[i], m->base, m->size, 0) != (ssize_t)m->size ||
		    mmap(m->base, m->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 region_fd[i], 0) == MAP_FAILED)
			abort();
	}
}

/* As it is now, but nobody else's any more. */
static void unshare_memory(void)
{
	for (uint32_t i = 0; i < sim.world.dir->nr_regions; i++) {
		const struct fos_map *m = &sim.world.box.region[i];

		if (is_shared(i) && mmap(m->base, m->size, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_FIXED, region_fd[i], 0) == MAP_FAILED)
			abort();
	}
}

/* Which pages does a run of the batch change?  Before it: what they are is kept; after it: compared
 * with that. */
static void find_pages(bool after)
{
	static uint8_t *before[FOS_MAX_REGIONS];

	nr_pages = 0;
	for (uint32_t i = 0; i < sim.world.dir->nr_regions; i++) {
		const struct fos_map *m = &sim.world.box.region[i];

		if (!is_shared(i))
			continue;
		if (!before[i])
			before[i] = malloc(m->size);
		if (!before[i])
			abort();
		if (!after)
			memcpy(before[i], m->base, m->size);
		for (uint64_t at = 0; after && at < m->size; at += PAGE) {
			uint8_t *p = (uint8_t *)m->base + at;

			if (memcmp(p, before[i] + at, PAGE) == 0)
				continue;
			if (nr_pages == 1024)
				abort();
			memcpy(kept[nr_pages], before[i] + at, PAGE);
			page[nr_pages++] = p;
		}
	}
}

static void restore(void)
{
	for (uint32_t i = 0; i < nr_pages; i++)
		memcpy(page[i], kept[i], PAGE);
}

static bool changed(void)
{
	bool any = false;

	for (uint32_t i = 0; i < nr_pages; i++) {
		if (memcmp(was[i], page[i], PAGE) == 0)
			continue;
		memcpy(was[i], page[i], PAGE);
		any = true;
	}
	return any;
}

#endif
