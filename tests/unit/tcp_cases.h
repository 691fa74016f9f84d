/* tcp_cases.h - a segment sequence, and what must come of it, as one row of a table
 *
 * The language of `script` is that of tests/sim/script.h.  Every row is run live and offline
 * through a whole box; the receiver behind it is a model of Linux.
 */
#ifndef TESTS_UNIT_TCP_CASES_H
#define TESTS_UNIT_TCP_CASES_H

#include "tests/sim/inline.h"
#include "tests/tap.h"

struct tcp_case {
	const char *id;
	const char *opts;   /* 6 = IPv6, t = timestamps, l = live only (the server acts),
			       e = the module edits (tests/sim/keep.h),
			       f = a TTL of one does not reach the server */
	const char *script; /* what the client sends */
	const char *stream; /* what the module sees, and the application behind the box gets;
			       connections after one another with | between */
	const char *sent;   /* data, FIN, RST that leave to the server; NULL: any */
	enum host_end end;  /* how the last connection ends for the application */
	uint32_t isn;       /* 0: some */
	const char *offline_sent; /* where it differs offline */
};

/* Rows of a table: ROW is the usual one, ROW_AT one with an ISN, ROW_OFF one that leaves otherwise
 * offline. */
#define ROW(id, opts, script, stream, sent, end) {id, opts, script, stream, sent, end, 0, NULL}
#define ROW_AT(isn, id, opts, script, stream, sent, end) \
	{id, opts, script, stream, sent, end, isn, NULL}
#define ROW_OFF(off, id, opts, script, stream, sent, end) \
	{id, opts, script, stream, sent, end, 0, off}

static inline const char *tcp_case_streams(const struct inline_box *b)
{
	static char text[HOST_STREAM_MAX + 16];
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->nr_streams; i++) {
		if (n)
			text[n++] = '|';
		memcpy(text + n, b->stream[i].bytes, b->stream[i].len);
		n += b->stream[i].len;
	}
	text[n] = 0;
	return text;
}

static inline void tcp_case_run(const struct tcp_case *t, bool offline)
{
	static struct inline_box b;
	static struct host behind;
	const char *sent = offline && t->offline_sent ? t->offline_sent : t->sent;
	struct script_client c;
	enum host_end end;
	bool good;

	script_client_init(&c, 20001, t->isn ? t->isn : 0x10000000);
	c.v6 = strchr(t->opts, '6');
	c.ts = strchr(t->opts, 't');
	good = inline_once(&b, &behind, &c, t->script,
			   (offline ? INLINE_OFFLINE : 0) | (strchr(t->opts, 'e') ? INLINE_EDITED : 0) |
				   (strchr(t->opts, 'f') ? INLINE_FAR : 0));
	end = behind.r.nr_conns ? behind.conns[behind.r.nr_conns - 1].end : HOST_OPEN;
	if (ok(good && strcmp(tcp_case_streams(&b), t->stream) == 0 && end == t->end &&
		       (!sent || strcmp(b.sent, sent) == 0) && !behind.urgent_seen &&
		       !behind.early,
	       "%s %s: %s", t->id, offline ? "offline" : "live", t->script))
		return;
	diag("%s", b.error[0] ? b.error : "consistent");
	diag("module saw '%.300s', want '%.300s'", tcp_case_streams(&b), t->stream);
	diag("sent '%.600s', want '%.600s'", b.sent, sent ? sent : "anything");
	diag("answers %.300s; the end is %d, want %d; URG %u, early %u", b.answers, end, t->end,
	     behind.urgent_seen, behind.early);
}

static inline void tcp_cases(const struct tcp_case *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		tcp_case_run(&t[i], false);
		if (!strchr(t[i].opts, 'l'))
			tcp_case_run(&t[i], true);
	}
}

#define TCP_CASES(table) tcp_cases(table, sizeof(table) / sizeof((table)[0]))

#endif
