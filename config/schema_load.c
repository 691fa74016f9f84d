/* schema_load.c - the call into libcyaml, and its log in our words. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"

enum { LOG_MAX = 512 };

/* What libcyaml said last: its first error line, and the place from its backtrace. */
struct log {
	char text[LOG_MAX];
	struct fos_where where;
};

static void take_log(cyaml_log_t level, void *arg, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));

static void take_log(cyaml_log_t level, void *arg, const char *fmt, va_list args)
{
	struct log *log = arg;
	char line[LOG_MAX], *place, *start = line;
	size_t n;

	if (level < CYAML_LOG_ERROR)
		return;
	vsnprintf(line, sizeof(line), fmt, args);
	place = strstr(line, "(line: ");
	if (place != NULL && log->where.line == 0 &&
	    sscanf(place, "(line: %d, column: %d)", &log->where.line, &log->where.column) != 2)
		log->where = (struct fos_where){ 0, 0 };
	if (place != NULL || log->text[0] != '\0')
		return;
	if (strncmp(line, "Load: ", 6) == 0)
		start += 6;
	n = strcspn(start, "\n");
	memcpy(log->text, start, n);
	log->text[n] = '\0';
}

/* fos_shape_check() finds what libcyaml would; this speaks when the two disagree. */
static int report_refusal(struct fos_config *cfg, cyaml_err_t err, const struct log *log)
{
	if (err == CYAML_ERR_OOM)
		return -ENOMEM;
	fos_config_error(cfg, log->where, "%s%s%s", cyaml_strerror(err),
			 log->text[0] != '\0' ? ": " : "", log->text);
	return -EINVAL;
}

static cyaml_config_t make_config(struct log *log)
{
	return (cyaml_config_t){
		.log_fn = take_log,
		.log_ctx = log,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
		.flags = CYAML_CFG_NO_ALIAS,
	};
}

int fos_schema_load(struct fos_config *cfg, struct fos_raw **raw)
{
	struct log log = { .text = "" };
	cyaml_config_t config = make_config(&log);
	cyaml_data_t *data = NULL;
	cyaml_err_t err;

	err = cyaml_load_data((const uint8_t *)cfg->text, cfg->text_len, &config, &fos_schema_root,
			      &data, NULL);
	*raw = data;
	if (err != CYAML_OK)
		return report_refusal(cfg, err, &log);
	if (data == NULL) {
		fos_config_error(cfg, (struct fos_where){ 0, 0 }, "the file is empty");
		return -EINVAL;
	}
	return 0;
}

void fos_schema_free(struct fos_raw *raw)
{
	struct log log = { .text = "" };
	cyaml_config_t config = make_config(&log);

	if (raw != NULL)
		cyaml_free(&config, &fos_schema_root, raw, 0);
}
