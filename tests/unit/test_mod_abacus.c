/* abacus charges each byte once, also where its ring of events has overflowed, the end among them. */
#include "tests/unit/event_world.h"

#include "pms/abacus.c"

static struct account *found;

static int init_one(struct fos_instance *pm)
{
	struct fos_prefix one;

	(void)pm;
	nr = 0;
	settle_ns = 0;
	if (!fos_prefix_parse("10.0.0.1/32", &one))
		return -1;
	rule[nr++] = (struct rule){.of = one, .each = 128};
	return 0;
}

static const struct fos_pm abacus = {.name = "abacus", .stream = FOS_APP, .init = init_one,
				     .ctx_size = sizeof(struct flow), .state_size = sizeof(struct state),
				     .events = WANTED, .on_event = on_event, .on_close = on_close};

/* The account of the end that begins connections. */
static bool accounts(struct event_world *e)
{
	struct fos_instance *pm = e->host[0].state;
	struct state *s = fos_state(pm);

	found = NULL;
	for (uint32_t i = 0; i < MAX_ACCOUNTS; i++)
		if (s->account[i].used && s->account[i].of.addr[15] == 1)
			found = &s->account[i];
	return found != NULL;
}

/* The classifier has the segment; the module sleeps. */
static void unheard(struct event_world *e, const struct line *l)
{
	ew_send(e, l);
	fos_proc_work(&e->t.p);
	cw_descs(&e->t);
}

static void test(bool overflow)
{
	static const struct line end[] = { { 'A', CW_ACK | CW_FIN, 2000, 4, NULL, 0, "" },
					   { 'B', CW_ACK | CW_FIN, 4, 2001, NULL, 0, "" },
					   { 'A', CW_ACK, 2001, 5, NULL, 0, "" } };
	static const struct line first = { 'A', CW_ACK, 0, 0, "0123456789", 0, "" };
	static const struct line answer = { 'B', CW_ACK, 0, 10, "four", 0, "" };
	struct event_world *e = ew_new(&abacus, NULL);
	uint64_t missed;

	unheard(e, &first);
	for (uint32_t i = 0; overflow && i < 1100; i++)
		unheard(e, &first);
	unheard(e, &answer);
	for (uint32_t i = 1; i < 200; i++) {
		const struct line l = { 'A', CW_ACK, 10 * i, 0, "0123456789", 0, "" };

		unheard(e, &l);
	}
	for (uint32_t i = 0; i < 3; i++)
		unheard(e, &end[i]);
	missed = cw_counter(&e->t, FOS_C_events_missed);
	ok(overflow ? missed > 200 : missed == 0, "%llu events missed", (unsigned long long)missed);
	ew_run(e);
	e->t.now += 400000000000ull;
	ew_run(e);
	if (ok(accounts(e), "there is an account")) {
		is_u64(found->connections, 1, "of one connection");
		is_u64(found->charged[0], 2000, "bytes that it sent");
		is_u64(found->charged[1], 4, "and received");
	}
	ew_free(e);
}

int main(void)
{
	test(false);
	test(true);
	return done();
}
