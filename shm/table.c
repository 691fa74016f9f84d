/* shm/table.c - see table.h */
#define _GNU_SOURCE
#include "shm/table.h"

#include <stddef.h>
#include <sys/mman.h>

#define HUGE_PAGE (2ull << 20)

static void *map(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* What lies before the first border and behind the last one is given back. */
static void *map_aligned(uint64_t bytes)
{
	uint8_t *p = map(bytes + HUGE_PAGE), *at;
	uint64_t before;

	if (!p)
		return NULL;
	before = -(uintptr_t)p % HUGE_PAGE;
	at = p + before;
	if (before > 0)
		munmap(p, before);
	munmap(at + bytes, HUGE_PAGE - before);
	/* refused: pages of 4 KiB */
	madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

static uint64_t whole_pages(uint64_t bytes)
{
	uint64_t page = bytes < HUGE_PAGE ? 4096 : HUGE_PAGE;

	return (bytes + page - 1) / page * page;
}

void *fos_table_new(uint64_t bytes)
{
	return bytes < HUGE_PAGE ? map(whole_pages(bytes)) : map_aligned(whole_pages(bytes));
}

void fos_table_free(void *table, uint64_t bytes)
{
	if (table)
		munmap(table, whole_pages(bytes));
}
