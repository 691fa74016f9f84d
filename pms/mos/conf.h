/* pms/mos/conf.h - mos.conf, the configuration file of mOS
 *
 * Blocks `mos { }` and `application { }` of lines `key = value`, `#` begins a comment; in `mos` the
 * tables netdev, arp_table, route_table and nic_forward_table.  mOS takes no notice of what it does not
 * understand; here it is an error.  Values that FlowOS's own configuration decides (interfaces, routes,
 * time-outs) are checked and otherwise not used; README.md says which.
 */
#ifndef FOS_MOS_CONF_H
#define FOS_MOS_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOS_MOS_ERROR 512u
#define FOS_MOS_CONCURRENCY 100000
#define FOS_MOS_RMEM 8192
#define FOS_MOS_TIMEOUT 30
#define FOS_MOS_APPS 20
#define FOS_MOS_ARGS 20
#define FOS_MOS_TEXT 256u /* bytes of a value, its NUL included */

struct fos_mos_app {
	char type[FOS_MOS_TEXT]; /* "" or "monitor": else it is an error */
	char run[FOS_MOS_TEXT];  /* what argv points to */
	int argc;
	char *argv[FOS_MOS_ARGS];
	uint64_t core_mask;
};

struct fos_mos_conf {
	int max_concurrency;
	int rmem_size;
	int wmem_size;
	int tcp_tw_interval;
	int tcp_timeout; /* seconds; -1 = none */
	bool no_ring_buffers;
	int nr_apps;
	struct fos_mos_app app[FOS_MOS_APPS];
};

/* 0, or -1 with one line in err: FILE:LINE:COLUMN: what is wrong and what is allowed. */
int fos_mos_conf_read(const char *path, struct fos_mos_conf *out, char *err, size_t err_size);

/* The same over len bytes in memory, any bytes; `name` is for the message. */
int fos_mos_conf_parse(const char *text, size_t len, const char *name, struct fos_mos_conf *out,
		       char *err, size_t err_size);

#endif
