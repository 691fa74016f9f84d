/* NAME
 *	flowosctl - run a FlowOS box and look into it
 * SYNOPSIS
 *	flowosctl run FILE [--read CAPTURE [--write CAPTURE]]
 *	flowosctl check FILE [--dump] [--graph[=text|dot]] [-q]
 *	flowosctl status [FILE] [-o json] [--run-dir DIR]
 *	flowosctl get flows [FILE] [-o json] [--run-dir DIR]
 *	flowosctl midstat [FILE] [--once] [--sort KEY] [-n ROWS] [--interval SECONDS] [-o json]
 *	flowosctl audit [FILE] [-o json] [--run-dir DIR]
 *	flowosctl digest CAPTURE...
 *	flowosctl stop [FILE] [--run-dir DIR]
 *	flowosctl restart STAGE [FILE] [--run-dir DIR]
 *	flowosctl upgrade pm/NAME MODULE.so [FILE] [--run-dir DIR]
 *	flowosctl reload [pm/NAME] [FILE] [--run-dir DIR]
 *	flowosctl pipeline show NAME [FILE] [--run-dir DIR]
 *	flowosctl pipeline add NAME PM[=MODULE.so] [PLACE] [FILE] [--run-dir DIR]
 *	flowosctl pipeline move NAME PM [PLACE] [FILE] [--run-dir DIR]
 *	flowosctl pipeline remove NAME PM [now] [FILE] [--run-dir DIR]
 *	flowosctl pm new NAME [DIRECTORY]
 *	flowosctl pm build NAME.c [NAME.so]
 *	flowosctl pm test PM -r CAPTURE [--expect FILE] [OPTION...]
 *	flowosctl pm run PM [-c CONFIG] [-o KEY=VALUE]... [--serve DIR] [--watch] [-- COMMAND...]
 *	flowosctl units [FILE]
 *	flowosctl enable [FILE] [--root DIR]
 *	flowosctl traffic wait|off [FILE] [--run-dir DIR]
 *	flowosctl version | help
 * DESCRIPTION
 *	run starts the keeper and all stages, restarts what dies, and ends them on Ctrl-C; with
 *	--read it drives the same processes over a capture file and ends with a summary.  check says
 *	what is wrong with a configuration; with --graph it prints the stages of each pipeline and
 *	what modules publish to each other, =dot for Graphviz.  status and get show processes,
 *	counters, rings, PMs and flows of a running box; midstat shows what the module of that name
 *	knows of live connections, refreshed until Ctrl-C; audit says whether its memory is in order
 *	(exit status 1: it is not); they only read.  digest prints one line per finished TCP
 *	direction of each capture: path, source, ports, connection, bytes, SHA-256.  restart and
 *	upgrade replace a process, or a PM's module, while traffic flows; reload gives a PM (none
 *	named: each that has others) the options that the configuration file has now.  pipeline
 *	changes the stages for connections that begin from now on; PLACE is first, last, before:PM,
 *	after:PM or with:PM; remove with `now` has the PM let go of those that live, too.  pm new
 *	writes a small project, pm build compiles a module, pm test shows that its output depends
 *	on the stream alone (flowos-pmtest(8)), pm run puts it between a client and a server in
 *	network namespaces; with --watch it is built again and takes over whenever its source is
 *	saved; COMMAND runs at the client, where SERVER is the server's address.  units and enable
 *	are for a box under systemd, whose FILE is /etc/flowos/flowos.yaml.
 * READS
 *	the configuration; all regions, read-only
 * WRITES
 *	RUN_DIR/flowosctl.lock, RUN_DIR/notify.sock (run)
 * ON CRASH
 *	of run: the stages go on; the next `flowosctl run FILE` adopts them, `flowosctl stop` ends them
 * SIGNALS
 *	TERM, INT: run stops the box in order
 * DIAGNOSTICS
 *	exit status 0 done, 1 failed, 2 wrong usage; one line says what, why and what mends it
 * CONFIGURATION
 *	box.run_dir
 * BUGS
 *	none known
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/report.h"
#include "deploy/ctl/ctl.h"

static int version(int argc, char **argv);
static int help(int argc, char **argv);

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *synopsis;
	const char *does;
} command[] = {
	{"run", fos_ctl_run, "run FILE [--read CAPTURE [--write CAPTURE]]",
	 "run a box in the foreground, or process a capture"},
	{"check", fos_ctl_check, "check FILE [--dump] [--graph[=text|dot]] [-q]",
	 "check a configuration; --dump prints it with all defaults, --graph how modules are linked"},
	{"status", fos_ctl_status, "status [FILE] [-o json] [--run-dir DIR]",
	 "processes, counters, drops by reason, rings, PMs"},
	{"get", fos_ctl_get, "get flows [FILE] [-o json] [--run-dir DIR]", "live flows"},
	{"midstat", fos_ctl_midstat, "midstat [FILE] [--once] [--sort KEY]",
	 "live connections as the module midstat knows them: states, rates, round trips"},
	{"audit", fos_ctl_audit, "audit [FILE] [-o json] [--run-dir DIR]",
	 "prove that each frame has one owner, and rings and positions are in order"},
	{"digest", fos_ctl_digest, "digest CAPTURE...",
	 "bytes and SHA-256 of every TCP stream in captures"},
	{"stop", fos_ctl_stop, "stop [FILE] [--run-dir DIR]", "stop a running box"},
	{"restart", fos_ctl_restart, "restart STAGE [FILE] [--run-dir DIR]",
	 "under traffic: keeper, ingress, classifier, egress, pm/NAME"},
	{"upgrade", fos_ctl_upgrade, "upgrade pm/NAME MODULE.so [FILE]",
	 "under traffic: another file for a PM, the same instance"},
	{"pipeline", fos_ctl_pipeline, "pipeline show|add|remove|move NAME [PM [PLACE|now]] [FILE]",
	 "under traffic: stages for the connections that begin from now on"},
	{"reload", fos_ctl_reload, "reload [pm/NAME] [FILE]",
	 "under traffic: options of a PM, or of all, as the configuration has them now"},
	{"pm", fos_ctl_pm, "pm new NAME | build NAME.c | test PM ... | run PM ...",
	 "for authors of modules: begin, compile, prove, try one live"},
	{"units", fos_ctl_units, "units [FILE]", "names of the systemd units that a configuration needs"},
	{"enable", fos_ctl_enable, "enable [FILE] [--root DIR]",
	 "make them, and no others, part of flowos.target"},
	{"traffic", fos_ctl_traffic, "traffic wait|off [FILE] [--run-dir DIR]",
	 "wait until the box processes; make it let go (units use it)"},
	{"version", version, "version", "version and shared-memory layout"},
	{"help", help, "help", "this text"},
};
#define NR_COMMANDS (sizeof(command) / sizeof(command[0]))

int fos_ctl_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("flowosctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return FOS_EXIT_FAILED;
}

int fos_ctl_misuse(const char *synopsis, const char *fmt, ...)
{
	va_list ap;

	fputs("flowosctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; usage: flowosctl %s\n", synopsis);
	return FOS_EXIT_USAGE;
}

static int version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("flowosctl %s, shared-memory layout %u\n", FOS_VERSION, FOS_LAYOUT_VERSION);
	return FOS_EXIT_OK;
}

static void print_help(FILE *to)
{
	fputs("usage: flowosctl COMMAND ...\n\n", to);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(to, "  %-46s %s\n", command[i].synopsis, command[i].does);
}

static int help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	print_help(stdout);
	return FOS_EXIT_OK;
}

static int unknown(const char *word)
{
	struct fos_words words = {.len = 0};
	struct fos_suggest s;
	char hint[600];

	fos_suggest_start(&s, word);
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		fos_suggest_offer(&s, command[i].name);
		fos_words_add(&words, command[i].name);
	}
	fos_hint_text(hint, sizeof(hint), &s, "commands", &words);
	fprintf(stderr, "flowosctl: unknown command %s%s\n", FOS_SHOW(word), hint);
	return FOS_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return FOS_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))
		return help(argc, argv);
	if (!strcmp(argv[1], "--version"))
		return version(argc, argv);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(argv[1], command[i].name))
			return command[i].run(argc - 1, argv + 1);
	return unknown(argv[1]);
}
