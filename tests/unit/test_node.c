/* NUMA placement (shm/node.h): which node each process's region is for. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/node.h"
#include "tests/tap.h"

static struct fos_dir *dir;

/* Processes of a box with two NICs of two queues and four lanes, without PMs. */
static void make_dir(uint32_t nr_ports)
{
	uint32_t n = 0;

	dir = calloc(1, sizeof(*dir));
	dir->nr_ports = nr_ports;
	dir->proc[n++].role = FOS_ROLE_KEEPER;
	for (uint32_t port = 0; port < nr_ports; port++)
		for (uint32_t queue = 0; queue < 2; queue++, n++) {
			dir->proc[n].role = FOS_ROLE_INGRESS;
			dir->proc[n].port = port;
			dir->proc[n].queue = queue;
		}
	for (uint32_t lane = 0; lane < 4; lane++)
		for (int role = 0; role < 2; role++, n++) {
			dir->proc[n].role = role ? FOS_ROLE_EGRESS : FOS_ROLE_CLASSIFIER;
			dir->proc[n].lane = lane;
		}
	dir->nr_procs = n;
}

/* As text, in the order of make_dir(): "keeper, ingress..., lanes...". */
static const char *nodes(const int *port_node)
{
	static char text[256];
	size_t at = 0;

	for (uint32_t i = 0; i < dir->nr_procs; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%d", i ? " " : "",
				       fos_node_of_proc(dir, i, port_node));
	return text;
}

static void test_placement(void)
{
	static const struct {
		const char *what;
		int node[2];
		const char *want;
	} row[] = {
		{"one node", {0, 0}, "0 0 0 0 0 0 0 0 0 0 0 0 0"},
		{"both NICs on another", {1, 1}, "1 1 1 1 1 1 1 1 1 1 1 1 1"},
		{"a NIC on each: lanes take turns", {1, 0}, "1 1 1 0 0 1 1 0 0 1 1 0 0"},
		{"one NIC's is not known", {-1, 1}, "1 1 1 1 1 1 1 1 1 1 1 1 1"},
		{"none is", {-1, -1}, "-1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1"},
	};

	make_dir(2);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		ok(!strcmp(nodes(row[i].node), row[i].want), "%s: %s", row[i].what, nodes(row[i].node));
	free(dir);
}

static void test_here(void)
{
	cpu_set_t before, after;
	int anywhere = 0;

	make_dir(1);
	strcpy(dir->port[0].nic, "no-such-nic");
	dir->region[0].proc = 1;
	ok(fos_node_of_region(dir, 0) == FOS_NODE_ANY, "a NIC that has no node binds nothing");
	sched_getaffinity(0, sizeof(before), &before);
	fos_node_run_at(&anywhere);
	sched_getaffinity(0, sizeof(after), &after);
	ok(CPU_EQUAL(&before, &after), "nor does memory that was bound nowhere choose processors");
	free(dir);
}

int main(void)
{
	test_placement();
	test_here();
	return done();
}
