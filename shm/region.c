/* shm/region.c - see region.h */
#define _GNU_SOURCE
#include "shm/region.h"

#include <errno.h>
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26)
#endif
#define HUGE_DIR "/sys/kernel/mm/hugepages/hugepages-2048kB/"

uint64_t fos_region_huge_pages(uint64_t size)
{
	if (size < FOS_REGION_HUGE)
		return 0;
	return (size + FOS_REGION_HUGE - 1) / FOS_REGION_HUGE;
}

static bool read_number(const char *path, uint64_t *v)
{
	unsigned long long n;
	FILE *f = fopen(path, "re");
	bool good = f && fscanf(f, "%llu", &n) == 1;

	if (f)
		fclose(f);
	if (good)
		*v = n;
	return good;
}

bool fos_region_huge_state(uint64_t *reserved, uint64_t *unused)
{
	uint64_t promised = 0;

	if (!read_number(HUGE_DIR "nr_hugepages", reserved) ||
	    !read_number(HUGE_DIR "free_hugepages", unused))
		return false;
	read_number(HUGE_DIR "resv_hugepages", &promised);
	*unused -= promised < *unused ? promised : *unused;
	return true;
}

/* Binding is a matter of speed: where the kernel refuses it, memory is where it is. */
static void bind_node(const struct fos_map *map, int node)
{
	unsigned long mask[16] = {0};
	size_t bits = 8 * sizeof(mask[0]);

	if (node < 0 || numa_available() < 0 || numa_max_node() < 1 ||
	    (size_t)node >= bits * sizeof(mask) / sizeof(mask[0]))
		return;
	mask[(size_t)node / bits] = 1ul << ((size_t)node % bits);
	if (mbind(map->base, map->size, MPOL_PREFERRED, mask, bits * 16, 0) < 0)
		return;
}

static int fail(const struct fos_region_conf *c, bool huge, int rc, const char *what, char *err,
		size_t n)
{
	snprintf(err, n, "region %s: cannot %s %llu KiB of %s: %s", c->name, what,
		 (unsigned long long)(c->size >> 10), huge ? "hugepages" : "memory",
		 strerror(-rc));
	return rc == -ENOSPC ? -ENOMEM : rc;
}

int fos_region_create(const struct fos_region_conf *c, int *fd, struct fos_map *map, char *err,
		      size_t err_size)
{
	bool huge = c->huge && fos_region_huge_pages(c->size) > 0;
	uint64_t size = huge ? fos_region_huge_pages(c->size) * FOS_REGION_HUGE : c->size;
	char name[64];
	const char *what = "create";
	int rc, seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	snprintf(name, sizeof(name), "flowos-%s", c->name);
	*map = (struct fos_map){0};
	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING |
					 (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0u));
	if (*fd < 0)
		return fail(c, huge, -errno, what, err, err_size);
	if (ftruncate(*fd, (off_t)size) < 0 || fchmod(*fd, 0600) < 0 ||
	    fcntl(*fd, F_ADD_SEALS, seals) < 0)
		goto failed;
	what = "map";
	rc = fos_region_map(*fd, size, true, false, map);
	if (rc < 0) {
		errno = -rc;
		goto failed;
	}
	bind_node(map, c->node);
	what = "allocate";
	if ((c->allocate || huge) && fallocate(*fd, 0, 0, (off_t)size) < 0)
		goto failed;
	return 0;
failed:
	rc = fail(c, huge, -errno, what, err, err_size);
	fos_region_unmap(map);
	close(*fd);
	*fd = -1;
	return rc;
}

int fos_region_reopen(int fd)
{
	char path[40];
	int ro;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	return ro < 0 ? -errno : ro;
}

int fos_region_map(int fd, uint64_t min_size, bool writable, bool populate, struct fos_map *map)
{
	struct stat st;
	void *p;

	*map = (struct fos_map){0};
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || (uint64_t)st.st_size < min_size)
		return -EPROTO;
	p = mmap(NULL, (size_t)st.st_size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
		 MAP_SHARED | (populate ? MAP_POPULATE : 0), fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	map->base = p;
	map->size = (uint64_t)st.st_size;
	return 0;
}

void fos_region_unmap(struct fos_map *map)
{
	if (map->base)
		munmap(map->base, map->size);
	*map = (struct fos_map){0};
}

int fos_region_node_of(const char *nic)
{
	/* a virtio device is not on the bus itself, what carries it is */
	static const char *const at[] = {"numa_node", "../numa_node"};
	char path[96];
	int node = -1;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]) && node < 0; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/net/%.31s/device/%s", nic, at[i]);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%d", &node) != 1)
			node = -1;
		fclose(f);
	}
	return node;
}
