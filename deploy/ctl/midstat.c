/* midstat.c - flowosctl midstat: live connections as the module midstat knows them, as a table that is
 * refreshed until Ctrl-C, or once */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "deploy/ctl/json.h"
#include "deploy/ctl/midstat.h"

static const char synopsis[] = "midstat [FILE] [--once] [--sort rate|rtt|retrans|bytes|age] [-n ROWS] "
			       "[--interval SECONDS] [-o json] [--run-dir DIR]";
static const char *const sorts[FOS_MIDSTAT_NR_SORTS] = {"rate", "rtt", "retrans", "bytes", "age"};

/* By enum fos_tcp_st, as netstat has them. */
static const char *const states[] = {"CLOSED",	   "LISTEN",	 "SYN_SENT",   "SYN_RECV",
				     "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT",
				     "CLOSING",	   "LAST_ACK",	 "TIME_WAIT"};

struct options {
	enum fos_midstat_sort sort;
	unsigned long rows; /* 0: as many as there are, or as the terminal shows */
	double interval;
	bool once;
};

static const char *state(const struct fos_flow *f)
{
	return f->tcp_state < sizeof(states) / sizeof(states[0]) ? states[f->tcp_state] : "?";
}

/* ---------------------------------------------------------------- as a table */

static const char *end_text(const struct fos_flow *f, char buf[64])
{
	char a[INET6_ADDRSTRLEN];

	if (f->ip_version == 4)
		snprintf(buf, 64, "%s:%u", inet_ntop(AF_INET, f->src + 12, a, sizeof(a)), f->sport);
	else
		snprintf(buf, 64, "[%s]:%u", inet_ntop(AF_INET6, f->src, a, sizeof(a)), f->sport);
	return buf;
}

/* Three digits and a letter. */
static const char *short_text(uint64_t n, char buf[16])
{
	static const char letters[] = " kMGTP";
	double v = (double)n;
	int i = 0;

	for (; v >= 999.5 && letters[i + 1]; i++)
		v /= 1000;
	snprintf(buf, 16, i && v < 9.95 ? "%.1f%c" : "%.0f%c", v, letters[i]);
	if (i == 0)
		buf[strlen(buf) - 1] = 0;
	return buf;
}

static const char *rtt_text(const struct fos_midstat *m, char buf[16])
{
	if (m->samples == 0)
		snprintf(buf, 16, "-");
	else
		snprintf(buf, 16, "%.*f", m->rtt_ns < 10000000 ? 2 : 0, (double)m->rtt_ns / 1e6);
	return buf;
}

static void print_row(const struct fos_midstat_row *r)
{
	char a[64], b[64], t[6][16];

	snprintf(t[4], sizeof(t[4]), "%s/%s", short_text(r->m[0].again, t[0]),
		 short_text(r->m[1].again, t[1]));
	snprintf(t[5], sizeof(t[5]), "%" PRIu64 "s", r->age_ns / 1000000000u);
	printf("%-22s %-22s %-11s %-11s %6s %6s", end_text(&r->f[0], a), end_text(&r->f[1], b),
	       state(&r->f[0]), state(&r->f[1]), short_text(r->rate[0], t[0]),
	       short_text(r->rate[1], t[1]));
	printf(" %6s %6s %7s %7s %9s %7s\n", short_text(r->f[0].bytes, t[0]),
	       short_text(r->f[1].bytes, t[1]), rtt_text(&r->m[0], t[2]), rtt_text(&r->m[1], t[3]),
	       t[4], t[5]);
}

static void print_table(const struct fos_midstat_rows *rows, size_t most)
{
	printf("%-22s %-22s %-11s %-11s %6s %6s %6s %6s %7s %7s %9s %7s\n", "client", "server", "state",
	       "state", "bit/s>", "<bit/s", "bytes>", "<bytes", "rtt ms>", "<rtt ms", "again", "age");
	for (size_t i = 0; i < rows->nr && i < most; i++)
		print_row(&rows->row[i]);
	if (rows->nr > most)
		printf("and %zu more\n", rows->nr - most);
}

/* ---------------------------------------------------------------- as JSON */

static void json_side(struct fos_json *j, const char *key, const struct fos_midstat_row *r, int k)
{
	const struct fos_midstat *m = &r->m[k];
	char a[INET6_ADDRSTRLEN];
	bool v4 = r->f[k].ip_version == 4;

	fos_json_open(j, key, '{');
	fos_json_text(j, "addr", inet_ntop(v4 ? AF_INET : AF_INET6, r->f[k].src + (v4 ? 12 : 0), a,
					   sizeof(a)));
	fos_json_u64(j, "port", r->f[k].sport);
	fos_json_text(j, "state", state(&r->f[k]));
	fos_json_u64(j, "packets", r->f[k].packets);
	fos_json_u64(j, "bytes", r->f[k].bytes);
	fos_json_u64(j, "bits_per_s", r->rate[k]);
	fos_json_u64(j, "retransmissions", m->again);
	fos_json_u64(j, "retransmitted_bytes", m->again_bytes);
	fos_json_u64(j, "differing", m->differing);
	fos_json_u64(j, "out_of_order", m->out_of_order);
	fos_json_u64(j, "zero_windows", m->zero_windows);
	fos_json_u64(j, "events_missed", m->missed);
	fos_json_u64(j, "rtt_samples", m->samples);
	fos_json_u64(j, "rtt_ns", m->rtt_ns);
	fos_json_u64(j, "rtt_min_ns", m->rtt_min_ns);
	fos_json_u64(j, "rtt_last_ns", m->rtt_last_ns);
	fos_json_close(j, '}');
}

static void print_json(const struct fos_midstat_rows *rows, size_t most)
{
	struct fos_json j = {false};

	fos_json_open(&j, NULL, '[');
	for (size_t i = 0; i < rows->nr && i < most; i++) {
		const struct fos_midstat_row *r = &rows->row[i];

		fos_json_open(&j, NULL, '{');
		fos_json_u64(&j, "lane", r->lane);
		fos_json_u64(&j, "flow", r->flow);
		fos_json_u64(&j, "age_ns", r->age_ns);
		json_side(&j, "client", r, 0);
		json_side(&j, "server", r, 1);
		fos_json_close(&j, '}');
	}
	fos_json_close(&j, ']');
	putchar('\n');
}

/* ---------------------------------------------------------------- looking */

static size_t fitting(const struct options *o)
{
	struct winsize size;

	if (o->rows)
		return o->rows;
	if (!o->once && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 4)
		return size.ws_row - 4u;
	return SIZE_MAX;
}

static void wait_s(double s)
{
	struct timespec ts = {.tv_sec = (time_t)s};

	ts.tv_nsec = (long)((s - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

/* Rates need two looks; what is printed is the second. */
static int show(const struct fos_ctl_view *v, const struct options *o, bool json)
{
	struct fos_midstat_rows look[2] = {{NULL, 0, 0, 0}, {NULL, 0, 0, 0}}, shown = {NULL, 0, 0, 0};
	unsigned modules = fos_midstat_look(v, &look[0]);

	for (unsigned n = 1; modules; n++) {
		const struct fos_midstat_rows *now = &look[n & 1];

		wait_s(o->interval);
		fos_midstat_look(v, &look[n & 1]);
		fos_midstat_rates(&look[~n & 1], &look[n & 1]);
		/* a copy: the next rates need this look in its own order */
		shown.nr = now->nr;
		shown.row = realloc(shown.row, (now->nr + 1) * sizeof(*now->row));
		if (!shown.row)
			abort();
		if (now->nr)
			memcpy(shown.row, now->row, now->nr * sizeof(*now->row));
		fos_midstat_order(&shown, o->sort);
		if (!o->once && isatty(STDOUT_FILENO))
			printf("\033[H\033[2J%zu connections, every %g s, by %s; Ctrl-C ends\n\n", now->nr,
			       o->interval, sorts[o->sort]);
		if (json)
			print_json(&shown, fitting(o));
		else
			print_table(&shown, fitting(o));
		if (fflush(stdout) == EOF || o->once)
			break;
	}
	for (int i = 0; i < 2; i++)
		free(look[i].row);
	free(shown.row);
	return modules ? FOS_EXIT_OK :
			 fos_ctl_fail("no module of this box is midstat: add `- pm: midstat` to a "
				      "pipeline");
}

/* ---------------------------------------------------------------- options */

static int set(struct options *o, const char *name, const char *value)
{
	char *end = NULL;
	unsigned k = 0;

	if (strcmp(name, "sort") == 0) {
		while (k < FOS_MIDSTAT_NR_SORTS && strcmp(value, sorts[k]) != 0)
			k++;
		o->sort = (enum fos_midstat_sort)k;
		return k < FOS_MIDSTAT_NR_SORTS ? 0 : -1;
	}
	if (strcmp(name, "interval") == 0) {
		o->interval = strtod(value, &end);
		return *end || end == value || !(o->interval >= 0.05 && o->interval <= 3600) ? -1 : 0;
	}
	o->rows = strtoul(value, &end, 10);
	return *end || end == value || o->rows == 0 ? -1 : 0;
}

/* Takes our options out of argv, so that the rest is what all commands have.  -1 or an exit status. */
static int take_options(struct options *o, int *argc, char **argv)
{
	static const char *const with_value[] = {"--sort", "--interval", "-n"};
	int left = 1;

	for (int i = 1; i < *argc; i++) {
		const char *name = NULL, *value = NULL;

		if (strcmp(argv[i], "--once") == 0) {
			o->once = true;
			continue;
		}
		for (int k = 0; k < 3 && !name; k++) {
			size_t n = strlen(with_value[k]);

			if (strncmp(argv[i], with_value[k], n) != 0)
				continue;
			name = with_value[k] + (k < 2 ? 2 : 1);
			value = argv[i][n] == '=' ? argv[i] + n + 1 : argv[i][n] ? NULL : argv[++i];
		}
		if (!name)
			argv[left++] = argv[i];
		else if (!value)
			return fos_ctl_misuse(synopsis, "%s needs a value", name);
		else if (set(o, name, value) < 0)
			return fos_ctl_misuse(synopsis, "%s: what is '%s'?", name, value);
	}
	argv[left] = NULL;
	*argc = left;
	return -1;
}

int fos_ctl_midstat(int argc, char **argv)
{
	struct options o = {.interval = 1};
	struct fos_ctl_where w;
	struct fos_ctl_view v;
	int rc = take_options(&o, &argc, argv);

	if (rc < 0)
		rc = fos_ctl_where(&w, argc, argv, synopsis);
	if (rc >= 0)
		return rc;
	if (w.nr_rest > 0)
		return fos_ctl_misuse(synopsis, "there is no file %s", w.rest[0]);
	if (fos_ctl_view(&v, &w) < 0)
		return FOS_EXIT_FAILED;
	rc = show(&v, &o, w.json);
	fos_ctl_detach(&v);
	return rc;
}
