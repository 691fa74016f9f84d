/* link_order.c - the stages of pipelines given as `modules:`, see link.h. */
#include <string.h>

#include "config/link.h"
#include "config/report.h"

/* The modules of one pipeline; numbers are places in its list. */
struct set {
	struct fos_config *cfg;
	struct fos_config_pipeline *p;
	const struct fos_pm_info *infos;
	uint32_t nr;
	uint32_t first[FOS_CONFIG_PMS_MAX];  /* bit i: i stands before this one */
	uint32_t reach[FOS_CONFIG_PMS_MAX];  /* the same through others */
};

static const struct fos_config_pm *pm_of(const struct set *s, uint32_t i)
{
	return &s->cfg->pms[s->p->modules[i]];
}

static const struct fos_pm_info *info_of(const struct set *s, uint32_t i)
{
	return &s->infos[s->p->modules[i]];
}

static bool reads_packets(const struct set *s, uint32_t i)
{
	return info_of(s, i)->stream == FOS_PM_STREAM_IP ||
	       info_of(s, i)->stream == FOS_PM_STREAM_TCP;
}

/* Those whose order among each other shows in what leaves. */
static bool changes(const struct set *s, uint32_t i)
{
	return info_of(s, i)->edits || info_of(s, i)->rewrites;
}

static bool is_called(const struct set *s, uint32_t i, const char *name)
{
	const char *module = info_of(s, i)->module;

	return strcmp(pm_of(s, i)->name, name) == 0 ||
	       (module != NULL && strcmp(module, name) == 0);
}

/* ---- edges ----------------------------------------------------------------------------------- */

static void add(struct set *s, uint32_t a, uint32_t b)
{
	uint32_t before_a = s->reach[a] | 1u << a;

	s->first[b] |= 1u << a;
	s->reach[b] |= before_a;
	for (uint32_t i = 0; i < s->nr; i++)
		if (s->reach[i] >> b & 1u)
			s->reach[i] |= s->reach[b];
}

/* a before b, unless b must come before a. */
static void prefer(struct set *s, uint32_t a, uint32_t b)
{
	if (!(s->reach[a] >> b & 1u))
		add(s, a, b);
}

static bool claims(const struct set *s, uint32_t i, bool last)
{
	const char *list = last ? info_of(s, i)->after : info_of(s, i)->before;
	struct fos_word w;

	while (list != NULL && fos_word_next(&list, &w) == 1)
		if (strcmp(w.name, "*") == 0)
			return true;
	return false;
}

/* "*": the first or the last of those that read what it reads. */
static void claim_ends(struct set *s, bool last)
{
	const char *end = last ? "last" : "first";

	for (uint32_t i = 0; i < s->nr; i++) {
		for (uint32_t k = 0; k < s->nr && claims(s, i, last); k++) {
			if (k == i || reads_packets(s, k) != reads_packets(s, i))
				continue;
			if (!claims(s, k, last))
				add(s, last ? k : i, last ? i : k);
			else if (k < i)
				fos_config_error(s->cfg, pm_of(s, i)->where, "PM '%s' claims the "
						 "%s place of pipeline '%s', and so does '%s' (line "
						 "%d)", pm_of(s, i)->name, end, s->p->name,
						 pm_of(s, k)->name, pm_of(s, k)->where.line);
		}
	}
}

static void name_edge(struct set *s, uint32_t i, uint32_t k, bool after)
{
	uint32_t a = after ? k : i, b = after ? i : k;

	if (reads_packets(s, a) == reads_packets(s, b))
		add(s, a, b);
	else if (reads_packets(s, b))
		fos_config_error(s->cfg, pm_of(s, i)->where, "PM '%s' wants to stand %s '%s' (line "
				 "%d), but '%s' reads '%s' and all readers of packets come first",
				 pm_of(s, i)->name, after ? "behind" : "before", pm_of(s, k)->name,
				 pm_of(s, k)->where.line, pm_of(s, b)->name,
				 fos_link_stream(info_of(s, b)));
}

static void add_named(struct set *s, uint32_t i, const char *list, bool after)
{
	struct fos_word w;

	while (list != NULL && fos_word_next(&list, &w) == 1)
		for (uint32_t k = 0; k < s->nr; k++)
			if (k != i && is_called(s, k, w.name))
				name_edge(s, i, k, after);
}

static bool wants(const struct set *s, uint32_t i, const char *topic, bool *optional)
{
	const char *list = info_of(s, i)->imports;
	struct fos_word w;

	while (list != NULL && fos_word_next(&list, &w) == 1) {
		if (strcmp(w.name, topic) != 0)
			continue;
		*optional = w.optional;
		return true;
	}
	return false;
}

static int place_of(const struct set *s, uint32_t pm)
{
	for (uint32_t i = 0; i < s->nr; i++)
		if (s->p->modules[i] == pm)
			return (int)i;
	return -1;
}

/* Who exports a topic stands before who takes it; a wish only where it is optional. */
static void add_topics(struct set *s, bool optional)
{
	for (uint32_t l = 0; l < s->cfg->links_nr; l++) {
		const struct fos_config_link *link = &s->cfg->links[l];
		int a = place_of(s, link->from), b = place_of(s, link->to);
		bool may = false;

		if (a < 0 || b < 0 || reads_packets(s, (uint32_t)a) != reads_packets(s, (uint32_t)b) ||
		    !wants(s, (uint32_t)b, link->topic, &may) || may != optional)
			continue;
		if (optional)
			prefer(s, (uint32_t)a, (uint32_t)b);
		else
			add(s, (uint32_t)a, (uint32_t)b);
	}
}

static void add_wishes(struct set *s)
{
	for (uint32_t a = 0; a < s->nr; a++)
		for (uint32_t b = a + 1; b < s->nr; b++)
			if (changes(s, a) && changes(s, b) &&
			    reads_packets(s, a) == reads_packets(s, b))
				prefer(s, a, b);
	for (uint32_t a = 0; a < s->nr; a++)
		for (uint32_t b = 0; b < s->nr; b++)
			if (info_of(s, a)->edits && !changes(s, b) &&
			    reads_packets(s, a) == reads_packets(s, b))
				prefer(s, a, b);
	add_topics(s, true);
}

/* ---- circles --------------------------------------------------------------------------------- */

/* Some module that stands before itself, and the way round. */
static bool report_circle(struct set *s)
{
	char way[600] = "";
	uint32_t start = 0, at, seen = 0;
	size_t len = 0;

	while (start < s->nr && !(s->reach[start] >> start & 1u))
		start++;
	if (start == s->nr)
		return false;
	/* backwards along edges that lead to the start again */
	for (at = start; !(seen >> at & 1u);) {
		uint32_t next = 0;

		seen |= 1u << at;
		while (!(s->first[at] >> next & 1u && (next == start || s->reach[next] >> start & 1u)))
			next++;
		at = next;
		len = strlen(way);
		snprintf(way + len, sizeof(way) - len, " needs '%s' before it%s",
			 pm_of(s, at)->name, at == start ? "" : ", which");
	}
	fos_config_error(s->cfg, pm_of(s, start)->where, "pipeline '%s' cannot be ordered: '%s'%s: "
			 "leave one out, or give 'stages' in the order you want", s->p->name,
			 pm_of(s, start)->name, way);
	return true;
}

/* ---- stages ---------------------------------------------------------------------------------- */

static uint32_t level_of(const struct set *s, uint32_t i, const uint32_t *level)
{
	uint32_t most = 0;

	for (uint32_t k = 0; k < s->nr; k++)
		if (s->first[i] >> k & 1u && level[k] + 1 > most)
			most = level[k] + 1;
	return most;
}

static bool new_stage(struct set *s, const struct fos_config_pm *pm)
{
	if (s->p->stages_nr == FOS_CONFIG_STAGES_MAX) {
		fos_config_error(s->cfg, pm->where, "pipeline '%s' needs more than %d stages: PM "
				 "'%s' finds no place", s->p->name, FOS_CONFIG_STAGES_MAX, pm->name);
		return false;
	}
	s->p->stages[s->p->stages_nr++] = (struct fos_config_stage){ .where = pm->where };
	return true;
}

/* Those of one level and kind, side by side. */
static bool put_level(struct set *s, const uint32_t *level, uint32_t want, bool packets)
{
	struct fos_config_stage *st = NULL;

	for (uint32_t i = 0; i < s->nr; i++) {
		if (level[i] != want || reads_packets(s, i) != packets)
			continue;
		if (st == NULL || st->pms_nr == FOS_CONFIG_PARALLEL_MAX) {
			if (!new_stage(s, pm_of(s, i)))
				return false;
			st = &s->p->stages[s->p->stages_nr - 1];
		}
		s->cfg->pms[s->p->modules[i]].stage = s->p->stages_nr - 1;
		st->pms[st->pms_nr++] = s->p->modules[i];
		st->parallel = st->pms_nr > 1;
	}
	return true;
}

static void put_stages(struct set *s)
{
	uint32_t level[FOS_CONFIG_PMS_MAX] = { 0 };
	bool fits = true;

	/* the longest way to each, edges being without circles */
	for (uint32_t round = 0; round < s->nr; round++)
		for (uint32_t i = 0; i < s->nr; i++)
			level[i] = level_of(s, i, level);
	for (int packets = 1; packets >= 0; packets--)
		for (uint32_t l = 0; l < s->nr && fits; l++)
			fits = put_level(s, level, l, packets);
}

static void check_editors(const struct set *s)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < s->nr; i++)
		if (info_of(s, i)->edits && !reads_packets(s, i) &&
		    ++nr == FOS_CONFIG_EDITORS_MAX + 1)
			fos_config_error(s->cfg, pm_of(s, i)->where, "PM '%s' is one editor too many "
					 "for pipeline '%s': at most %d", pm_of(s, i)->name,
					 s->p->name, FOS_CONFIG_EDITORS_MAX);
}

void fos_link_order(struct fos_config *cfg, uint32_t index, const struct fos_pm_info *infos,
		    const bool *good)
{
	struct set s = { .cfg = cfg, .p = &cfg->pipelines[index], .infos = infos };
	uint32_t before = cfg->errors;

	s.nr = s.p->modules_nr;
	s.p->stages_nr = 0;
	for (uint32_t i = 0; i < s.nr; i++)
		if (!good[s.p->modules[i]])
			return;
	for (uint32_t i = 0; i < s.nr; i++) {
		add_named(&s, i, info_of(&s, i)->after, true);
		add_named(&s, i, info_of(&s, i)->before, false);
	}
	claim_ends(&s, false);
	claim_ends(&s, true);
	add_topics(&s, false);
	check_editors(&s);
	if (cfg->errors != before || report_circle(&s))
		return;
	add_wishes(&s);
	put_stages(&s);
}
