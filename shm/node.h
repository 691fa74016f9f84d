/* shm/node.h - NUMA: on which node a process works, and its region therefore lies
 *
 * An ingress works where its NIC is.  Lanes are spread over the nodes that have a NIC of the box: each
 * lane's processes, and all their regions, are on one node.  Frames, which all share, and the directory
 * are on the first NIC's.  On a machine with one node, and where the kernel knows no node of any NIC
 * (virtual devices), nothing is bound and nothing is pinned.
 */
#ifndef FOS_SHM_NODE_H
#define FOS_SHM_NODE_H

#include <stdint.h>

#include "shm/layout.h"

#define FOS_NODE_ANY (-1)

/* Of a process; port_node = of each port's NIC, FOS_NODE_ANY = not known.  Pure. */
int fos_node_of_proc(const struct fos_dir *dir, uint32_t proc, const int *port_node);
/* Of a region, as the kernel knows the NICs now.  Caller: the keeper, in the NICs' network namespace. */
int fos_node_of_region(const struct fos_dir *dir, uint32_t region);

/* The calling process runs on the processors of the node that this memory was bound to from now on; not
 * if it was bound to none, nor where whoever started it has chosen processors for it.  Best effort. */
void fos_node_run_at(const void *memory);

#endif
