/* graph.c - `flowosctl check --graph`: the pipelines as they will run, see link.h. */
#include <errno.h>
#include <string.h>

#include "config/link.h"

const char *fos_link_stream(const struct fos_pm_info *info)
{
	static const char *const name[] = { "ip", "tcp", "app" };

	if (info->http)
		return "http.body";
	return info->stream < sizeof(name) / sizeof(name[0]) ? name[info->stream] : "?";
}

static const char *role(const struct fos_pm_info *info)
{
	return info->edits ? ", edits" : info->rewrites ? ", rewrites" : info->gates ? ", gates" : "";
}

/* A link belongs to the pipeline of who takes the topic. */
static bool of(const struct fos_config *cfg, const struct fos_config_link *l, uint32_t pipeline)
{
	return cfg->pms[l->to].pipeline == pipeline;
}

/* "/2:64", as far as it was said */
static const char *form(const struct fos_config_link *l, char buf[24])
{
	int n = 0;

	buf[0] = '\0';
	if (l->version)
		n = snprintf(buf, 24, "/%u", l->version);
	if (l->bytes)
		snprintf(buf + n, 24 - (size_t)n, ":%u", l->bytes);
	return buf;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void text_pipeline(const struct fos_config *cfg, const struct fos_pm_info *infos,
			  uint32_t index, FILE *out)
{
	const struct fos_config_pipeline *p = &cfg->pipelines[index];
	char buf[24];

	fprintf(out, "pipeline %s\n", p->name);
	for (uint32_t s = 0; s < p->stages_nr; s++) {
		fprintf(out, "  stage %u: ", s + 1);
		for (uint32_t i = 0; i < p->stages[s].pms_nr; i++) {
			uint32_t pm = p->stages[s].pms[i];

			fprintf(out, "%s%s (%s%s)", i ? " | " : "", cfg->pms[pm].name,
				fos_link_stream(&infos[pm]), role(&infos[pm]));
		}
		fputc('\n', out);
	}
	for (uint32_t i = 0; i < p->standby_nr; i++)
		fprintf(out, "  standby: %s (%s%s)\n", cfg->pms[p->standby[i]].name,
			fos_link_stream(&infos[p->standby[i]]), role(&infos[p->standby[i]]));
	for (uint32_t i = 0; i < cfg->links_nr; i++) {
		const struct fos_config_link *l = &cfg->links[i];

		if (of(cfg, l, index))
			fprintf(out, "  %s -> %s: %s%s\n", cfg->pms[l->from].name,
				cfg->pms[l->to].name, l->topic, form(l, buf));
	}
}

/* ---- Graphviz: names are letters, digits, '_' and '-', so quotes suffice ----------------------- */

/* Everything of one stage leads to everything of the next. */
static void dot_edges(const struct fos_config *cfg, const struct fos_config_pipeline *p, FILE *out)
{
	for (uint32_t s = 0; s + 1 < p->stages_nr; s++)
		for (uint32_t i = 0; i < p->stages[s].pms_nr; i++)
			for (uint32_t k = 0; k < p->stages[s + 1].pms_nr; k++)
				fprintf(out, "    \"%s\" -> \"%s\";\n",
					cfg->pms[p->stages[s].pms[i]].name,
					cfg->pms[p->stages[s + 1].pms[k]].name);
}

static void dot_pipeline(const struct fos_config *cfg, const struct fos_pm_info *infos,
			 uint32_t index, FILE *out)
{
	const struct fos_config_pipeline *p = &cfg->pipelines[index];

	fprintf(out, "  subgraph cluster_%u {\n    label=\"%s\";\n", index, p->name);
	for (uint32_t s = 0; s < p->stages_nr; s++)
		for (uint32_t i = 0; i < p->stages[s].pms_nr; i++) {
			uint32_t pm = p->stages[s].pms[i];

			fprintf(out, "    \"%s\" [label=\"%s\\n%s%s\"];\n", cfg->pms[pm].name,
				cfg->pms[pm].name, fos_link_stream(&infos[pm]), role(&infos[pm]));
		}
	dot_edges(cfg, p, out);
	fputs("  }\n", out);
}

static void dot_links(const struct fos_config *cfg, FILE *out)
{
	char buf[24];

	for (uint32_t i = 0; i < cfg->links_nr; i++) {
		const struct fos_config_link *l = &cfg->links[i];

		fprintf(out, "  \"%s\" -> \"%s\" [style=dashed, label=\"%s%s\"];\n",
			cfg->pms[l->from].name, cfg->pms[l->to].name, l->topic, form(l, buf));
	}
}

int fos_config_graph(const struct fos_config *cfg, const struct fos_pm_info *infos, FILE *out,
		     bool dot)
{
	if (dot)
		fputs("digraph flowos {\n  rankdir=LR;\n  node [shape=box];\n", out);
	for (uint32_t i = 0; i < cfg->pipelines_nr; i++) {
		if (dot)
			dot_pipeline(cfg, infos, i, out);
		else
			text_pipeline(cfg, infos, i, out);
	}
	if (dot) {
		dot_links(cfg, out);
		fputs("}\n", out);
	}
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
