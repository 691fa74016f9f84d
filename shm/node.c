/* shm/node.c - NUMA placement, see node.h */
#define _GNU_SOURCE
#include "shm/node.h"

#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <stdbool.h>
#include <unistd.h>

#include "shm/region.h"

#define NODES_MAX 1024u
#define WORD_BITS (8u * (uint32_t)sizeof(unsigned long))

/* The n-th of the nodes that have a NIC, in the ports' order, each once, round and round. */
static int nth_node(const int *port_node, uint32_t nr_ports, uint32_t n)
{
	int node[FOS_MAX_PORTS];
	uint32_t nr = 0;

	for (uint32_t i = 0; i < nr_ports && i < FOS_MAX_PORTS; i++) {
		bool seen = port_node[i] < 0;

		for (uint32_t k = 0; k < nr && !seen; k++)
			seen = node[k] == port_node[i];
		if (!seen)
			node[nr++] = port_node[i];
	}
	return nr ? node[n % nr] : FOS_NODE_ANY;
}

int fos_node_of_proc(const struct fos_dir *dir, uint32_t proc, const int *port_node)
{
	const struct fos_dir_proc *p = &dir->proc[proc];

	if (p->role == FOS_ROLE_INGRESS && port_node[p->port] >= 0)
		return port_node[p->port];
	return nth_node(port_node, dir->nr_ports, p->role == FOS_ROLE_KEEPER ? 0 : p->lane);
}

int fos_node_of_region(const struct fos_dir *dir, uint32_t region)
{
	int port_node[FOS_MAX_PORTS];

	if (dir->offline || numa_available() < 0 || numa_max_node() < 1)
		return FOS_NODE_ANY;
	for (uint32_t i = 0; i < dir->nr_ports; i++)
		port_node[i] = fos_region_node_of(dir->port[i].nic);
	if (dir->region[region].kind == FOS_REGION_PACKETS)
		return nth_node(port_node, dir->nr_ports, 0);
	return fos_node_of_proc(dir, dir->region[region].proc, port_node);
}

void fos_node_run_at(const void *memory)
{
	unsigned long mask[NODES_MAX / WORD_BITS] = {0};
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	int policy = MPOL_DEFAULT;
	cpu_set_t mine;

	if (numa_available() < 0 || numa_max_node() < 1 ||
	    sched_getaffinity(0, sizeof(mine), &mine) < 0 || CPU_COUNT(&mine) < online ||
	    get_mempolicy(&policy, mask, NODES_MAX, (void *)(uintptr_t)memory, MPOL_F_ADDR) < 0 ||
	    policy != MPOL_PREFERRED)
		return;
	for (uint32_t i = 0; i < NODES_MAX; i++)
		if (mask[i / WORD_BITS] >> (i % WORD_BITS) & 1) {
			numa_run_on_node((int)i);
			return;
		}
}
