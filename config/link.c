/* link.c - who takes whose topics, see link.h. */
#include <errno.h>
#include <string.h>

#include "config/link.h"
#include "config/report.h"

enum { HINT_MAX = 600 };

/* The word by which a list names a topic. */
static bool in_list(const char *list, const char *name, struct fos_word *out)
{
	while (list != NULL && fos_word_next(&list, out) == 1)
		if (strcmp(out->name, name) == 0)
			return true;
	return false;
}

/* An import being resolved. */
struct wish {
	struct fos_config *cfg;
	const struct fos_pm_info *infos;
	const bool *good;
	uint32_t to;
	struct fos_word word;
};

static bool exports(const struct wish *w, uint32_t i, struct fos_word *given)
{
	return i != w->to && w->good[i] && in_list(w->infos[i].exports, w->word.name, given);
}

static void report_missing(const struct wish *w)
{
	struct fos_config *cfg = w->cfg;
	const struct fos_config_pm *pm = &cfg->pms[w->to];
	struct fos_words words = { .len = 0 };
	struct fos_suggest s;
	char hint[HINT_MAX];

	fos_suggest_start(&s, w->word.name);
	for (uint32_t i = 0; i < cfg->pms_nr; i++) {
		const char *list = w->good[i] ? w->infos[i].exports : NULL;
		struct fos_word given;

		while (list != NULL && fos_word_next(&list, &given) == 1)
			fos_words_add(&words, given.name);
	}
	fos_hint_text(hint, sizeof(hint), &s, "exported are", &words);
	fos_config_error(cfg, pm->where, "PM '%s' imports '%s', which no module of this file "
			 "exports%s", pm->name, w->word.name, hint);
}

static void connect(const struct wish *w, uint32_t from, const struct fos_word *given)
{
	struct fos_config *cfg = w->cfg;
	const struct fos_config_pm *pm = &cfg->pms[w->to];
	struct fos_config_link *l;

	if (w->word.version && given->version && w->word.version != given->version) {
		fos_config_error(cfg, pm->where, "PM '%s' imports '%s' of version %u, '%s' (line "
				 "%d) exports version %u", pm->name, w->word.name, w->word.version,
				 cfg->pms[from].name, cfg->pms[from].where.line, given->version);
		return;
	}
	if (w->word.bytes && given->bytes && w->word.bytes != given->bytes) {
		fos_config_error(cfg, pm->where, "PM '%s' imports '%s' of %u bytes, '%s' (line %d) "
				 "exports %u", pm->name, w->word.name, w->word.bytes,
				 cfg->pms[from].name, cfg->pms[from].where.line, given->bytes);
		return;
	}
	if (cfg->links_nr == FOS_CONFIG_LINKS_MAX) {
		fos_config_error(cfg, pm->where, "PM '%s': more than %d links between modules",
				 pm->name, FOS_CONFIG_LINKS_MAX);
		return;
	}
	l = &cfg->links[cfg->links_nr++];
	*l = (struct fos_config_link){
		.from = (uint8_t)from,
		.to = (uint8_t)w->to,
		.version = (uint16_t)given->version,
		.bytes = (uint16_t)given->bytes,
	};
	snprintf(l->topic, sizeof(l->topic), "%s", w->word.name);
}

/* Exporters of its own pipeline, else all others. */
static void resolve(const struct wish *w, bool all_good)
{
	struct fos_config *cfg = w->cfg;
	const struct fos_config_pm *pm = &cfg->pms[w->to];
	uint32_t here = 0, nr = 0, first = 0;
	struct fos_word given;

	for (uint32_t i = 0; i < cfg->pms_nr; i++)
		here += cfg->pms[i].pipeline == pm->pipeline && exports(w, i, &given);
	for (uint32_t i = 0; i < cfg->pms_nr; i++) {
		if (!exports(w, i, &given) || (here && cfg->pms[i].pipeline != pm->pipeline))
			continue;
		if (nr++ == 0)
			first = i;
		if (nr == 1 || w->word.many) {
			connect(w, i, &given);
			continue;
		}
		fos_config_error(cfg, pm->where, "PM '%s' imports '%s', which both '%s' (line %d) "
				 "and '%s' (line %d) export: from whom is it to come?", pm->name,
				 w->word.name, cfg->pms[first].name, cfg->pms[first].where.line,
				 cfg->pms[i].name, cfg->pms[i].where.line);
		return;
	}
	if (nr == 0 && !w->word.optional && all_good)
		report_missing(w);
}

void fos_link_topics(struct fos_config *cfg, const struct fos_pm_info *infos, const bool *good)
{
	bool all_good = true;

	cfg->links_nr = 0;
	for (uint32_t i = 0; i < cfg->pms_nr; i++)
		all_good = all_good && good[i];
	for (uint32_t i = 0; i < cfg->pms_nr; i++) {
		struct wish w = { .cfg = cfg, .infos = infos, .good = good, .to = i };
		const char *list = good[i] ? infos[i].imports : NULL;

		while (list != NULL && fos_word_next(&list, &w.word) == 1)
			resolve(&w, all_good);
	}
}
