/* shm/table.h - a process' own tables with an entry per flow or connection
 *
 * Zeroed, and paged in as they are used.  Tables of many megabytes are read at random places, one entry
 * for each packet: they lie on transparent huge pages where the machine gives such pages to who asks
 * (/sys/kernel/mm/transparent_hugepage/enabled: madvise or always), so that finding a page costs no more
 * than with few flows.  Shared tables lie in regions (region.h).
 *
 * Caller: any process, for itself, outside the hot path.
 */
#ifndef FOS_SHM_TABLE_H
#define FOS_SHM_TABLE_H

#include <stdint.h>

/* NULL: no memory.  bytes > 0. */
void *fos_table_new(uint64_t bytes);

/* With the same size; NULL is none. */
void fos_table_free(void *table, uint64_t bytes);

#endif
