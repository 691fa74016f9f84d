/* egress/ext.c - IP options and extension headers, see ext.h */
#include "egress/ext.h"

#include <netinet/in.h>
#include <string.h>

#include "egress/out.h"

#define PROBES 8u
#define OPT_HOME 0xc9u

static bool taken(const struct fos_egress *e, const struct fos_ext *x)
{
	return x->gen && x->flow < e->p->dir->nr_flows && e->tcbs[x->flow].gen == x->gen &&
	       !(e->tcbs[x->flow].flags & FOS_TCB_DONE);
}

/* The flow's place; `fresh`: or a free one for it.  NULL: none. */
static struct fos_ext *place(const struct fos_egress *e, uint32_t flow, bool fresh)
{
	struct fos_ext *spare = NULL;

	for (uint32_t i = 0; i < PROBES; i++) {
		struct fos_ext *x = &e->st->ext[(flow * 2654435761u + i) % FOS_EXT_SLOTS];

		if (x->flow == flow && x->gen == e->tcbs[flow].gen && x->gen)
			return x;
		if (!spare && !taken(e, x))
			spare = x;
	}
	return fresh ? spare : NULL;
}

static uint32_t length6(uint8_t kind, const uint8_t *h)
{
	return kind == IPPROTO_FRAGMENT ? 8 :
	       kind == IPPROTO_AH	? (h[1] + 2u) * 4 :
					  (h[1] + 1u) * 8;
}

/* Copies a chain of `len` bytes that `first` begins, without its fragment header; returns its
 * length. */
static uint32_t without_fragment(const uint8_t *h, uint32_t len, uint8_t *first, uint8_t *to)
{
	uint8_t *name = first, kind = *first;
	uint32_t at = 0, n = 0;

	while (at + 8 <= len) {
		uint32_t l = length6(kind, h + at);

		if (at + l > len)
			break;
		if (kind == IPPROTO_FRAGMENT) {
			*name = h[at];
		} else {
			memcpy(to + n, h + at, l);
			name = to + n;
			n += l;
		}
		kind = h[at];
		at += l;
	}
	return n;
}

void fos_ext_learn(struct fos_egress *e, uint32_t flow, const struct fos_header *h, uint8_t *first)
{
	struct fos_tcb *t = fos_out_tcb(e, flow);
	bool v6 = h->m->flags & FOS_PKT_IPV6;
	const uint8_t *from = h->l3 + (v6 ? 40 : 20);
	uint32_t len = h->l4 && h->l4 > from ? (uint32_t)(h->l4 - from) : 0;
	struct fos_ext x = {.flow = flow, .gen = t->gen}, *at;

	*first = v6 ? h->l3[6] : h->m->proto;
	t->flags &= ~(uint32_t)FOS_TCB_EXT;
	if (len && len <= FOS_EXT_MAX) {
		x.len = (uint16_t)len;
		if (v6 && h->m->flags & FOS_PKT_FRAGMENT)
			x.len = (uint16_t)without_fragment(from, len, first, x.data);
		else
			memcpy(x.data, from, len);
	}
	at = x.len ? place(e, flow, true) : NULL;
	if (!at) {
		*first = h->m->proto;
		return;
	}
	if (memcmp(at, &x, sizeof(x)) != 0) {
		fos_egress_save(e, at, sizeof(*at));
		*at = x;
	}
	t->flags |= FOS_TCB_EXT;
}

uint32_t fos_ext_put(const struct fos_egress *e, uint32_t flow, uint8_t *to)
{
	const struct fos_ext *x;

	if (!(e->tcbs[flow].flags & FOS_TCB_EXT))
		return 0;
	x = place(e, flow, false);
	if (!x)
		return 0;
	memcpy(to, x->data, x->len);
	return x->len;
}

const uint8_t *fos_ext_source6(const uint8_t *l3, const uint8_t *l4)
{
	const uint8_t *h = l3 + 40;
	uint8_t kind = l3[6];

	while (h + 8 <= l4) {
		uint32_t len = length6(kind, h), at = 2;

		if (len > (uint32_t)(l4 - h))
			break;
		while (kind == IPPROTO_DSTOPTS && at + 2 <= len) {
			if (h[at] == OPT_HOME && h[at + 1] == 16 && at + 18 <= len)
				return h + at + 2;
			at += h[at] ? 2u + h[at + 1] : 1u;
		}
		kind = h[0];
		h += len;
	}
	return l3 + 8;
}
