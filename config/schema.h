/* schema.h - the grammar of flowos.yaml as libcyaml tables, and what libcyaml loads.
 *
 * One set of tables serves twice: libcyaml loads by it, and fos_shape_check() walks the node tree
 * by it first, to report every unknown key, wrong type or unknown word with its place.  Numbers,
 * durations and addresses are strings here (libcyaml 1.3.1 takes "64M" for 64); convert.c and
 * match.c read them.  `match` and `options` are of free form, so libcyaml ignores them and they
 * are taken from the tree.
 */
#ifndef FOS_CONFIG_SCHEMA_H
#define FOS_CONFIG_SCHEMA_H

#include <cyaml/cyaml.h>

#include "config/config.h"
#include "config/tree.h"

/* What libcyaml fills: NULL or 0 = not in the file.  The enums' zero is the default. */
struct fos_raw_box {
	char *run_dir;
	int when_down;
	int pickup;
	int wait;
	char *lanes;
};

struct fos_raw_memory {
	char *frames;
	char *frame_size;
	char *flows;
	char *edits;
	int hugepages;
};

struct fos_raw_tcp {
	int urgent;
	int mptcp;
	char *mss;
};

struct fos_raw_limits {
	char *ooo_per_flow;
	char *ooo_total;
	char *fragments;
	char *half_open;
	char *idle;
	char *handshake;
	char *closing;
};

struct fos_raw_interface {
	char *name;
	char *nic;
	int mode;
	int inside;
	char *queues;
};

struct fos_raw_hold {
	char *bytes;
	char *time;
};

struct fos_raw_pm {
	char *pm;
	char *file;
	int direction;
	int on_failure;
	char *quarantine;
	struct fos_raw_hold *hold;
	int spare;
};

struct fos_raw_stage {
	struct fos_raw_pm single;
	struct fos_raw_pm *parallel;
	uint32_t parallel_count;
};

struct fos_raw_pipeline {
	char *name;
	int key;
	struct fos_raw_stage *stages;
	uint32_t stages_count;
};

struct fos_raw {
	char *version;
	struct fos_raw_box *box;
	struct fos_raw_memory *memory;
	struct fos_raw_tcp *tcp;
	struct fos_raw_limits *limits;
	struct fos_raw_interface *interfaces;
	uint32_t interfaces_count;
	char ***wires;			/* each a pair; by pointer: see schema.c */
	uint32_t wires_count;
	struct fos_raw_pipeline *pipelines;
	uint32_t pipelines_count;
};

extern const cyaml_schema_value_t fos_schema_root;
extern const cyaml_schema_value_t fos_schema_match;	/* the mapping form of `match` */
extern const cyaml_schema_value_t fos_schema_pm;	/* an entry of `parallel`, and of `modules` */

/* What libcyaml would make of such a mapping, once its shape is checked; pointers go into the tree.
 * `hold` is room for the PM's. */
void fos_schema_read_pm(const struct fos_node *node, struct fos_raw_pm *pm,
			struct fos_raw_hold *hold);

/* Compare the tree with a schema; report all differences.  `what` names the node in messages
 * ("the file", "'match'").  Returns 0 or -EINVAL. */
int fos_shape_check(struct fos_config *cfg, const struct fos_node *node,
		    const cyaml_schema_value_t *schema, const char *what);

/* Load cfg->text by fos_schema_root.  Returns 0, -EINVAL (reported) or -ENOMEM. */
int fos_schema_load(struct fos_config *cfg, struct fos_raw **raw);
void fos_schema_free(struct fos_raw *raw);

#endif
