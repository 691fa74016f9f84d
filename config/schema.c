/* schema.c - the libcyaml tables and the words of the enumerations. */
#include <string.h>

#include "config/schema.h"

#define COUNT(table) ((uint32_t)(sizeof(table) / sizeof((table)[0])))
#define OPT CYAML_FLAG_OPTIONAL
#define ENUM_FLAGS (CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT)
/* A section whose keys are all commented out reads as null: its defaults hold. */
#define SECTION (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER_NULL_STR)

#define TEXT(key, flags, type, member) \
	CYAML_FIELD_STRING_PTR(key, (flags) | CYAML_FLAG_POINTER, type, member, 0, CYAML_UNLIMITED)
#define WORD(key, type, member, words) \
	CYAML_FIELD_ENUM(key, ENUM_FLAGS, type, member, words, COUNT(words))

static const cyaml_strval_t down_words[] = {
	{ "pass", FOS_CONFIG_DOWN_PASS },
	{ "drop", FOS_CONFIG_DOWN_DROP },
};
static const cyaml_strval_t pickup_words[] = {
	{ "pass", FOS_CONFIG_PICKUP_PASS },
	{ "process", FOS_CONFIG_PICKUP_PROCESS },
};
static const cyaml_strval_t wait_words[] = {
	{ "adaptive", FOS_CONFIG_WAIT_ADAPTIVE },
	{ "sleep", FOS_CONFIG_WAIT_SLEEP },
	{ "spin", FOS_CONFIG_WAIT_SPIN },
};
static const cyaml_strval_t urgent_words[] = {
	{ "clear", FOS_CONFIG_URGENT_CLEAR },
	{ "translate", FOS_CONFIG_URGENT_TRANSLATE },
};
static const cyaml_strval_t mptcp_words[] = {
	{ "strip", FOS_CONFIG_MPTCP_STRIP },
	{ "pass", FOS_CONFIG_MPTCP_PASS },
};
static const cyaml_strval_t hugepages_words[] = {
	{ "auto", FOS_CONFIG_HUGEPAGES_AUTO },
	{ "require", FOS_CONFIG_HUGEPAGES_REQUIRE },
	{ "never", FOS_CONFIG_HUGEPAGES_NEVER },
};
static const cyaml_strval_t mode_words[] = {
	{ "auto", FOS_CONFIG_MODE_AUTO },
	{ "native", FOS_CONFIG_MODE_NATIVE },
	{ "generic", FOS_CONFIG_MODE_GENERIC },
};
static const cyaml_strval_t key_words[] = {
	{ "5tuple", FOS_CONFIG_KEY_5TUPLE },
	{ "src", FOS_CONFIG_KEY_SRC },
	{ "dst", FOS_CONFIG_KEY_DST },
	{ "in_port", FOS_CONFIG_KEY_IN_PORT },
	{ "all", FOS_CONFIG_KEY_ALL },
};
static const cyaml_strval_t direction_words[] = {
	{ "both", FOS_CONFIG_DIRECTION_BOTH },
	{ "forward", FOS_CONFIG_DIRECTION_FORWARD },
	{ "reverse", FOS_CONFIG_DIRECTION_REVERSE },
};
static const cyaml_strval_t failure_words[] = {
	{ "restart", FOS_CONFIG_FAILURE_RESTART },
	{ "bypass", FOS_CONFIG_FAILURE_BYPASS },
	{ "block", FOS_CONFIG_FAILURE_BLOCK },
};
static const cyaml_strval_t bool_words[] = {
	{ "yes", 1 }, { "no", 0 }, { "true", 1 }, { "false", 0 }, { "on", 1 }, { "off", 0 },
};

static const cyaml_schema_field_t box_fields[] = {
	TEXT("run_dir", OPT, struct fos_raw_box, run_dir),
	WORD("when_down", struct fos_raw_box, when_down, down_words),
	WORD("pickup", struct fos_raw_box, pickup, pickup_words),
	WORD("wait", struct fos_raw_box, wait, wait_words),
	TEXT("lanes", OPT, struct fos_raw_box, lanes),
	CYAML_FIELD_END
};

static const cyaml_schema_field_t memory_fields[] = {
	TEXT("frames", OPT, struct fos_raw_memory, frames),
	TEXT("frame_size", OPT, struct fos_raw_memory, frame_size),
	TEXT("flows", OPT, struct fos_raw_memory, flows),
	TEXT("edits", OPT, struct fos_raw_memory, edits),
	WORD("hugepages", struct fos_raw_memory, hugepages, hugepages_words),
	CYAML_FIELD_END
};

static const cyaml_schema_field_t tcp_fields[] = {
	WORD("urgent", struct fos_raw_tcp, urgent, urgent_words),
	WORD("mptcp", struct fos_raw_tcp, mptcp, mptcp_words),
	TEXT("mss", OPT, struct fos_raw_tcp, mss),
	CYAML_FIELD_END
};

static const cyaml_schema_field_t limits_fields[] = {
	TEXT("ooo_per_flow", OPT, struct fos_raw_limits, ooo_per_flow),
	TEXT("ooo_total", OPT, struct fos_raw_limits, ooo_total),
	TEXT("fragments", OPT, struct fos_raw_limits, fragments),
	TEXT("half_open", OPT, struct fos_raw_limits, half_open),
	TEXT("idle", OPT, struct fos_raw_limits, idle),
	TEXT("handshake", OPT, struct fos_raw_limits, handshake),
	TEXT("closing", OPT, struct fos_raw_limits, closing),
	CYAML_FIELD_END
};

static const cyaml_schema_field_t interface_fields[] = {
	TEXT("name", CYAML_FLAG_DEFAULT, struct fos_raw_interface, name),
	TEXT("nic", CYAML_FLAG_DEFAULT, struct fos_raw_interface, nic),
	WORD("mode", struct fos_raw_interface, mode, mode_words),
	WORD("inside", struct fos_raw_interface, inside, bool_words),
	TEXT("queues", OPT, struct fos_raw_interface, queues),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t interface_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct fos_raw_interface, interface_fields),
};

static const cyaml_schema_value_t wire_end = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

/* By pointer, as libcyaml 1.3.1 frees lists of embedded fixed lists with the wrong stride. */
static const cyaml_schema_value_t wire_entry = {
	CYAML_VALUE_SEQUENCE_FIXED(CYAML_FLAG_POINTER, char *, &wire_end, 2),
};

static const cyaml_schema_field_t hold_fields[] = {
	TEXT("bytes", OPT, struct fos_raw_hold, bytes),
	TEXT("time", OPT, struct fos_raw_hold, time),
	CYAML_FIELD_END
};

/* The keys of one PM, in a structure `type` where they lie under `at`. */
#define PM_FIELDS(type, at, pm_flags) \
	TEXT("pm", pm_flags, type, at pm), \
	TEXT("file", OPT, type, at file), \
	WORD("direction", type, at direction, direction_words), \
	WORD("on_failure", type, at on_failure, failure_words), \
	TEXT("quarantine", OPT, type, at quarantine), \
	CYAML_FIELD_MAPPING_PTR("hold", SECTION, type, at hold, hold_fields), \
	WORD("spare", type, at spare, bool_words), \
	CYAML_FIELD_IGNORE("options", OPT)

static const cyaml_schema_field_t pm_fields[] = {
	PM_FIELDS(struct fos_raw_pm, , CYAML_FLAG_DEFAULT),
	CYAML_FIELD_END
};

const cyaml_schema_value_t fos_schema_pm = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct fos_raw_pm, pm_fields),
};

static const cyaml_schema_field_t stage_fields[] = {
	PM_FIELDS(struct fos_raw_stage, single., OPT),
	CYAML_FIELD_SEQUENCE("parallel", OPT | CYAML_FLAG_POINTER, struct fos_raw_stage, parallel,
			     &fos_schema_pm, 1, FOS_CONFIG_PARALLEL_MAX),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t stage_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct fos_raw_stage, stage_fields),
};

static const cyaml_schema_field_t pipeline_fields[] = {
	TEXT("name", CYAML_FLAG_DEFAULT, struct fos_raw_pipeline, name),
	CYAML_FIELD_IGNORE("match", OPT),
	WORD("key", struct fos_raw_pipeline, key, key_words),
	CYAML_FIELD_IGNORE("modules", OPT),
	CYAML_FIELD_IGNORE("standby", OPT),
	CYAML_FIELD_SEQUENCE("stages", SECTION, struct fos_raw_pipeline, stages, &stage_entry, 0,
			     FOS_CONFIG_STAGES_MAX),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t pipeline_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct fos_raw_pipeline, pipeline_fields),
};

static const cyaml_schema_field_t root_fields[] = {
	TEXT("version", CYAML_FLAG_DEFAULT, struct fos_raw, version),
	CYAML_FIELD_MAPPING_PTR("box", SECTION, struct fos_raw, box, box_fields),
	CYAML_FIELD_MAPPING_PTR("memory", SECTION, struct fos_raw, memory, memory_fields),
	CYAML_FIELD_SEQUENCE("interfaces", SECTION, struct fos_raw, interfaces, &interface_entry,
			     0, FOS_CONFIG_INTERFACES_MAX),
	CYAML_FIELD_SEQUENCE("wires", SECTION, struct fos_raw, wires, &wire_entry, 0,
			     FOS_CONFIG_WIRES_MAX),
	CYAML_FIELD_MAPPING_PTR("tcp", SECTION, struct fos_raw, tcp, tcp_fields),
	CYAML_FIELD_MAPPING_PTR("limits", SECTION, struct fos_raw, limits, limits_fields),
	CYAML_FIELD_SEQUENCE("pipelines", SECTION, struct fos_raw, pipelines, &pipeline_entry, 0,
			     FOS_CONFIG_PIPELINES_MAX),
	CYAML_FIELD_END
};

const cyaml_schema_value_t fos_schema_root = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct fos_raw, root_fields),
};

/* Only its keys and types are used: match.c reads the values from the tree. */
struct match_keys {
	char *text;
};

#define MATCH_KEY(key) TEXT(key, OPT, struct match_keys, text)

static const cyaml_schema_field_t match_fields[] = {
	MATCH_KEY("in_port"), MATCH_KEY("eth_src"), MATCH_KEY("eth_dst"), MATCH_KEY("eth_type"),
	MATCH_KEY("vlan"),    MATCH_KEY("src"),	    MATCH_KEY("dst"),	  MATCH_KEY("proto"),
	MATCH_KEY("sport"),   MATCH_KEY("dport"),   CYAML_FIELD_END
};

const cyaml_schema_value_t fos_schema_match = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct match_keys, match_fields),
};

static char *text_of(const struct fos_node *node, const char *key)
{
	const struct fos_node *value = fos_tree_get(node, key);

	return value != NULL && !value->is_null ? value->text : NULL;
}

static int word_of(const struct fos_node *node, const char *key, const cyaml_strval_t *words,
		   uint32_t nr)
{
	const char *text = text_of(node, key);

	for (uint32_t i = 0; text != NULL && i < nr; i++)
		if (strcmp(words[i].str, text) == 0)
			return (int)words[i].val;
	return 0;
}

void fos_schema_read_pm(const struct fos_node *node, struct fos_raw_pm *pm,
			struct fos_raw_hold *hold)
{
	const struct fos_node *held = fos_tree_get(node, "hold");

	*pm = (struct fos_raw_pm){
		.pm = text_of(node, "pm"),
		.file = text_of(node, "file"),
		.direction = word_of(node, "direction", direction_words, COUNT(direction_words)),
		.on_failure = word_of(node, "on_failure", failure_words, COUNT(failure_words)),
		.quarantine = text_of(node, "quarantine"),
		.spare = word_of(node, "spare", bool_words, COUNT(bool_words)),
	};
	if (held == NULL || held->is_null)
		return;
	*hold = (struct fos_raw_hold){ text_of(held, "bytes"), text_of(held, "time") };
	pm->hold = hold;
}

static const char *word(const cyaml_strval_t *words, uint32_t nr, int v)
{
	for (uint32_t i = 0; i < nr; i++)
		if (words[i].val == v)
			return words[i].str;
	return "?";
}

#define WORD_FUNCTION(name, type, words) \
	const char *name(enum type v) \
	{ \
		return word(words, COUNT(words), (int)v); \
	}

WORD_FUNCTION(fos_config_down_name, fos_config_down, down_words)
WORD_FUNCTION(fos_config_pickup_name, fos_config_pickup, pickup_words)
WORD_FUNCTION(fos_config_wait_name, fos_config_wait, wait_words)
WORD_FUNCTION(fos_config_urgent_name, fos_config_urgent, urgent_words)
WORD_FUNCTION(fos_config_mptcp_name, fos_config_mptcp, mptcp_words)
WORD_FUNCTION(fos_config_hugepages_name, fos_config_hugepages, hugepages_words)
WORD_FUNCTION(fos_config_mode_name, fos_config_mode, mode_words)
WORD_FUNCTION(fos_config_key_name, fos_config_key, key_words)
WORD_FUNCTION(fos_config_direction_name, fos_config_direction, direction_words)
WORD_FUNCTION(fos_config_failure_name, fos_config_failure, failure_words)
