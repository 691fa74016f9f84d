/* tests/unit/cls_script.h - a conversation as a table: one segment a line, and what the classifier does
 *
 * Positions count bytes of each side's stream (-1: the SYN); what is expected of a line is the set of
 * descriptors that egress gets for it, and after the last line the bytes of both streams.
 */
#ifndef TESTS_UNIT_CLS_SCRIPT_H
#define TESTS_UNIT_CLS_SCRIPT_H

#include "tests/tap.h"
#include "tests/unit/cls_world.h"

/* descriptors of one line */
enum {
	NONE = 0,
	RAW = 1u << FOS_DESC_FORWARD,  /* passes as it is */
	CTL = 1u << FOS_DESC_TCP_CTL,  /* passes, translated */
	ACKED = 1u << FOS_DESC_ACK,    /* its acknowledgement is told by itself */
	AGAIN = 1u << FOS_DESC_REXMIT, /* the box sends its own copy */
	OOO = 1u << FOS_DESC_OOO,      /* a hole is told */
	GONE = 1u << FOS_DESC_FREE,    /* dropped */
	ASK = 1u << FOS_DESC_CHALLENGE,
	BEFORE = 1u << FOS_DESC_BEFORE,
	CLOSE = 1u << FOS_DESC_CLOSE,
	ANSWER = 1u << FOS_DESC_REPLY  /* the box answers it with a reset */
};

struct line {
	char who; /* 'A' or 'B'; '+' = time passes: pos milliseconds */
	uint8_t flags;
	int64_t pos;
	int64_t ack;
	const char *data;
	uint32_t want;
	const char *what;
};

struct script {
	const char *name;
	struct line line[16];
	const char *a, *b; /* the streams in the end; NULL = not looked at */
};

static const char *const desc_words[] = {
	[FOS_DESC_FORWARD] = "RAW", [FOS_DESC_TCP_CTL] = "CTL", [FOS_DESC_ACK] = "ACKED",
	[FOS_DESC_REXMIT] = "AGAIN", [FOS_DESC_OOO] = "OOO", [FOS_DESC_FREE] = "GONE",
	[FOS_DESC_CHALLENGE] = "ASK", [FOS_DESC_BEFORE] = "BEFORE", [FOS_DESC_CLOSE] = "CLOSE",
	[FOS_DESC_REPLY] = "ANSWER",
};

static inline void show_set(const char *label, uint32_t set)
{
	char text[128] = "";

	for (uint32_t i = 0; i < sizeof(desc_words) / sizeof(desc_words[0]); i++)
		if (set >> i & 1u) {
			strcat(text, " ");
			strcat(text, desc_words[i] ? desc_words[i] : "?");
		}
	diag("%s:%s", label, text[0] ? text : " nothing");
}

static inline void play_line(struct cls_world *t, const struct script *s, const struct line *l)
{
	uint32_t got = 0;

	cw_forget(t);
	if (l->who == '+')
		t->now = t->p.now_ns += (uint64_t)l->pos * 1000000u;
	else
		cw_tcp(t, l->who == 'A', l->flags, l->pos, l->ack, l->data,
		       l->data ? (uint32_t)strlen(l->data) : 0);
	cw_run(t);
	for (uint32_t i = 0; i < t->nr_desc; i++)
		got |= 1u << t->desc[i].kind;
	if (l->who == '+')
		return;
	if (!ok(got == l->want, "%s: %s", s->name, l->what)) {
		show_set("want", l->want);
		show_set("got ", got);
	}
}

static inline void play_lines(struct cls_world *t, const struct script *s)
{
	for (uint32_t i = 0; i < 16 && s->line[i].who; i++)
		play_line(t, s, &s->line[i]);
}

/* The streams of the newest connection in slot `flow`. */
static inline void play_end(struct cls_world *t, const struct script *s, uint32_t flow)
{
	if (s->a)
		is_str(cw_text(t, flow), s->a, "%s: A's stream", s->name);
	if (s->b)
		is_str(cw_text(t, flow + 1), s->b, "%s: B's stream", s->name);
	is_u64(t->twice, 0, "%s: no frame comes back twice", s->name);
	is_u64(t->nr_away, 0, "%s: all frames are home", s->name);
}

/* A script as the whole life of a classifier with one reader. */
static inline void play_alone(const struct script *s)
{
	struct cls_world t;

	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "reader", 0, FOS_STREAM_APP, false);
	cw_make(&t);
	play_lines(&t, s);
	play_end(&t, s, 0);
	cw_free(&t);
}

#endif
