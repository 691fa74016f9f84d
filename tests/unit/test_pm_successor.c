/* A PM's host that takes over many flows: it finds out step by step which edit records are free.  What
 * is new meanwhile need not wait for that, what needs an edit does, and no record is lost. */
#include "tests/pm/play.h"
#include "tests/tap.h"

#define CONNS 4u

static void on_data(struct fos_window *w)
{
	for (uint64_t at = fos_head(w); at < fos_tail(w); at++) {
		char c = 0;

		fos_read(w, at, &c, 1);
		if (c == '~')
			fos_replace(w, at, 1, "tilde", 5);
	}
	fos_release_all(w);
}

static const struct fos_pm editor = {
	.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI, .stream = FOS_APP, .name = "editor",
	.flags = FOS_PM_EDITS, .on_data = on_data,
};

static struct play p;

static uint64_t head_of(uint32_t flow)
{
	return world_pub(&p.w, 0, flow).head;
}

static void comes(uint32_t flow, const char *bytes)
{
	play_append(&p, flow, bytes, (uint32_t)strlen(bytes));
	play_hint(&p, flow);
}

int main(void)
{
	uint32_t all;

	world_plan(&p.w, false);
	play_pm(&p, 0, &editor, NULL, 0);
	play_make(&p);
	all = play_edits_free(&p, 0);
	is_u64(all, p.w.dir->nr_edits, "without a flow all records are free at once");
	for (uint32_t c = 0; c < CONNS; c++) {
		play_connection(&p, c, 1);
		comes(2 * c, "a~b~");
	}
	play_run(&p);
	is_u64(play_edits_free(&p, 0), all - 2 * CONNS, "each flow has two edits under way");

	fos_pmhost_step = 1;
	play_restart(&p, 0);
	play_work(&p, 0);
	play_egress(&p, 0);
	play_hint(&p, 0);
	play_work(&p, 0);
	comes(6, "xyz");
	play_work(&p, 0);
	is_u64(head_of(6), 7,
	       "a successor that has seen some flows goes on with one that has something new");
	is_u64(play_edits_free(&p, 0), 0, "while it does not know yet which records are free");
	comes(4, "c~d");
	play_work(&p, 0);
	is_u64(head_of(4), 4, "what needs a record waits");
	play_run(&p);
	is_u64(head_of(4), 7, "until it knows");
	is_u64(play_edits_free(&p, 0), all - 2 * CONNS + 2 - 1,
	       "then those are free which nobody has, and which came back meanwhile");
	for (uint32_t c = 0; c < CONNS; c++) {
		ok(play_egress(&p, 2 * c), "flow %u is in order", 2 * c);
		play_fin(&p, 2 * c);
		play_fin(&p, 2 * c + 1);
		play_close(&p, c, FOS_CLOSE_FIN);
		play_hint(&p, 2 * c);
		play_hint(&p, 2 * c + 1);
	}
	play_run(&p);
	is_u64(play_edits_free(&p, 0), all, "when the connections are over all are");
	ok(p.out[4].len == 19 && memcmp(p.out[4].data, "atildebtildectilded", 19) == 0,
	   "and the bytes are right");
	play_free(&p);
	return done();
}
