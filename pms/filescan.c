/* filescan - YARA rules over files that other modules see go by
 *
 * Lesson: typed messages in, whoever sends them.  This module reads no stream: it imports
 * "file.transfer/1" (pm_http.h), which `transfer` exports for HTTP.  It stands beside the traffic
 * and never holds it up, except that a sender of messages waits when it is too slow.
 *
 * Lesson: flows of one's own.  Each file under way is a key with 4 KB of state: what is known of the
 * file, and its latest bytes.  Rules are matched block by block; a block begins with the last 1 KB of
 * the one before, so a match of that length is found wherever blocks end, and a small file is one
 * block.  State and lines are committed with the message: each match is reported once, whatever is
 * killed.
 *
 *   options:
 *     rules: [/etc/flowos/rules.yar]   files of YARA rules (their `include` is not followed)
 *     file: matches.tsv                default: standard output
 *     report: matches                  matches | all: also a line "clean" or "cut" for each file
 *                                      without a match
 *
 * Conditions on a file as a whole (filesize, counts, places) see blocks; in files beyond 3 KB do not
 * rely on them.  1024 files may be under way; beyond them the one that stood still longest is
 * forgotten.  Lines: what rule name type up|down bytes (tab-separated; `bytes`: as far as it came).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <yara.h>

#include "pmhost/pm.h"

#define OVERLAP 1024u
#define TAIL 3500u
#define MAX_HITS 32u

struct file {
	uint64_t at;  /* bytes that came */
	uint64_t len; /* of them, in `tail` */
	uint32_t hit[MAX_HITS]; /* rules reported, by the hash of their names */
	uint32_t nr_hits;
	uint8_t known, upload, cut, pad;
	char name[124];
	char type[84];
	uint8_t tail[TAIL];
};
_Static_assert(sizeof(struct file) <= 4096, "the state of a key");

static YR_RULES *rules;
static int output;
static bool all;

/* ---------------------------------------------------------------- rules */

static void complain(int level, const char *file, int line, const YR_RULE *rule, const char *text,
		     void *pm)
{
	(void)rule;
	if (level == YARA_ERROR_LEVEL_ERROR)
		fos_say(pm, "%s:%d: %s", file ? file : "rules", line, text);
}

static int add(struct fos_instance *pm, YR_COMPILER *compiler, const char *path)
{
	int fd = fos_input(pm, path), errors = 1;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (!f) {
		fos_say(pm, "option rules: cannot read %s", path);
		return 1;
	}
	errors = yr_compiler_add_file(compiler, f, NULL, path);
	fclose(f);
	return errors;
}

static int compile(struct fos_instance *pm)
{
	YR_COMPILER *compiler;
	const char *path;
	int errors = 0;

	if (rules) /* options have changed */
		yr_rules_destroy(rules);
	rules = NULL;
	if (yr_initialize() != ERROR_SUCCESS || yr_compiler_create(&compiler) != ERROR_SUCCESS) {
		fos_say(pm, "libyara does not start");
		return -1;
	}
	yr_compiler_set_callback(compiler, complain, pm);
	yr_compiler_set_include_callback(compiler, NULL, NULL, NULL);
	for (unsigned i = 0; !errors && (path = fos_option(pm, "rules", i)) != NULL; i++)
		errors = add(pm, compiler, path);
	if (!errors)
		errors = yr_compiler_get_rules(compiler, &rules);
	yr_compiler_destroy(compiler);
	return errors ? -1 : 0;
}

static int init(struct fos_instance *pm)
{
	const char *report = fos_option(pm, "report", 0);

	all = report && strcmp(report, "all") == 0;
	if (report && !all && strcmp(report, "matches") != 0) {
		fos_say(pm, "option report: '%s' is neither matches nor all", report);
		return -1;
	}
	if (!fos_option(pm, "rules", 0)) {
		fos_say(pm, "option rules: name at least one file of YARA rules");
		return -1;
	}
	output = fos_output(pm, fos_option(pm, "file", 0));
	return output < 0 ? -1 : compile(pm);
}

/* ---------------------------------------------------------------- scanning */

struct scan {
	struct fos_instance *pm;
	struct file *file;
};

static void report(struct fos_instance *pm, const struct file *f, const char *what,
		   const char *rule)
{
	fos_printf(pm, output, "%s\t%s\t%s\t%s\t%s\t%" PRIu64 "\n", what, rule, f->name, f->type,
		   f->upload ? "up" : "down", f->at);
}

static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u;

	while (*s)
		h = (h ^ (uint8_t)*s++) * 16777619u;
	return h;
}

static int found(YR_SCAN_CONTEXT *context, int message, void *data, void *arg)
{
	const struct scan *s = arg;
	struct file *f = s->file;
	const YR_RULE *rule = data;
	uint32_t h;

	(void)context;
	if (message != CALLBACK_MSG_RULE_MATCHING)
		return CALLBACK_CONTINUE;
	h = hash(rule->identifier);
	for (uint32_t i = 0; i < f->nr_hits; i++)
		if (f->hit[i] == h)
			return CALLBACK_CONTINUE;
	if (f->nr_hits < MAX_HITS)
		f->hit[f->nr_hits++] = h;
	report(s->pm, f, "match", rule->identifier);
	return CALLBACK_CONTINUE;
}

static void scan(struct fos_instance *pm, struct file *f)
{
	struct scan s = {pm, f};

	yr_rules_scan_mem(rules, f->tail, (size_t)f->len, SCAN_FLAGS_NO_TRYCATCH, found, &s, 0);
}

/* Tabs and line ends would break a line; names come from the network. */
static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
	for (; *to; to++)
		if ((uint8_t)*to < ' ' || *to == 0x7f)
			*to = '?';
}

static void begin(struct file *f, const struct fos_transfer *t)
{
	char text[FOS_TRANSFER_DATA + 2] = "";

	memcpy(text, t->data, t->len);
	memset(f, 0, sizeof(*f));
	f->known = 1;
	f->upload = t->upload;
	copy_text(f->name, sizeof(f->name), text);
	copy_text(f->type, sizeof(f->type), text + strlen(text) + 1);
}

static void add_data(struct fos_instance *pm, struct file *f, const struct fos_transfer *t)
{
	f->cut |= t->offset != f->at; /* some passed unseen: not the same block */
	if (t->offset != f->at)
		f->len = 0;
	if (f->len + t->len > TAIL) {
		scan(pm, f);
		memmove(f->tail, f->tail + f->len - OVERLAP, OVERLAP);
		f->len = OVERLAP;
	}
	memcpy(f->tail + f->len, t->data, t->len);
	f->len += t->len;
	f->at = t->offset + t->len;
}

static void on_message(struct fos_instance *pm, const struct fos_message *msg)
{
	struct fos_transfer t;
	struct file *f;

	if (!msg->name || msg->len < FOS_TRANSFER_SIZE(0) || msg->len > sizeof(t))
		return;
	memset(&t, 0, sizeof(t));
	memcpy(&t, msg->data, msg->len);
	if (t.len != msg->len - FOS_TRANSFER_SIZE(0) || t.len > FOS_TRANSFER_DATA)
		return;
	f = fos_key_open(pm, t.id, sizeof(t.id));
	if (!f)
		return;
	if (t.kind == FOS_TRANSFER_BEGIN)
		begin(f, &t);
	else if (f->known && t.kind == FOS_TRANSFER_DATA_OF)
		add_data(pm, f, &t);
	if (f->known && t.kind != FOS_TRANSFER_END && t.kind != FOS_TRANSFER_CUT)
		return;
	if (f->known) {
		scan(pm, f);
		if (all && f->nr_hits == 0)
			report(pm, f, t.kind == FOS_TRANSFER_CUT || f->cut ? "cut" : "clean", "-");
	}
	fos_key_drop(pm, t.id, sizeof(t.id));
}

static void fini(struct fos_instance *pm)
{
	(void)pm;
	yr_rules_destroy(rules);
	rules = NULL;
	yr_finalize();
}

FOS_PM(.name = "filescan", .stream = FOS_APP, .imports = "file.transfer/1", .keys = 1024,
	.key_value = sizeof(struct file), .init = init, .on_message = on_message, .fini = fini);
