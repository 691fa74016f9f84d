/* What a PM publishes is any bytes: views over it must stay inside the regions and end.
 *
 * The input overwrites the PM's record of one flow and its first edit records; the view is opened at
 * several places and read to its end. */
#include "shm/view.h"
#include "tests/world.h"

#define FLOW 2u
#define GEN 5u
#define NR_EDITS 64u
#define NR_PIECES 32u
#define PIECE_LEN 100u

static struct world W;
static uint32_t PM;

static void setup(void)
{
	struct fos_flow *f;

	world_plan(&W, false);
	W.dir->nr_edits = NR_EDITS;
	W.dir->nr_frames = 64;
	W.dir->nr_flows = 8;
	PM = world_pm(&W, "one", 0, FOS_STREAM_APP, true);
	world_make(&W);
	f = world_flow(&W, FLOW);
	f->gen = GEN;
	for (uint32_t i = 0; i < NR_PIECES; i++) {
		struct fos_piece *p = world_piece(&W, i);

		p->pos = (uint64_t)i * PIECE_LEN;
		p->frame = i;
		p->off = 400;
		p->len = PIECE_LEN;
		p->flow = FLOW;
		p->flow_gen = GEN;
		p->next = i + 1 < NR_PIECES ? i + 1 : FOS_NONE;
	}
	f->app.first = 0;
	f->app.tail = (uint64_t)NR_PIECES * PIECE_LEN;
}

static void inside(const struct fos_span *s)
{
	const uint8_t *frames = W.box.packets, *inserts = W.box.pm_inserts[PM];

	if (s->kind == FOS_SPAN_PIECE &&
	    (s->data < frames || s->data + s->len > frames + 64u * W.dir->frame_size))
		abort();
	if (s->kind == FOS_SPAN_INSERT &&
	    (s->data < inserts || s->data + s->len > inserts + NR_EDITS * FOS_INSERT_MAX))
		abort();
	if (s->len == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fos_pm_edited *edited;
	struct fos_pm_flow *flow;
	size_t n;

	if (!W.dir)
		setup();
	flow = world_pm_flow(&W, PM, FLOW);
	edited = world_pm_edited(&W, PM, FLOW);
	memset(flow, 0, sizeof(*flow));
	memset(edited, 0, sizeof(*edited));
	n = size < sizeof(*flow) ? size : sizeof(*flow);
	memcpy(flow, data, n);
	data += n;
	size -= n;
	n = size < sizeof(*edited) ? size : sizeof(*edited);
	memcpy(edited, data, n);
	data += n;
	size -= n;
	for (int i = 0; i < 2; i++) {
		flow->slot[i].gen = GEN;
		flow->slot[i].flags |= FOS_PM_EDITED;
	}
	for (uint32_t i = 0; i < NR_EDITS; i++) {
		struct fos_edit *e = world_edit(&W, PM, i);

		n = size < 40 ? size : 40;
		memset(e, 0, sizeof(*e));
		memcpy(e, data, n);
		e->flow = FLOW;
		e->flow_gen = GEN;
		/* mostly what a chain looks like, so that the walk gets deep */
		if (n < 40 || data[39] & 1u) {
			e->nr = i + 1;
			e->next = i + 1;
		}
		data += n;
		size -= n;
	}
	for (uint64_t at = 0; at < 4000; at += 399) {
		struct fos_view v;
		struct fos_span s;

		if (!fos_view_open(&v, &W.box, FLOW, GEN, 1, at))
			continue;
		fos_view_tail(&v);
		for (uint32_t i = 0; i < 4096 && fos_view_next(&v, 1500, &s); i++) {
			inside(&s);
			if (i % 4 == 3)
				fos_view_back(&v, &s, s.len / 2);
		}
		fos_view_settle(&v);
	}
	return 0;
}
