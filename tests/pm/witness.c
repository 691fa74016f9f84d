/* witness - holds the platform to its word about events, for the simulation
 *
 * What it remembers of a flow is committed with each event: one that were told twice, left out, or out of
 * its place among the bytes would not fit what is remembered.  It tells the test program that it is loaded
 * into.  Option "first": no module before it edits, so positions are those of the stream as it came.
 */
#include <stdio.h>
#include <string.h>

#include "pmhost/pm.h"

struct memory {
	uint64_t next; /* position behind the last new data told */
	uint64_t seen; /* window position up to which on_data was called */
	uint64_t told;
	uint32_t ticks;
	uint8_t started, set_up, ended, missed;
	uint8_t state;
};

extern void sim_pm_wrong(const struct fos_flow_info *f, const char *what) __attribute__((weak));
extern void sim_pm_told(uint32_t event) __attribute__((weak));

static void check(struct fos_window *w, const struct fos_event *ev, bool good, const char *what)
{
	char text[200];

	if (good || !sim_pm_wrong)
		return;
	snprintf(text, sizeof(text), "%s: %s (event %u at %llu, pos %llu, len %llu)",
		 fos_name(fos_pm_of(w)), what, ev ? ev->id : 99, ev ? (unsigned long long)ev->at : 0,
		 ev ? (unsigned long long)ev->pos : 0, ev ? (unsigned long long)ev->len : 0);
	sim_pm_wrong(fos_flow(w), text);
}

static void new_data(struct fos_window *w, const struct fos_event *ev, struct memory *m)
{
	check(w, ev, ev->pos == m->next || m->missed, "new data is not behind the last");
	check(w, ev, ev->at == m->seen, "new data is told before or after its bytes");
	if (fos_option(fos_pm_of(w), "first", 0))
		check(w, ev, ev->at == ev->pos + ev->len, "new data ends elsewhere");
	m->next = ev->pos + ev->len;
}

static void on_event(struct fos_window *w, const struct fos_event *ev)
{
	struct memory *m = fos_ctx(w);

	if (sim_pm_told)
		sim_pm_told(ev->id);
	if (ev->id == FOS_ON_REPLAY) {
		check(w, ev, m->told > 0 || m->seen == 0 || m->missed, "replay of a flow without events");
		return;
	}
	m->told++;
	check(w, ev, !m->ended, "an event after the end");
	check(w, ev, m->started || ev->id <= FOS_ON_START || m->missed, "an event before the start");
	switch (ev->id) {
	case FOS_ON_START:
		check(w, ev, !m->started, "the start is told twice");
		m->started = 1;
		fos_event_timer(w, 2, 300000000, 300000000);
		break;
	case FOS_ON_SETUP:
		check(w, ev, !m->set_up, "the handshake is told twice");
		m->set_up = 1;
		break;
	case FOS_ON_NEW_DATA:
		new_data(w, ev, m);
		break;
	case FOS_ON_STATE:
		check(w, ev, ev->was[0] != ev->state && (m->state == 0 || m->missed ||
							 m->state == ev->was[0] + 1),
		      "a state does not follow the last");
		m->state = (uint8_t)(ev->state + 1);
		break;
	case FOS_ON_TIMER:
		check(w, ev, ev->timer == 2, "a timer that was not set");
		m->ticks++;
		break;
	case FOS_ON_END:
		check(w, ev, ev->pos == m->next || m->missed, "the end is not behind the last data");
		m->ended = 1;
		break;
	case FOS_ON_MISSED:
		m->missed = 1;
		break;
	}
}

static void on_data(struct fos_window *w)
{
	struct memory *m = fos_ctx(w);

	m->seen = fos_tail(w);
	fos_release_all(w);
}

static void on_close(struct fos_window *w, uint32_t why)
{
	const struct memory *m = fos_ctx(w);

	check(w, NULL, m->ended || !m->started || m->missed, "closed before the end was told");
	(void)why;
}

#define ALL (((1u << FOS_NR_ON) - 1) & ~FOS_BIT(FOS_ON_ORPHAN))

FOS_PM(.name = "witness", .stream = FOS_APP, .ctx_size = sizeof(struct memory), .on_data = on_data,
	.on_close = on_close, .events = ALL, .on_event = on_event);
