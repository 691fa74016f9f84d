/* shm/region.h - one region: a sealed memfd, written by one process, read by the others
 *
 * Created by the keeper: all pages allocated (a write can never fail for want of memory), mode
 * 0600, sealed against shrinking and growing, bound to a NUMA node where there are several.
 * Everyone but the writer receives a descriptor that was opened read-only.  Sizes are bytes.
 * Failures: negative errno and one line in err.
 */
#ifndef FOS_SHM_REGION_H
#define FOS_SHM_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/box.h"

#define FOS_REGION_HUGE (2ull << 20) /* bytes of a hugepage; smaller regions use 4 KiB pages */

struct fos_region_conf {
	const char *name;
	uint64_t size;
	bool huge;     /* of hugepages, when the size makes it worth while */
	bool allocate; /* all pages now; false: as they are touched (offline) */
	int node;      /* NUMA node; -1 = any */
};

/* Creates a region, zeroed, and maps it writable.  -ENOMEM: not enough (huge) pages. */
int fos_region_create(const struct fos_region_conf *conf, int *fd, struct fos_map *map, char *err,
		      size_t err_size);

/* Hugepages that a region of that size takes: 0 = it is too small for them. */
uint64_t fos_region_huge_pages(uint64_t size);

/* 2 MiB hugepages reserved in the system, and how many of them are free; false = no support. */
bool fos_region_huge_state(uint64_t *reserved, uint64_t *unused);

/* A second descriptor of the same region that cannot be mapped writable; -errno. */
int fos_region_reopen(int fd);

/* Maps all of a region that someone else created; refuses one smaller than min_size.  populate:
 * fault everything in now. */
int fos_region_map(int fd, uint64_t min_size, bool writable, bool populate, struct fos_map *map);
void fos_region_unmap(struct fos_map *map);

/* NUMA node of a network device, -1 = none or not known. */
int fos_region_node_of(const char *nic);

#endif
