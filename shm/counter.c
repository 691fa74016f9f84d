/* shm/counter.c - the table behind the counters */
#include "shm/counter.h"

const struct fos_counter_info fos_counter_table[] = {
#define C(name, unit, help) {#name, unit, help, 0},
#define D(name, unit, help) {#name, unit, help, 1},
#include "shm/counter.def"
#undef C
#undef D
};

_Static_assert(sizeof(fos_counter_table) / sizeof(fos_counter_table[0]) == FOS_NR_COUNTERS,
	       "one row per counter");
