/* tests/sim/event_told.c - what modules were told against the model, see event_told.h */
#include "tests/sim/event_told.h"

#include "tests/tap.h"

#define RECORDERS 2u

/* Loaded modules find these by name. */
void sim_pm_event(uint32_t recorder, const struct fos_flow_info *f, uint64_t number,
		  const struct fos_event *ev);
void sim_pm_events(uint32_t recorder, const struct fos_flow_info *f, uint64_t told);

struct told { /* of one connection */
	struct event_model model;
	struct event_list list[RECORDERS][2];
	uint64_t start_ns; /* of the flow; 0 = none yet */
	bool twice;	   /* the box takes it for two */
};

struct event_told_sum event_told_sum;

/* the one run under way: modules know no argument to find it by */
static struct sim *current;
static bool editing;
static struct told *told; /* by connection */

/* ------------------------------------------------------------------ packets and events come */

static void entered(struct sim *s, uint32_t port, const uint8_t *data, uint32_t len)
{
	struct wire w;

	if (!wire_parse(&w, data, len, true) || w.wrong)
		return;
	for (uint32_t i = 0; i < s->nr_conns; i++) {
		const struct conn *c = s->conns[i];

		if (c->started && !c->gone && c->end[port].c.port == w.sport &&
		    c->end[port].c.remote_port == w.dport)
			event_model_packet(&told[i].model, port, &w);
	}
}

/* The connection that a flow is of, by its ports and its time; *dir: which end sends it. */
static struct told *find(const struct fos_flow_info *f, uint32_t *dir)
{
	struct told *t = NULL;
	uint64_t latest = 0;

	for (uint32_t i = 0; current && i < current->nr_conns; i++) {
		const struct conn *c = current->conns[i];

		for (uint32_t k = 0; k < 2 && c->started; k++)
			if (c->end[k].c.port == f->sport && c->end[k].c.remote_port == f->dport &&
			    c->start_ns <= f->start_ns && c->start_ns >= latest) {
				latest = c->start_ns;
				t = &told[i];
				*dir = k;
			}
	}
	return t;
}

static bool same(const struct event_line *a, const struct event_line *b)
{
	return a->id == b->id && a->why == b->why && a->pos == b->pos && a->len == b->len &&
	       a->state == b->state && a->peer_state == b->peer_state && a->was[0] == b->was[0] &&
	       a->was[1] == b->was[1];
}

/* Nothing is compared of a run whose event rings overflowed: how many events were missed may have grown
 * when that is told again. */
static void fault(const char *what)
{
	if (sim_counter(current, FOS_C_events_missed) == 0)
		sim_fail(current, what, "");
}

void sim_pm_event(uint32_t recorder, const struct fos_flow_info *f, uint64_t number,
		  const struct fos_event *ev)
{
	struct event_line e = {.id = ev->id, .pos = ev->pos, .len = ev->len, .state = ev->state,
			       .peer_state = ev->peer_state, .was = {ev->was[0], ev->was[1]}};
	struct event_list *l;
	struct told *t;
	uint32_t dir;

	t = find(f, &dir);
	if (!t || recorder >= RECORDERS || f->midstream)
		return;
	e.why = ev->id == FOS_ON_END ? ev->why : 0;
	if (t->start_ns && t->start_ns != f->start_ns) {
		/* over, and forgotten: what comes so late is another to the box */
		t->twice |= !t->model.over;
		return;
	}
	t->start_ns = f->start_ns;
	l = &t->list[recorder][dir];
	if (number == l->nr) {
		event_list_add(l, &e);
	} else if (number + 1 == l->nr && same(&l->line[number], &e)) {
		event_told_sum.again++;
	} else {
		fault("an event has another number than it had");
	}
}

void sim_pm_events(uint32_t recorder, const struct fos_flow_info *f, uint64_t nr)
{
	uint32_t dir;
	const struct told *t = find(f, &dir);

	if (t && recorder < RECORDERS && t->start_ns == f->start_ns &&
	    t->list[recorder][dir].nr != nr)
		fault("a module has not committed all events that it was told");
}

/* ------------------------------------------------------------------ the comparison */

static const char *const word[FOS_NR_ON] = {
	"packet", "start", "setup", "again", "differs", "out of order", "gap", "filled", "overrun",
	"zero window", "invalid RST", "invalid SYN", "data", "state", "end", "orphan", "missed",
	"timer", "replay"};

static void show(const char *whose, const struct event_list *l, uint32_t i)
{
	const struct event_line *e = &l->line[i];

	if (i >= l->nr)
		diag("  %s %u: nothing", whose, i);
	else
		diag("  %s %u: %s %llu+%llu why %u, %s>%s, other end %s>%s", whose, i, word[e->id],
		     (unsigned long long)e->pos, (unsigned long long)e->len, e->why,
		     fos_tcp_state_name(e->was[0]), fos_tcp_state_name(e->state),
		     fos_tcp_state_name(e->was[1]), fos_tcp_state_name(e->peer_state));
}

/* Takes out what is not compared. */
static void without(struct event_list *l, uint32_t id)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->nr; i++)
		if (l->line[i].id != id)
			l->line[n++] = l->line[i];
	l->nr = n;
}

static bool equal(struct sim *s, uint16_t port, uint32_t recorder, const struct event_list *want,
		  const struct event_list *got)
{
	char what[120];
	uint32_t i = 0;

	while (i < want->nr && i < got->nr && same(&want->line[i], &got->line[i]))
		i++;
	if (i == want->nr && i == got->nr)
		return true;
	snprintf(what, sizeof(what), "recorder %u, events of port %u: not what the model says from %u on",
		 recorder, port, i);
	sim_fail(s, what, "");
	for (uint32_t k = i < 3 ? 0 : i - 3; k < i; k++)
		show("both", want, k);
	for (uint32_t k = i; k < i + 3; k++) {
		show("model", want, k);
		show("told", got, k);
	}
	return false;
}

static bool no_room(const struct sim *s)
{
	/* (the bound on a queue ahead of a hole only hostile ends come to: streams are shorter) */
	static const uint32_t of[] = {FOS_C_drop_no_piece, FOS_C_drop_no_frame,
				      FOS_C_drop_retained_limit, FOS_C_drop_no_flow_slot,
				      FOS_C_flows_evicted, FOS_C_events_missed};
	uint64_t n = 0;

	for (uint32_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		n += sim_counter(s, of[i]);
	return n > 0;
}

/* Why a connection is not compared; NR_LEFT: it is. */
static enum event_left_out left_out(const struct sim *s, uint32_t i, bool full)
{
	const struct conn *c = s->conns[i];

	if (c->rogue)
		return LEFT_HOSTILE;
	if (full)
		return LEFT_NO_ROOM;
	if (c->missed)
		return LEFT_HELD;
	for (uint32_t k = 0; k < s->nr_conns; k++)
		if (!told[k].model.by_packets && (c->after == s->conns[k] || s->conns[k]->after == c))
			return LEFT_REUSED;
	return told[i].model.unknown ? LEFT_UNKNOWN : NR_LEFT;
}

static bool compare_one(struct sim *s, uint32_t i)
{
	struct told *t = &told[i];

	if (t->twice)
		sim_fail(s, "the box takes one connection for two", "");
	for (uint32_t dir = 0; dir < 2; dir++) {
		struct event_list *want = &t->model.told[dir];

		if (editing)
			without(want, FOS_ON_WINDOW_OVERRUN);
		for (uint32_t k = 0; k < want->nr; k++)
			event_told_sum.kind[want->line[k].id]++;
		event_told_sum.events += want->nr;
		event_told_sum.reset += want->nr && want->line[want->nr - 1].why == FOS_END_RST;
		for (uint32_t r = 0; r < RECORDERS; r++) {
			if (editing)
				without(&t->list[r][dir], FOS_ON_WINDOW_OVERRUN);
			if (!equal(s, s->conns[i]->end[dir].c.port, r, want, &t->list[r][dir]))
				return false;
		}
	}
	event_told_sum.connections++;
	return true;
}

bool event_told_compare(struct sim *s)
{
	bool full = no_room(s);

	for (uint32_t i = 0; i < s->nr_conns; i++)
		event_model_quiet(&told[i].model);
	for (uint32_t i = 0; i < s->nr_conns; i++) {
		enum event_left_out why = left_out(s, i, full);

		if (why != NR_LEFT)
			event_told_sum.left[why]++;
		else if (!compare_one(s, i))
			return false;
	}
	return !s->error[0];
}

void event_told_begin(struct sim *s, bool edits)
{
	current = s;
	editing = edits;
	told = calloc(s->nr_conns, sizeof(*told));
	if (!told)
		abort();
	for (uint32_t i = 0; i < s->nr_conns; i++) {
		const struct conn_dir *d = s->conns[i]->dir;

		event_model_init(&told[i].model, (const uint32_t[2]){d[0].out_len, d[1].out_len},
				 edits);
	}
	s->entered = entered;
	s->in_order = true;
}

void event_told_end(struct sim *s)
{
	for (uint32_t i = 0; i < s->nr_conns; i++) {
		event_model_fini(&told[i].model);
		for (uint32_t k = 0; k < 2 * RECORDERS; k++)
			free(told[i].list[k / 2][k % 2].line);
	}
	free(told);
	told = NULL;
	current = NULL;
}
