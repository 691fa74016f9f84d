/* config.h - the configuration of one box: what flowos.yaml says, checked and in base units.
 *
 * A file goes through three steps, each of which reports every problem it can find:
 *
 *	fos_config_load()	YAML -> struct fos_config	syntax, keys, types, units, ranges
 *	fos_config_check()	check.h: rules that span keys	names, references, filters
 *	fos_config_check_pms()	check.h: rules that need the PM files themselves
 *
 * A message is "FILE:LINE:COLUMN: error: what is wrong, what is allowed", then the source line
 * with a caret.  Elements that later code may complain about keep their position, so the keeper
 * and flowosctl report in the same form with fos_config_error().
 *
 * Units: bytes and counts are plain numbers (K, M, G of the file are multiples of 1024 and already
 * applied), durations are milliseconds, ports and addresses are in the order noted at the field.
 * Ownership: a struct fos_config owns all it points to; fos_config_free() releases it.
 * Threads: none of these functions may run concurrently on one struct fos_config.
 */
#ifndef FOS_CONFIG_CONFIG_H
#define FOS_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How much of everything a file may ask for. */
enum {
	FOS_CONFIG_VERSION = 1,			/* the only value of `version` */
	FOS_CONFIG_INTERFACES_MAX = 8,
	FOS_CONFIG_WIRES_MAX = FOS_CONFIG_INTERFACES_MAX / 2,
	FOS_CONFIG_QUEUES_MAX = 16,		/* per interface */
	FOS_CONFIG_LANES_MAX = 16,
	FOS_CONFIG_PIPELINES_MAX = 16,
	FOS_CONFIG_STAGES_MAX = 8,		/* per pipeline */
	FOS_CONFIG_PARALLEL_MAX = 8,		/* PMs side by side in one stage */
	FOS_CONFIG_PMS_MAX = 32,		/* PM instances in the file */
	FOS_CONFIG_LINKS_MAX = 128,		/* topics times those who take them */
	FOS_CONFIG_EDITORS_MAX = 4,		/* PMs of one pipeline that edit `app` */
	FOS_CONFIG_OPTIONS_MAX = 64,		/* keys in one PM's options */
	FOS_CONFIG_OPTION_VALUES_MAX = 1024,	/* values of one key */
	FOS_CONFIG_OPTIONS_BYTES_MAX = 16384,	/* one PM's keys and values, each with its NUL */
	FOS_CONFIG_NAME_MAX = 31,		/* bytes of a pipeline's or PM's name, no NUL */
	FOS_CONFIG_INTERFACE_NAME_MAX = 15,	/* bytes of an interface's name or NIC, no NUL */
	FOS_CONFIG_PATH_MAX = 1023,		/* bytes of a path, no NUL */
	FOS_CONFIG_RUN_DIR_MAX = 80,		/* leaves room for a socket's name in sun_path */
	FOS_CONFIG_FILTER_MAX = 1023,		/* bytes of a filter expression, no NUL */
	FOS_CONFIG_FILE_BYTES_MAX = 1 << 20,	/* of the YAML file */
	FOS_CONFIG_ERRORS_MAX = 50,		/* reported before giving up on a file */
};

/* Defaults and bounds of the numbers. */
#define FOS_CONFIG_RUN_DIR_DEFAULT	"/run/flowos"
#define FOS_CONFIG_LANES_DEFAULT	1
#define FOS_CONFIG_FRAMES_DEFAULT	(32u << 10)	/* packet frames */
#define FOS_CONFIG_FRAMES_MIN		(1u << 10)
#define FOS_CONFIG_FRAMES_MAX		(4u << 20)
#define FOS_CONFIG_FRAMES_QUEUE_MIN	256u		/* frames needed per NIC queue */
#define FOS_CONFIG_FRAME_SIZE_DEFAULT	2048u		/* bytes; 2048 or 4096 */
#define FOS_CONFIG_FRAME_SIZE_LARGE	4096u
#define FOS_CONFIG_FLOWS_DEFAULT	(64u << 10)	/* flow slots, two per connection */
#define FOS_CONFIG_FLOWS_MIN		256u
#define FOS_CONFIG_FLOWS_MAX		(16u << 20)
#define FOS_CONFIG_EDITS_DEFAULT	(64u << 10)	/* edit records per PM */
#define FOS_CONFIG_EDITS_MIN		256u
#define FOS_CONFIG_EDITS_MAX		(16u << 20)
#define FOS_CONFIG_OOO_FLOW_DEFAULT	(4ull << 20)	/* bytes queued out of order, one flow */
#define FOS_CONFIG_OOO_FLOW_MIN		(4ull << 10)
#define FOS_CONFIG_OOO_FLOW_MAX		(64ull << 20)
#define FOS_CONFIG_OOO_TOTAL_DEFAULT	(64ull << 20)	/* the same, all flows */
#define FOS_CONFIG_OOO_TOTAL_MIN	(64ull << 10)
#define FOS_CONFIG_OOO_TOTAL_MAX	(16ull << 30)
#define FOS_CONFIG_FRAGMENTS_DEFAULT	1024u		/* datagrams being reassembled */
#define FOS_CONFIG_FRAGMENTS_MIN	1u
#define FOS_CONFIG_FRAGMENTS_MAX	(64u << 10)
#define FOS_CONFIG_HALF_OPEN_DEFAULT	(8u << 10)	/* TCP connections before their third packet */
#define FOS_CONFIG_HALF_OPEN_MIN	16u
#define FOS_CONFIG_HALF_OPEN_MAX	(8u << 20)
#define FOS_CONFIG_MSS_KEEP		0u		/* values of fos_config.mss */
#define FOS_CONFIG_MSS_AUTO		UINT32_MAX
#define FOS_CONFIG_MSS_MIN		88u		/* what Linux takes at least */
#define FOS_CONFIG_MSS_MAX		65495u
#define FOS_CONFIG_IDLE_DEFAULT_MS	(300u * 1000)	/* silence that ends a flow */
#define FOS_CONFIG_IDLE_MAX_MS		(7u * 24 * 3600 * 1000)
#define FOS_CONFIG_HANDSHAKE_DEFAULT_MS	(30u * 1000)	/* SYN seen, not yet established */
#define FOS_CONFIG_CLOSING_DEFAULT_MS	(10u * 1000)	/* both FINs or a RST seen */
#define FOS_CONFIG_TIMEOUT_MIN_MS	1000u		/* of idle, handshake and closing */
#define FOS_CONFIG_TIMEOUT_MAX_MS	(3600u * 1000)	/* of handshake and closing */
#define FOS_CONFIG_HOLD_BYTES_DEFAULT	(64u << 10)	/* bytes a PM may hold back per flow */
#define FOS_CONFIG_HOLD_BYTES_MIN	1u
#define FOS_CONFIG_HOLD_BYTES_MAX	(1u << 20)
#define FOS_CONFIG_HOLD_TIME_DEFAULT_MS	200u
#define FOS_CONFIG_QUARANTINE_DEFAULT	3u
#define FOS_CONFIG_QUARANTINE_MAX	1000u
#define FOS_CONFIG_HOLD_TIME_MIN_MS	1u
#define FOS_CONFIG_HOLD_TIME_MAX_MS	(60u * 1000)

enum fos_config_down { FOS_CONFIG_DOWN_PASS, FOS_CONFIG_DOWN_DROP };
enum fos_config_pickup { FOS_CONFIG_PICKUP_PASS, FOS_CONFIG_PICKUP_PROCESS };
enum fos_config_wait { FOS_CONFIG_WAIT_ADAPTIVE, FOS_CONFIG_WAIT_SLEEP, FOS_CONFIG_WAIT_SPIN };
enum fos_config_urgent { FOS_CONFIG_URGENT_CLEAR, FOS_CONFIG_URGENT_TRANSLATE };
enum fos_config_mptcp { FOS_CONFIG_MPTCP_STRIP, FOS_CONFIG_MPTCP_PASS };
enum fos_config_hugepages {
	FOS_CONFIG_HUGEPAGES_AUTO,
	FOS_CONFIG_HUGEPAGES_REQUIRE,
	FOS_CONFIG_HUGEPAGES_NEVER,
};
enum fos_config_mode { FOS_CONFIG_MODE_AUTO, FOS_CONFIG_MODE_NATIVE, FOS_CONFIG_MODE_GENERIC };
enum fos_config_key {
	FOS_CONFIG_KEY_5TUPLE,
	FOS_CONFIG_KEY_SRC,
	FOS_CONFIG_KEY_DST,
	FOS_CONFIG_KEY_IN_PORT,
	FOS_CONFIG_KEY_ALL,
};
enum fos_config_direction {
	FOS_CONFIG_DIRECTION_BOTH,
	FOS_CONFIG_DIRECTION_FORWARD,		/* that of the connection's first packet */
	FOS_CONFIG_DIRECTION_REVERSE,
};
enum fos_config_failure {
	FOS_CONFIG_FAILURE_RESTART,
	FOS_CONFIG_FAILURE_BYPASS,
	FOS_CONFIG_FAILURE_BLOCK,
};

/* Where an element begins in the file, both from 1; line 0 = not in the file (a default). */
struct fos_where {
	int line;
	int column;				/* in characters, not bytes */
};

struct fos_config_interface {
	struct fos_where where;			/* of the element */
	struct fos_where nic_where;
	struct fos_where queues_where;
	char name[FOS_CONFIG_INTERFACE_NAME_MAX + 1];
	char nic[FOS_CONFIG_INTERFACE_NAME_MAX + 1];
	enum fos_config_mode mode;
	bool inside;				/* lanes: by the other side's address alone */
	struct fos_where inside_where;
	uint32_t queues;			/* 0 = auto: as many as the NIC has */
};

/* What enters a[0] leaves by a[1] and the other way round. */
struct fos_config_wire {
	struct fos_where where;
	struct fos_where end_where[2];
	char *end_name[2];
	int end[2];				/* index into interfaces, by fos_config_check() */
};

/* Which fields of a match are set. */
enum {
	FOS_CONFIG_MATCH_IN_PORT = 1 << 0,
	FOS_CONFIG_MATCH_ETH_SRC = 1 << 1,
	FOS_CONFIG_MATCH_ETH_DST = 1 << 2,
	FOS_CONFIG_MATCH_ETH_TYPE = 1 << 3,
	FOS_CONFIG_MATCH_VLAN = 1 << 4,
	FOS_CONFIG_MATCH_SRC = 1 << 5,
	FOS_CONFIG_MATCH_DST = 1 << 6,
	FOS_CONFIG_MATCH_PROTO = 1 << 7,
	FOS_CONFIG_MATCH_SPORT = 1 << 8,
	FOS_CONFIG_MATCH_DPORT = 1 << 9,
};

struct fos_config_prefix {
	uint8_t family;				/* 4 or 6 */
	uint8_t bits;				/* 0..32 or 0..128 */
	uint8_t addr[16];			/* network order; IPv4 in the first 4 bytes */
};

struct fos_config_ports {
	uint16_t low, high;			/* inclusive, host order */
};

/* Either `filter`, or the fields named in `set` (all must hold), or neither: everything. */
struct fos_config_match {
	struct fos_where where;			/* of the value; line 0 without `match` */
	char *filter;				/* pcap filter expression or NULL */
	uint32_t set;				/* FOS_CONFIG_MATCH_* */
	struct fos_where in_port_where;
	struct fos_where src_where, dst_where;
	struct fos_where sport_where, dport_where;
	char *in_port_name;
	int in_port;				/* index into interfaces, by fos_config_check() */
	uint8_t eth_src[6], eth_dst[6];
	uint16_t eth_type;			/* host order */
	uint16_t vlan;				/* outermost VLAN id, 1..4094 */
	struct fos_config_prefix src, dst;
	uint8_t proto;				/* IP protocol number */
	struct fos_config_ports sport, dport;
};

/* One key of a PM's options.  A scalar is a list of one, told apart by `is_list`. */
struct fos_config_option {
	struct fos_where where;			/* of the key */
	char *key;
	bool is_list;
	uint32_t values_nr;
	char **values;
	struct fos_where *value_where;		/* values_nr of them */
};

/* One PM instance.  The index in fos_config.pms is its number everywhere. */
struct fos_config_pm {
	struct fos_where where;			/* of the name */
	struct fos_where file_where;
	struct fos_where direction_where;
	struct fos_where hold_where;
	char *name;				/* unique in the file */
	char *file;				/* as given; NULL: look up `name` on the PM path */
	uint32_t pipeline;			/* index of its pipeline */
	uint32_t stage;				/* index of its stage within the pipeline */
	enum fos_config_direction direction;
	enum fos_config_failure on_failure;
	uint32_t quarantine;			/* deaths on one flow that end its processing */
	uint32_t hold_bytes;
	uint32_t hold_time_ms;
	bool standby;				/* in no stage yet */
	bool spare;				/* keep a warm spare process */
	uint32_t options_nr;
	struct fos_config_option *options;
};

struct fos_config_stage {
	struct fos_where where;
	bool parallel;				/* written as `parallel:`, also with one PM */
	uint32_t pms_nr;
	uint8_t pms[FOS_CONFIG_PARALLEL_MAX];	/* indices into fos_config.pms */
};

struct fos_config_pipeline {
	struct fos_where where;			/* of the element */
	struct fos_where name_where;
	struct fos_where key_where;
	char *name;				/* unique in the file */
	struct fos_config_match match;
	enum fos_config_key key;
	bool linked;				/* given as `modules`: link.c makes the stages */
	uint32_t modules_nr;
	uint8_t modules[FOS_CONFIG_PMS_MAX];	/* indices into fos_config.pms, as listed */
	uint32_t standby_nr;
	uint8_t standby[FOS_CONFIG_PMS_MAX];	/* PMs that run without a stage until they are given one */
	uint32_t stages_nr;			/* 0: only watched (counted), nothing runs */
	struct fos_config_stage stages[FOS_CONFIG_STAGES_MAX];
};

/* PM `from` publishes the topic and PM `to` takes it. */
struct fos_config_link {
	uint8_t from, to;			/* indices into fos_config.pms */
	uint16_t version;			/* of what is published; 0 = not said */
	uint16_t bytes;				/* of each message; 0 = any */
	char topic[FOS_CONFIG_NAME_MAX + 1];
};

struct fos_config {
	/* box */
	char run_dir[FOS_CONFIG_RUN_DIR_MAX + 1];
	enum fos_config_down when_down;
	enum fos_config_pickup pickup;
	enum fos_config_wait wait;
	uint32_t lanes;
	/* memory */
	uint32_t frames;
	uint32_t frame_size;			/* bytes */
	uint32_t flows;
	uint32_t edits;				/* per PM */
	enum fos_config_hugepages hugepages;
	/* tcp */
	enum fos_config_urgent urgent;
	enum fos_config_mptcp mptcp;
	uint32_t mss;				/* FOS_CONFIG_MSS_KEEP, _AUTO, or bytes */
	/* limits */
	uint64_t ooo_per_flow_bytes;
	uint64_t ooo_total_bytes;
	uint32_t fragments;
	uint32_t half_open;
	uint32_t idle_ms;
	uint32_t handshake_ms;
	uint32_t closing_ms;
	struct fos_where frames_where, flows_where, lanes_where, hugepages_where;
	struct fos_where run_dir_where, ooo_per_flow_where;
	/* lists */
	uint32_t interfaces_nr;
	struct fos_config_interface interfaces[FOS_CONFIG_INTERFACES_MAX];
	uint32_t wires_nr;
	struct fos_config_wire wires[FOS_CONFIG_WIRES_MAX];
	uint32_t pipelines_nr;
	struct fos_config_pipeline pipelines[FOS_CONFIG_PIPELINES_MAX];
	uint32_t pms_nr;
	struct fos_config_pm pms[FOS_CONFIG_PMS_MAX];
	/* by fos_config_check_pms() */
	uint32_t links_nr;
	struct fos_config_link links[FOS_CONFIG_LINKS_MAX];
	/* reporting */
	char *file;				/* name as given, for messages */
	char *text;				/* the source, for the line above the caret */
	size_t text_len;
	FILE *report;				/* messages go here; not owned */
	uint32_t errors;
	uint32_t warnings;
};

/* Fill `cfg` with the defaults and an empty file.  `report` receives all messages (stderr when
 * NULL) and stays the caller's.  Call before any other function; then fos_config_free(). */
void fos_config_init(struct fos_config *cfg, FILE *report);

/* Load `path` ("-" = standard input) into an initialised `cfg`.
 * Returns 0, or -EINVAL when errors were reported, or -ENOMEM (reported as well).
 * On failure `cfg` holds what could be read and still must be freed. */
int fos_config_load(struct fos_config *cfg, const char *path);

/* The same from `len` bytes of memory; `name` stands for the file in messages. */
int fos_config_load_memory(struct fos_config *cfg, const char *name, const void *text, size_t len);

/* Release all that `cfg` owns.  Harmless on an initialised or already freed one. */
void fos_config_free(struct fos_config *cfg);

/* Report an error or a warning at `where` ("FILE:L:C: error: ...", source line, caret; without
 * position "FILE: error: ...") and count it.  At most FOS_CONFIG_ERRORS_MAX are printed. */
void fos_config_error(struct fos_config *cfg, struct fos_where where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void fos_config_warn(struct fos_config *cfg, struct fos_where where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The interface or PM of that name: its index, or -1. */
int fos_config_find_interface(const struct fos_config *cfg, const char *name);
int fos_config_find_pm(const struct fos_config *cfg, const char *name);

/* The words that the file uses for the enumerations ("5tuple", "restart", ...). */
const char *fos_config_down_name(enum fos_config_down v);
const char *fos_config_pickup_name(enum fos_config_pickup v);
const char *fos_config_wait_name(enum fos_config_wait v);
const char *fos_config_urgent_name(enum fos_config_urgent v);
const char *fos_config_mptcp_name(enum fos_config_mptcp v);
const char *fos_config_hugepages_name(enum fos_config_hugepages v);
const char *fos_config_mode_name(enum fos_config_mode v);
const char *fos_config_key_name(enum fos_config_key v);
const char *fos_config_direction_name(enum fos_config_direction v);
const char *fos_config_failure_name(enum fos_config_failure v);

#endif
