/* test_patience.c - who looks on for longer before sleeping, and when: only after a pause, once */
#include "shm/patience.h"
#include "tests/tap.h"

#define SHORT FOS_PATIENCE_SHORT_NS
#define LONG FOS_PATIENCE_LONG_NS
#define PAUSE FOS_PATIENCE_PAUSE_NS
#define START 5000000000ull

/* How much longer than usual a process would look that finds work every gap_ns, n times, of which it
 * sleeps so much each time. */
static uint64_t longer(struct fos_patience *p, uint64_t *now, uint64_t gap_ns, uint64_t sleep_ns, int n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++) {
		*now += gap_ns;
		if (sleep_ns)
			fos_patience_slept(p, sleep_ns);
		fos_patience_worked(p, *now);
		sum += fos_patience_until(p, *now) - *now - SHORT;
	}
	return sum;
}

static void test_pause(void)
{
	struct fos_patience p = {0};
	uint64_t now = START;

	is_u64(fos_patience_until(&p, now), now + SHORT, "who never had work does not wait for more");
	fos_patience_worked(&p, now);
	is_u64(fos_patience_until(&p, now), now + SHORT, "nor who has not slept");
	now += PAUSE;
	fos_patience_slept(&p, PAUSE - 1);
	fos_patience_slept(&p, 1);
	is_u64(fos_patience_until(&p, now), now + SHORT, "a pause alone changes nothing");
	fos_patience_worked(&p, now);
	is_u64(fos_patience_until(&p, now), now + LONG, "the work after it is waited on for long");
	is_u64(fos_patience_until(&p, now + 1000), now + LONG, "counted from that work");
	fos_patience_worked(&p, now + LONG / 2);
	is_u64(fos_patience_until(&p, now + LONG / 2), now + LONG, "more work does not extend it");
	fos_patience_worked(&p, now + LONG - 1);
	is_u64(fos_patience_until(&p, now + LONG - 1), now + LONG - 1 + SHORT,
	       "at its end it is as usual");
}

static void test_load(void)
{
	struct fos_patience p = {0};
	uint64_t now = START;

	is_u64(longer(&p, &now, 1000, 0, 100000), 0, "under load it never happens");
	is_u64(longer(&p, &now, 5 * PAUSE, 0, 1000), 0,
	       "nor to a process that got no processor for as long as a pause");
	is_u64(longer(&p, &now, PAUSE, PAUSE - 1, 100000), 0,
	       "nor with sleeps that are shorter than a pause, however many");
	is_u64(longer(&p, &now, PAUSE, PAUSE, 1000), 1000 * (LONG - SHORT),
	       "with pauses, once after each");
}

int main(void)
{
	tap_plan(0);
	test_pause();
	test_load();
	return done();
}
