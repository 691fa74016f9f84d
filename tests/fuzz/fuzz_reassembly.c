/* Fuzz: any sequence of segments, fragments and raw packets, with kills, through a whole
 * classifier.  What must hold: streams without holes that hold only their own pieces (checked as
 * they are read), every frame home once, all pieces and queue bytes accounted for at the end.  With
 * data and FINs only (bit 4 of the first byte), what is read must be what the model says. */
#include "tests/unit/cls_world.h"
#include "tests/unit/reasm_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
};

static uint32_t take(struct input *in, uint32_t n)
{
	uint32_t v = 0;

	while (n-- > 0 && in->left > 0) {
		v = v << 8 | *in->data++;
		in->left--;
	}
	return v;
}

static void segment(struct cls_world *t, struct input *in, uint32_t op)
{
	static const uint8_t flags[16] = {CW_ACK, CW_ACK, CW_ACK | CW_PSH, CW_ACK | CW_FIN,
					  CW_SYN, CW_SYN | CW_ACK, CW_RST, CW_RST | CW_ACK,
					  0, CW_FIN, CW_SYN | CW_FIN, CW_SYN | CW_RST,
					  CW_ACK, CW_ACK, CW_ACK | CW_PSH | CW_FIN, 0x3f};
	int64_t pos = (int16_t)take(in, 2);
	uint32_t len = take(in, 1) * 3;
	uint8_t fill = (uint8_t)take(in, 1);
	char bytes[800];

	memset(bytes, fill, sizeof(bytes));
	cw_tcp(t, op & 16, flags[op & 15], op & 32 ? pos : pos & 0x7ff, (int8_t)take(in, 1), bytes,
	       len);
}

static void fragment(struct cls_world *t, struct input *in)
{
	struct cw_ip ip = {.src = 1, .dst = 2, .sport = 4000, .dport = 80, .proto = IPPROTO_TCP};
	uint8_t l4[800], packet[1000];
	uint32_t len;

	memset(l4, 0, sizeof(l4));
	ip.v6 = take(in, 1) & 1;
	ip.id = take(in, 1) & 3;
	ip.frag_off = (take(in, 1) & 15) * 8;
	len = 8 * (1 + (take(in, 1) & 7));
	ip.more = take(in, 1) & 1;
	l4[12] = 5 << 4;
	len = cw_wrap(&ip, l4, len, packet);
	cw_send(t, packet, len, 0);
}

static void raw(struct cls_world *t, struct input *in)
{
	uint32_t len = take(in, 1);

	if (len > in->left)
		len = (uint32_t)in->left;
	cw_send(t, in->data, len, 0);
	in->data += len;
	in->left -= len;
}

static void say(struct cls_world *t, struct input *in)
{
	uint32_t flow = take(in, 1) % t->w.dir->nr_flows;
	struct fos_pm_flow *f = world_pm_flow(&t->w, 0, flow);
	struct fos_pm_slot *p = &f->slot[(f->ver + 1) & 1u];

	p->gen = t->w.box.flows[flow].gen;
	p->verdict = (uint8_t)(take(in, 1) % 6);
	p->flags = (uint16_t)take(in, 1);
	p->head = take(in, 2);
	f->ver++;
	cw_post(&t->pm_hint[0], flow, p->gen);
}

static void one_op(struct cls_world *t, struct input *in)
{
	uint32_t op = take(in, 1);

	if (op < 192) {
		segment(t, in, op);
	} else if (op < 208) {
		fragment(t, in);
	} else if (op < 216) {
		raw(t, in);
	} else if (op < 224) {
		say(t, in);
	} else if (op < 228) {
		cw_kill(t);
		cw_start(t);
	} else if (op < 232) {
		t->now = t->p.now_ns += (uint64_t)take(in, 1) * 1000000000ull;
	} else if (op < 236) {
		t->lazy = op & 1;
	} else {
		cw_run(t);
	}
}

/* ------------------------------------------------------------------ beside the model */

#define LIMIT 600u

static void model_segment(struct cls_world *t, struct reasm_model *m, struct input *in, bool fin)
{
	uint32_t back = m->tail < 64 ? m->tail : 64, pos = m->tail - back + take(in, 2) % 800;
	uint32_t len = take(in, 1) % 100;
	char bytes[100];

	memset(bytes, (int)take(in, 1), sizeof(bytes));
	if ((len == 0 && !fin) || pos + 200 > REASM_MODEL_MAX)
		return;
	cw_tcp(t, true, CW_ACK | (fin ? CW_FIN : 0), pos, 0, bytes, len);
	reasm_model_take(m, pos, (const uint8_t *)bytes, len, fin);
}

static void model_compare(struct cls_world *t, const struct reasm_model *m)
{
	const struct cw_stream *s = &t->stream[0];

	t->lazy = false;
	cw_run(t);
	if (s->len != m->tail || memcmp(s->bytes ? (void *)s->bytes : (void *)"", m->byte, s->len) ||
	    !(t->w.box.flows[0].state & FOS_FLOW_ST_FIN) != !m->ended)
		abort();
}

static void beside_model(struct cls_world *t, struct input *in)
{
	static struct reasm_model m;

	reasm_model_init(&m, LIMIT);
	while (in->left > 0 && !m.ended) {
		uint32_t op = take(in, 1);

		if (op < 224) {
			model_segment(t, &m, in, op % 16 == 15);
		} else if (op < 228) {
			cw_run(t);
			cw_kill(t);
			cw_start(t);
		} else if (op < 236) {
			t->lazy = op & 1;
		} else {
			model_compare(t, &m);
		}
		if (t->nr_away > 200)
			model_compare(t, &m);
	}
	model_compare(t, &m);
}

/* All PMs are through with everything; time passes; nothing may be left. */
static void settle(struct cls_world *t)
{
	t->lazy = false;
	for (uint32_t i = 0; i < 4; i++) {
		cw_run(t);
		for (uint32_t f = 0; f < t->w.dir->nr_flows; f++) {
			struct fos_pm_flow *pf = world_pm_flow(&t->w, 0, f);

			pf->slot[pf->ver & 1].gen = t->w.box.flows[f].gen;
			pf->slot[pf->ver & 1].head = FOS_POS_MAX;
			pf->slot[pf->ver & 1].flags = FOS_PM_OPENED | FOS_PM_CLOSED;
			cw_post(&t->pm_hint[0], f, t->w.box.flows[f].gen);
		}
		cw_run(t);
		t->now = t->p.now_ns += 400000000000ull;
	}
	for (uint32_t i = 0; i < 20; i++, t->p.now_ns += 1000000000ull)
		cw_run(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.data = data, .left = size};
	struct cls_world *t = calloc(1, sizeof(*t));

	if (!t || size == 0) {
		free(t);
		return 0;
	}
	world_plan(&t->w, false);
	t->w.dir->nr_frames = 512;
	t->w.dir->nr_flows = 32;
	t->w.dir->nr_edits = 16;
	t->w.dir->ooo_total = 4000;
	t->w.dir->max_fragments = 3;
	t->w.dir->pass_midstream = data[0] & 1;
	world_pm(&t->w, "pm", 0, data[0] & 2 ? FOS_STREAM_IP : FOS_STREAM_APP, false);
	t->w.dir->pm[0].gates = data[0] >> 2 & 1;
	if (data[0] & 16) {
		t->w.dir->ooo_total = 1 << 20;
		t->w.dir->ooo_per_flow = LIMIT;
		t->w.dir->pm[0].gates = 0;
		t->w.dir->pm[0].stream = FOS_STREAM_APP;
		t->w.dir->pipeline[0].nr_pkt_stages = 0;
	}
	cw_make(t);
	if (data[0] & (8 | 16))
		cw_handshake(t);
	take(&in, 1);
	if (data[0] & 16)
		beside_model(t, &in);
	while (in.left > 0)
		one_op(t, &in);
	settle(t);
	if (t->twice || t->nr_away || t->c->priv->ooo_total || t->c->priv->nr_conns ||
	    t->c->priv->fifo_tail - t->c->priv->fifo_head != t->w.dir->nr_pieces)
		abort();
	cw_free(t);
	free(t);
	return 0;
}
