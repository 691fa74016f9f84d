/* deploy/pmtest/recording.c - from packets to steps, see recording.h */
#include "deploy/pmtest/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingress/parse.h"
#include "shm/bytes.h"
#include "shm/capture.h"

#define SYN 0x02
#define FIN 0x01
#define RST 0x04
#define ACK 0x10
#define FRAME_MAX (FOS_FRAME_DATA_OFF + 65536u)

/* a packet of the capture */
struct packet {
	const struct fos_frame_meta *m;
	const uint8_t *frame;
	const uint8_t *data;
	uint32_t len;
};

void *pmtest_grow(void *p, uint64_t *cap, uint64_t need, size_t size)
{
	uint64_t n = *cap ? *cap : 64;
	void *q;

	if (need <= *cap)
		return p;
	while (n < need)
		n *= 2;
	q = realloc(p, n * size);
	if (!q)
		abort();
	memset((uint8_t *)q + *cap * size, 0, (n - *cap) * size);
	*cap = n;
	return q;
}

void recording_init(struct recording *r)
{
	memset(r, 0, sizeof(*r));
	r->link = FOS_LINK_ETHERNET;
}

void recording_free(struct recording *r)
{
	for (uint32_t i = 0; i < r->nr_conns; i++)
		for (uint32_t d = 0; d < 2; d++) {
			free(r->conn[i].dir[d].data);
			free(r->conn[i].dir[d].map);
		}
	free(r->conn);
	free(r->step);
	free(r->packets);
	memset(r, 0, sizeof(*r));
}

struct step *recording_step(struct recording *r, enum step_kind kind, uint64_t time_ns)
{
	uint64_t cap = r->cap_steps;
	struct step *s;

	r->step = pmtest_grow(r->step, &cap, r->nr_steps + 1u, sizeof(*r->step));
	r->cap_steps = (uint32_t)cap;
	s = &r->step[r->nr_steps++];
	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->time_ns = time_ns;
	s->link = r->link;
	return s;
}

uint32_t recording_conn(struct recording *r)
{
	uint64_t cap = r->cap_conns;
	struct recorded_conn *c;

	r->conn = pmtest_grow(r->conn, &cap, r->nr_conns + 1u, sizeof(*r->conn));
	r->cap_conns = (uint32_t)cap;
	c = &r->conn[r->nr_conns];
	memset(c, 0, sizeof(*c));
	c->dir[0].fin_at = c->dir[1].fin_at = UINT64_MAX;
	return r->nr_conns++;
}

void recording_packet(struct recording *r, const uint8_t *data, uint32_t len, uint64_t time_ns)
{
	struct step *s = recording_step(r, STEP_PACKET, time_ns);

	r->packets = pmtest_grow(r->packets, &r->packets_cap, r->packets_len + len, 1);
	memcpy(r->packets + r->packets_len, data, len);
	s->off = r->packets_len;
	s->len = len;
	r->packets_len += len;
	r->longest = len > r->longest ? len : r->longest;
}

/* A step of bytes [off, off + len); one with the step before when nothing came between. */
static void bytes_step(struct recording *r, uint32_t conn, uint32_t dir, uint64_t off, uint64_t len,
		       uint64_t time_ns)
{
	struct step *s = r->nr_steps ? &r->step[r->nr_steps - 1] : NULL;

	r->bytes += len;
	if (s && s->kind == STEP_BYTES && s->conn == conn && s->dir == dir) {
		s->len += len;
		return;
	}
	s = recording_step(r, STEP_BYTES, time_ns);
	s->conn = conn;
	s->dir = dir;
	s->off = off;
	s->len = len;
}

static void room(struct recorded_dir *d, uint64_t need)
{
	uint64_t cap = d->room;

	d->data = pmtest_grow(d->data, &cap, need, 1);
	d->map = pmtest_grow(d->map, &d->room, need, 1);
}

void recording_bytes(struct recording *r, uint32_t conn, uint32_t dir, const void *data, size_t len,
		     uint64_t time_ns)
{
	struct recorded_dir *d = &r->conn[conn].dir[dir];

	if (len == 0)
		return;
	room(d, d->len + len);
	memcpy(d->data + d->len, data, len);
	bytes_step(r, conn, dir, d->len, len, time_ns);
	d->len += len;
}

/* ------------------------------------------------------------------ connections of a capture */

static const uint8_t *tcp(const struct packet *p)
{
	return p->frame + p->m->l4_off;
}

static void end_key(const struct packet *p, uint32_t end, uint8_t key[18])
{
	bool ip6 = p->m->flags & FOS_PKT_IPV6;
	uint32_t alen = ip6 ? 16 : 4;

	memset(key, 0, 18);
	memcpy(key, p->frame + p->m->l3_off + (ip6 ? 8 : 12) + end * alen, alen);
	memcpy(key + 16, tcp(p) + 2 * end, 2);
}

/* The connection of a packet and its direction; -1 = none. */
static int find_conn(const struct recording *r, const struct packet *p, uint32_t *dir)
{
	uint8_t key[2][18];

	end_key(p, 0, key[0]);
	end_key(p, 1, key[1]);
	for (uint32_t i = r->nr_conns; i-- > 0;) {
		const struct recorded_conn *c = &r->conn[i];

		for (uint32_t d = 0; d < 2; d++)
			if (!c->over && !memcmp(c->key[0], key[d], 18) &&
			    !memcmp(c->key[1], key[1 - d], 18)) {
				*dir = d;
				return (int)i;
			}
	}
	return -1;
}

static void open_dir(struct recorded_dir *d, const struct packet *p)
{
	d->l3_off = (uint32_t)(p->m->l3_off - p->m->data_off);
	d->head_len = d->l3_off + (p->m->flags & FOS_PKT_IPV6 ? 40u : 20u);
	memcpy(d->head, p->data, d->head_len);
	d->sport = (uint16_t)(tcp(p)[0] << 8 | tcp(p)[1]);
	d->dport = (uint16_t)(tcp(p)[2] << 8 | tcp(p)[3]);
	d->isn = fos_get32(tcp(p) + 4);
	d->syn = true;
}

static bool known_tcp(const struct packet *p)
{
	const struct fos_frame_meta *m = p->m;

	return (m->flags & FOS_PKT_TCP) && !(m->flags & (FOS_PKT_FRAGMENT | FOS_PKT_IP_BAD |
							 FOS_PKT_L4_BAD | FOS_PKT_TRUNCATED)) &&
	       m->csum != FOS_CSUM_BAD &&
	       (uint32_t)(m->l3_off - m->data_off) + 40u <= RECORDING_HEAD_MAX;
}

/* Which connection a packet belongs to, from the first pass on: begun by its SYN. */
static void first_pass(struct recording *r, const struct packet *p)
{
	uint8_t flags = p->m->tcp_flags;
	struct recorded_conn *c;
	struct recorded_dir *d;
	uint32_t dir = 0;
	uint64_t pos;
	int i = find_conn(r, p, &dir);

	if ((flags & (SYN | ACK)) == SYN &&
	    (i < 0 || dir != 0 || r->conn[i].dir[0].isn != fos_get32(tcp(p) + 4))) {
		if (i >= 0)
			r->conn[i].over = true;
		i = (int)recording_conn(r);
		c = &r->conn[i];
		c->ip6 = p->m->flags & FOS_PKT_IPV6;
		end_key(p, 0, c->key[0]);
		end_key(p, 1, c->key[1]);
		open_dir(&c->dir[0], p);
		c->plain = p->m->payload_len > 0; /* data on a SYN */
		return;
	}
	if (i < 0)
		return;
	c = &r->conn[i];
	d = &c->dir[dir];
	if ((flags & (SYN | ACK)) == (SYN | ACK) && dir == 1 && !d->syn)
		open_dir(d, p);
	if (!d->syn)
		return;
	pos = (uint32_t)(fos_get32(tcp(p) + 4) - d->isn - 1);
	if (flags & SYN)
		pos = 0;
	if (p->m->payload_len && pos < RECORDING_BYTES_MAX && !(flags & SYN)) {
		room(d, pos + p->m->payload_len);
		for (uint32_t k = 0; k < p->m->payload_len; k++)
			if (!d->map[pos + k]) {
				d->data[pos + k] = p->frame[p->m->payload_off + k];
				d->map[pos + k] = 1;
			}
		if (pos + p->m->payload_len > d->len)
			d->len = pos + p->m->payload_len;
	}
	if (flags & FIN)
		d->fin_at = pos + p->m->payload_len;
}

/* Is everything there, so that it can be played in another way? */
static void judge(struct recording *r)
{
	for (uint32_t i = 0; i < r->nr_conns; i++) {
		struct recorded_conn *c = &r->conn[i];

		c->over = false;
		for (uint32_t d = 0; d < 2; d++) {
			struct recorded_dir *x = &c->dir[d];

			if (!x->syn || (x->len && memchr(x->map, 0, x->len)) ||
			    (x->fin_at != UINT64_MAX && x->fin_at != x->len))
				c->plain = true;
			if (x->map)
				memset(x->map, 0, x->room);
		}
		r->nr_plain += c->plain;
	}
}

/* The bytes that have become contiguous by this packet are a step; so are FIN and RST. */
static void progress(struct recording *r, uint32_t conn, uint32_t dir, const struct packet *p)
{
	struct recorded_dir *d = &r->conn[conn].dir[dir];
	uint64_t pos = (uint32_t)(fos_get32(tcp(p) + 4) - d->isn - 1);
	uint8_t flags = p->m->tcp_flags;
	struct step *s;

	if (p->m->payload_len && pos + p->m->payload_len <= d->len)
		memset(d->map + pos, 1, p->m->payload_len);
	while (d->next < d->len && d->map[d->next])
		d->next++;
	if (d->next > d->steps_at)
		bytes_step(r, conn, dir, d->steps_at, d->next - d->steps_at, p->m->time_ns);
	d->steps_at = d->next;
	if (d->fin_at == d->next && !d->fin_done && (flags & FIN)) {
		s = recording_step(r, STEP_FIN, p->m->time_ns);
		s->conn = conn;
		s->dir = dir;
		d->fin_done = true;
	}
	if (flags & RST) {
		s = recording_step(r, STEP_RST, p->m->time_ns);
		s->conn = conn;
		s->dir = dir;
	}
}

static void second_pass(struct recording *r, const struct packet *p, uint32_t *begun)
{
	uint8_t flags = p->m->tcp_flags;
	uint32_t dir = 0;
	struct step *s;
	int i = -1;

	if (known_tcp(p)) {
		/* connections in the order of their SYNs: those not begun yet are not looked at */
		uint32_t all = r->nr_conns;

		r->nr_conns = *begun;
		i = find_conn(r, p, &dir);
		r->nr_conns = all;
		if ((flags & (SYN | ACK)) == SYN &&
		    (i < 0 || dir != 0 || r->conn[i].dir[0].isn != fos_get32(tcp(p) + 4))) {
			if (i >= 0)
				r->conn[i].over = true;
			i = (int)(*begun)++;
			dir = 0;
			if (!r->conn[i].plain) {
				s = recording_step(r, STEP_OPEN, p->m->time_ns);
				s->conn = (uint32_t)i;
			}
		}
	}
	if (i < 0 || r->conn[i].plain)
		recording_packet(r, p->data, p->len, p->m->time_ns);
	else if (!(flags & SYN))
		progress(r, (uint32_t)i, dir, p);
}

/* ------------------------------------------------------------------ the file */

static int each(struct recording *r, const char *path, bool second, char *err, size_t err_size)
{
	static union {
		struct fos_frame_meta meta;
		uint8_t bytes[FRAME_MAX];
	} f;
	static const uint64_t key[2];
	struct fos_capture *c = fos_capture_open(path, err, err_size);
	struct fos_capture_packet cp;
	uint64_t bytes = 0;
	uint32_t begun = 0;
	bool several = false;
	int rc;

	if (!c)
		return -1;
	while ((rc = fos_capture_next(c, &cp)) == 1) {
		struct packet p = {&f.meta, f.bytes, f.bytes + FOS_FRAME_DATA_OFF, cp.caplen};

		if (cp.caplen > 65535 || cp.caplen != cp.origlen)
			continue;
		bytes += cp.caplen;
		memset(&f.meta, 0, sizeof(f.meta));
		f.meta.data_off = FOS_FRAME_DATA_OFF;
		f.meta.len = f.meta.orig_len = (uint16_t)cp.caplen;
		f.meta.link = (uint16_t)cp.link;
		f.meta.time_ns = cp.time_ns;
		memcpy(f.bytes + FOS_FRAME_DATA_OFF, cp.data, cp.caplen);
		fos_parse(f.bytes, &f.meta, key);
		several = r->nr_packets > 0 && r->link != cp.link;
		r->link = cp.link;
		r->nr_packets += !second;
		if (second)
			second_pass(r, &p, &begun);
		else if (known_tcp(&p))
			first_pass(r, &p);
		if (several || bytes > RECORDING_BYTES_MAX)
			break;
	}
	if (rc < 0)
		snprintf(err, err_size, "%s", fos_capture_error(c));
	if (several) {
		snprintf(err, err_size, "%s has packets of several link types: take those of one", path);
		rc = -1;
	}
	if (bytes > RECORDING_BYTES_MAX) {
		snprintf(err, err_size, "%s has more than 64 MB: take a part of it", path);
		rc = -1;
	}
	fos_capture_close(c);
	return rc < 0 ? -1 : 0;
}

int recording_read(struct recording *r, const char *path, char *err, size_t err_size)
{
	if (each(r, path, false, err, err_size) < 0)
		return -1;
	judge(r);
	return each(r, path, true, err, err_size);
}
