/* A sender that repeats bytes which a PM holds (classifier/stuck.h) */
#include "tests/unit/cls_script.h"

static struct cls_world t;

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	world_plan(&t.w, false);
	world_pm(&t.w, "editor", 0, FOS_STREAM_APP, true);
	cw_make(&t);
	cw_handshake(&t);
	cw_tcp(&t, true, CW_ACK, 0, 0, "held", 4);
	cw_run(&t);
}

static void pass(uint32_t ms)
{
	t.now = t.p.now_ns += (uint64_t)ms * 1000000u;
}

/* The bytes come again while a PM has them: egress has had none. */
static void again(int64_t pos)
{
	struct fos_out *out = (struct fos_out *)(uintptr_t)&t.w.box.outs[0];

	out->pos[0] = 0;
	cw_tcp(&t, true, CW_ACK, pos, 0, "held", 4);
	cw_run(&t);
}

static uint64_t since(void)
{
	return t.w.box.flows[0].stuck_ns;
}

int main(void)
{
	struct fos_out *out;

	tap_plan(0);
	begin();
	again(0);
	pass(5);
	again(0);
	is_u64(since(), 0, "once, and a copy that the network has made");
	pass(200);
	again(0);
	is_u64(since(), t.now, "a timeout later the same bytes: the sender cannot go on");
	cw_free(&t);

	begin();
	cw_tcp(&t, true, CW_ACK, 8, 0, "next", 4);
	again(0);
	is_u64(since(), 0, "with a hole: once");
	pass(200);
	again(0);
	is_u64(since(), t.now, "a timeout later: it will not fill the hole either");
	cw_free(&t);

	begin();
	out = (struct fos_out *)(uintptr_t)&t.w.box.outs[0];
	cw_tcp(&t, true, CW_ACK, 8, 0, "next", 4);
	again(0);
	pass(200);
	cw_tcp(&t, true, CW_ACK, 2, 0, "ld", 2);
	cw_run(&t);
	is_u64(since(), 0, "other bytes: it goes on");
	out->gen = t.w.box.flows[0].gen;
	out->pos[0] = 4;
	pass(200);
	cw_tcp(&t, true, CW_ACK, 2, 0, "ld", 2);
	cw_run(&t);
	is_u64(since(), 0, "bytes that egress has are sent again by it");
	cw_free(&t);
	return done();
}
