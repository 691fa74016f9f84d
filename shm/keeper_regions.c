/* shm/keeper_regions.c - creates regions and doorbells of a new box */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shm/build.h"
#include "shm/keeper.h"
#include "shm/node.h"
#include "shm/proc.h"
#include "shm/region.h"

#define DESCRIPTORS_BESIDES 32u /* what any process has, the loop's, the control socket's */
#define DESCRIPTORS_OF_PORT 8u  /* XDP program, link, maps */

/* Are there hugepages for the whole box?  If not, leaves one warning, or fails if they are
 * required. */
static int choose_pages(struct fos_keeper *k, const struct fos_dir *draft, bool *huge)
{
	uint64_t need = 0, reserved = 0, unused = 0;
	bool support = fos_region_huge_state(&reserved, &unused);
	const char *say = support ? "hugepages" : "hugepages (this kernel has none of 2 MiB)";

	*huge = false;
	if (k->pages == FOS_PAGES_NEVER)
		return 0;
	for (uint32_t i = 0; i < draft->nr_regions; i++)
		need += fos_region_huge_pages(draft->region[i].size);
	*huge = support && unused >= need;
	if (*huge)
		return 0;
	snprintf(k->pages_warning, sizeof(k->pages_warning),
		 "%llu %s are needed, %llu are free%s: `sysctl vm.nr_hugepages=%llu`",
		 (unsigned long long)need, say, (unsigned long long)unused,
		 k->pages == FOS_PAGES_REQUIRE ? " and the configuration requires them"
					       : "; using 4 KiB pages",
		 (unsigned long long)(reserved - unused + need));
	if (k->pages == FOS_PAGES_REQUIRE)
		fos_log(FOS_LOG_ERROR, "%s", k->pages_warning);
	return k->pages == FOS_PAGES_REQUIRE ? -ENOMEM : 0;
}

static int create_region(struct fos_keeper *k, const struct fos_dir *draft, uint32_t i, bool huge,
			 uint64_t box_id)
{
	struct fos_region_conf conf = {
		.name = draft->region[i].name,
		.size = draft->region[i].size,
		.huge = huge,
		.allocate = !draft->offline,
		.node = fos_node_of_region(draft, i),
	};
	struct fos_map map;
	char err[256];
	int rc = fos_region_create(&conf, &k->region[i], &map, err, sizeof(err));

	if (rc == -ENOMEM && huge && k->pages == FOS_PAGES_AUTO) {
		conf.huge = false; /* someone else took them since we counted */
		fos_log(FOS_LOG_WARN, "%s; using 4 KiB pages for it", err);
		rc = fos_region_create(&conf, &k->region[i], &map, err, sizeof(err));
	}
	if (rc < 0) {
		fos_log(FOS_LOG_ERROR, "%s; ask for less under `memory`", err);
		return rc;
	}
	fos_build_region(draft, i, map.base, box_id);
	k->region_ro[i] = fos_region_reopen(k->region[i]);
	if (draft->region[i].kind == FOS_REGION_DIR)
		k->dir = (void *)map.base;
	else if (draft->region[i].kind == FOS_REGION_PACKETS)
		k->packets = map;
	else
		fos_region_unmap(&map);
	if (k->region_ro[i] < 0)
		fos_log(FOS_LOG_ERROR, "region %s: cannot open it read-only: %s", conf.name,
			strerror(-k->region_ro[i]));
	return k->region_ro[i] < 0 ? k->region_ro[i] : 0;
}

static int create_bells(struct fos_keeper *k)
{
	for (uint32_t i = 0; i < k->dir->nr_rings; i++) {
		k->bell[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (k->bell[i] < 0) {
			fos_log(FOS_LOG_ERROR, "cannot create doorbells: %s; `ulimit -n` is too low",
				strerror(errno));
			return -errno;
		}
	}
	return 0;
}

/* Known before anything is made: running out of them half way is told by whoever comes first. */
static int check_descriptors(const struct fos_dir *draft)
{
	uint32_t need = DESCRIPTORS_BESIDES + 2 * draft->nr_regions + draft->nr_rings +
			2 * draft->nr_procs;
	struct rlimit r;

	for (uint32_t i = 0; i < draft->nr_ports; i++)
		need += DESCRIPTORS_OF_PORT + 2u * draft->port[i].nr_queues;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur >= need)
		return 0;
	fos_log(FOS_LOG_ERROR, "%u descriptors are needed and %llu are allowed: `ulimit -n %u`, or "
		"LimitNOFILE=%u in the unit", need, (unsigned long long)r.rlim_cur, need, need);
	return -EMFILE;
}

int fos_keeper_create(struct fos_keeper *k, const struct fos_dir *draft)
{
	uint64_t box_id = 0;
	bool huge;
	int rc = check_descriptors(draft);

	if (rc == 0)
		rc = choose_pages(k, draft, &huge);
	if (rc < 0)
		return rc;
	if (getrandom(&box_id, sizeof(box_id), 0) != sizeof(box_id) || box_id == 0)
		box_id = fos_clock_ns();
	for (uint32_t i = 0; i < draft->nr_regions; i++) {
		rc = create_region(k, draft, i, huge, box_id);
		if (rc < 0)
			return rc;
	}
	return create_bells(k);
}
