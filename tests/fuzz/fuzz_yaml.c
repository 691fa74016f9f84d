/* fuzz_yaml.c - any bytes as a configuration: no crash, no silent refusal, and what loads can be
 * dumped and loads back to the same.
 *
 * Filter expressions are taken out before the check: compiling them is libpcap's, and a host name
 * in one would ask the resolver.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "fuzz_yaml: %s\n", what);
		abort();
	}
}

static char *dump(const struct fos_config *cfg, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	require(out != NULL && fos_config_dump(cfg, out) == 0, "dump failed");
	fclose(out);
	return text;
}

static void round_trip(const struct fos_config *cfg, FILE *sink)
{
	struct fos_config again;
	size_t len, again_len;
	char *text = dump(cfg, &len), *again_text;

	fos_config_init(&again, sink);
	require(fos_config_load_memory(&again, "dump", text, len) == 0, "the dump does not load");
	again_text = dump(&again, &again_len);
	require(len == again_len && memcmp(text, again_text, len) == 0, "the dump differs");
	free(text);
	free(again_text);
	fos_config_free(&again);
}

static int lookup(void *arg, const struct fos_config_pm *pm, struct fos_pm_info *info)
{
	(void)arg;
	info->stream = (enum fos_pm_stream)(pm->name[0] % 3);
	info->edits = pm->name[0] % 2;
	info->rewrites = pm->name[0] % 5 == 0;
	info->gates = pm->name[0] % 7 == 0;
	return pm->name[0] == 'x' ? -2 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fos_pm_catalogue catalogue = { .lookup = lookup };
	static FILE *sink;
	struct fos_config cfg;
	int ret;

	if (sink == NULL)
		sink = fopen("/dev/null", "w");
	fos_config_init(&cfg, sink);
	ret = fos_config_load_memory(&cfg, "fuzz.yaml", data, size);
	require((ret == 0) == (cfg.errors == 0), "refused without an error, or the reverse");
	if (ret == 0) {
		round_trip(&cfg, sink);
		for (uint32_t i = 0; i < cfg.pipelines_nr; i++) {
			free(cfg.pipelines[i].match.filter);
			cfg.pipelines[i].match.filter = NULL;
		}
		ret = fos_config_check(&cfg);
		require((ret == 0) == (cfg.errors == 0), "check: result and errors disagree");
		fos_config_check_pms(&cfg, &catalogue, NULL);
	}
	fos_config_free(&cfg);
	return 0;
}
