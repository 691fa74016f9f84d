/* test_region.c - regions are sealed, and cannot be written through what readers are handed */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/region.h"
#include "tests/tap.h"

#define SIZE (64u << 10)

static void test_writer(int fd, struct fos_map *map)
{
	struct stat st;

	is_u64(map->size, SIZE, "a region has the size asked for");
	ok(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600, "its mode is 0600");
	is_u64((uint64_t)st.st_blocks * 512, SIZE, "all of it is allocated");
	ok(map->base[0] == 0 && map->base[SIZE - 1] == 0, "it is zeroed");
	ok(ftruncate(fd, SIZE / 2) < 0 && errno == EPERM, "it cannot shrink");
	ok(ftruncate(fd, SIZE * 2) < 0 && errno == EPERM, "it cannot grow");
	ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM,
	   "its seals cannot be changed");
}

static void test_reader(int fd, const struct fos_map *writer)
{
	struct fos_map map;
	int ro = fos_region_reopen(fd);

	ok(ro >= 0, "a second descriptor can be opened read-only");
	is_u64((uint64_t)fcntl(ro, F_GETFL) & O_ACCMODE, O_RDONLY, "it is read-only");
	ok(fos_region_map(ro, SIZE, true, false, &map) == -EACCES,
	   "it cannot be mapped writable");
	ok(fos_region_map(ro, SIZE + 1, false, false, &map) == -EPROTO,
	   "a region smaller than expected is refused");
	ok(fos_region_map(ro, SIZE, false, false, &map) == 0, "it can be mapped read-only");
	writer->base[100] = 42;
	ok(map.base && map.base[100] == 42, "the reader sees what the writer writes");
	ok(mprotect(map.base, SIZE, PROT_READ | PROT_WRITE) < 0 && errno == EACCES,
	   "the reader's mapping cannot be made writable");
	ok(pwrite(ro, "x", 1, 0) < 0 && errno == EBADF, "nor written through the descriptor");
	fos_region_unmap(&map);
	ok(map.base == NULL, "unmapping clears the handle");
	close(ro);
}

static void test_limits(void)
{
	struct fos_region_conf conf = {.name = "huge", .size = 1ull << 50, .allocate = true,
				       .node = -1};
	struct fos_map map;
	char err[256] = "";
	int fd;

	ok(fos_region_create(&conf, &fd, &map, err, sizeof(err)) < 0 && fd == -1 && !map.base,
	   "a region beyond all memory is refused, and nothing is left");
	ok(strstr(err, "region huge") && !strchr(err, '\n'), "with one line that names it: %s", err);
	is_u64(fos_region_huge_pages(FOS_REGION_HUGE - 1), 0, "small regions take no hugepage");
	is_u64(fos_region_huge_pages(FOS_REGION_HUGE + 1), 2, "sizes are rounded up to hugepages");
}

static void test_hugepages(void)
{
	struct fos_region_conf conf = {.name = "big", .size = FOS_REGION_HUGE, .huge = true,
				       .allocate = true, .node = -1};
	uint64_t reserved, unused;
	struct fos_map map;
	char err[256];
	int fd;

	if (!fos_region_huge_state(&reserved, &unused) || unused == 0) {
		ok(fos_region_create(&conf, &fd, &map, err, sizeof(err)) == -ENOMEM,
		   "without free hugepages creation says so");
		return;
	}
	ok(fos_region_create(&conf, &fd, &map, err, sizeof(err)) == 0,
	   "a region of hugepages is created where there are some");
	fos_region_unmap(&map);
	close(fd);
}

int main(void)
{
	struct fos_region_conf conf = {.name = "test", .size = SIZE, .allocate = true, .node = 0};
	struct fos_map map;
	char err[256];
	int fd;

	tap_plan(0);
	ok(fos_region_create(&conf, &fd, &map, err, sizeof(err)) == 0, "a region is created");
	test_writer(fd, &map);
	test_reader(fd, &map);
	fos_region_unmap(&map);
	close(fd);
	test_limits();
	test_hugepages();
	return done();
}
