/* Modules in any order become stages: what they say of themselves decides, and the graph shows it. */
#include <string.h>

#include "config/link.h"
#include "tests/tap.h"

enum { TEXT_MAX = 8192 };

static const struct {
	const char *name;
	struct fos_pm_info info;
} pms[] = {
	{ "count", { .stream = FOS_PM_STREAM_IP } },
	{ "checksum", { .stream = FOS_PM_STREAM_TCP } },
	{ "nat", { .stream = FOS_PM_STREAM_IP, .gates = true, .rewrites = true } },
	{ "digest", { .stream = FOS_PM_STREAM_APP } },
	{ "raw", { .stream = FOS_PM_STREAM_APP, .before = "*" } },
	{ "web", { .stream = FOS_PM_STREAM_APP, .module = "http", .exports = "file.transfer/1:8" } },
	{ "scan", { .stream = FOS_PM_STREAM_APP, .imports = "file.transfer" } },
	{ "log", { .stream = FOS_PM_STREAM_APP, .imports = "file.transfer? alert+", .after = "*" } },
	{ "adblock", { .stream = FOS_PM_STREAM_APP, .edits = true } },
	{ "mask", { .stream = FOS_PM_STREAM_APP, .edits = true, .before = "adblock",
		    .exports = "alert" } },
	{ "guard", { .stream = FOS_PM_STREAM_APP, .edits = true, .after = "http, scan",
		     .exports = "alert" } },
};

static int lookup(void *arg, const struct fos_config_pm *pm, struct fos_pm_info *info)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(pms) / sizeof(pms[0]); i++)
		if (strcmp(pms[i].name, pm->name) == 0)
			*info = pms[i].info;
	return 0;
}

static const struct fos_pm_catalogue catalogue = { .lookup = lookup };

/* The graph of a pipeline of these modules, or what is wrong with them. */
static const char *graph(const char *modules, bool dot)
{
	static char text[TEXT_MAX], yaml[TEXT_MAX];
	struct fos_pm_info infos[FOS_CONFIG_PMS_MAX];
	struct fos_config cfg;
	FILE *out;

	memset(text, 0, sizeof(text));
	out = fmemopen(text, sizeof(text) - 1, "w");
	snprintf(yaml, sizeof(yaml), "version: 1\npipelines:\n  - name: p\n    modules: [%s]\n",
		 modules);
	fos_config_init(&cfg, out);
	if (fos_config_load_memory(&cfg, "t", yaml, strlen(yaml)) == 0 &&
	    fos_config_check(&cfg) == 0 && fos_config_check_pms(&cfg, &catalogue, infos) == 0)
		fos_config_graph(&cfg, infos, out, dot);
	fos_config_free(&cfg);
	fclose(out);
	return text;
}

static void test_orders(void)
{
	is_str(graph("digest, count, adblock, checksum", false),
	       "pipeline p\n"
	       "  stage 1: count (ip) | checksum (tcp)\n"
	       "  stage 2: adblock (app, edits)\n"
	       "  stage 3: digest (app)\n",
	       "packets first, then editors, then readers of what they made");
	is_str(graph("nat, count", false),
	       "pipeline p\n  stage 1: nat (ip, rewrites) | count (ip)\n",
	       "what nothing orders stands side by side");
	is_str(graph("digest, raw, adblock", false),
	       "pipeline p\n"
	       "  stage 1: raw (app)\n"
	       "  stage 2: adblock (app, edits)\n"
	       "  stage 3: digest (app)\n",
	       "a reader that says so sees the bytes as they came");
	is_str(graph("adblock, mask", false),
	       "pipeline p\n  stage 1: mask (app, edits)\n  stage 2: adblock (app, edits)\n",
	       "an editor before the other that it names");
	is_str(graph("adblock, guard", false),
	       "pipeline p\n  stage 1: adblock (app, edits)\n  stage 2: guard (app, edits)\n",
	       "names of modules that are not there do not matter; editors as listed");
	is_str(graph("guard, adblock", false),
	       "pipeline p\n  stage 1: guard (app, edits)\n  stage 2: adblock (app, edits)\n",
	       "listed the other way round");
}

static void test_topics(void)
{
	static const char want[] = "pipeline p\n"
				   "  stage 1: web (app)\n"
				   "  stage 2: scan (app)\n"
				   "  stage 3: guard (app, edits)\n"
				   "  stage 4: log (app)\n"
				   "  web -> scan: file.transfer/1:8\n"
				   "  web -> log: file.transfer/1:8\n"
				   "  guard -> log: alert\n";
	char again[TEXT_MAX];

	is_str(graph("web, scan, guard, log", false), want,
	       "who exports stands before who imports, and a reader before the editor that says so");
	snprintf(again, sizeof(again), "%s", graph("guard, log, scan, web", false));
	ok(strstr(again, "stage 1: web (app)\n  stage 2: scan (app)\n  stage 3: guard (app, edits)\n"
			 "  stage 4: log (app)\n") != NULL,
	   "listed backwards they stand the same");
	ok(strstr(graph("mask, guard, web, scan, log", false), "  mask -> log: alert\n") &&
	   strstr(graph("mask, guard, web, scan, log", false), "  guard -> log: alert\n"),
	   "'+' takes a topic from all that export it");
	ok(strstr(graph("log", false), "imports 'alert', which no module") != NULL &&
	   strstr(graph("log", false), "file.transfer") == NULL,
	   "only what is not optional is missed");
	ok(strstr(graph("mask, guard, adblock, digest, scan, web", false), "alert") == NULL,
	   "a topic that nobody imports goes nowhere");
}

static void test_dot(void)
{
	is_str(graph("scan, web, count", true),
	       "digraph flowos {\n  rankdir=LR;\n  node [shape=box];\n"
	       "  subgraph cluster_0 {\n    label=\"p\";\n"
	       "    \"count\" [label=\"count\\nip\"];\n"
	       "    \"web\" [label=\"web\\napp\"];\n"
	       "    \"scan\" [label=\"scan\\napp\"];\n"
	       "    \"count\" -> \"web\";\n    \"web\" -> \"scan\";\n  }\n"
	       "  \"web\" -> \"scan\" [style=dashed, label=\"file.transfer/1:8\"];\n}\n",
	       "the same for Graphviz");
}

int main(void)
{
	test_orders();
	test_topics();
	test_dot();
	return done();
}
