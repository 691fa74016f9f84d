/* Packet streams: borders, stages that wait for each other in their own coordinates, dropping; and
 * the two modules that read them, count and checksum. */
#include <libgen.h>
#include <unistd.h>

#include "shm/csum.h"
#include "tests/pm/play.h"
#include "tests/tap.h"

/* Appends an IPv4/TCP or UDP packet with n bytes of payload, as classifier and ingress would. */
static void packet(struct play *p, uint32_t flow, uint8_t proto, uint32_t n, int damage)
{
	struct fos_flow *f = world_flow(&p->w, flow);
	uint32_t idx = p->piece++, l4 = proto == 6 ? 20 : 8, len = 20 + l4 + n, frame;
	struct fos_piece *piece = world_piece(&p->w, idx);
	struct fos_frame_meta *m;
	uint64_t pseudo;
	uint8_t *ip;
	uint16_t off;

	p->frame_at = 0; /* a frame of its own */
	frame = play_frame(p, len + 14, &off);
	m = fos_box_meta(&p->w.box, frame);
	memset(m, 0, sizeof(*m));
	ip = fos_box_frame(&p->w.box, frame) + off + 14;
	memset(ip, 0x5a, len);
	memcpy(ip, "\x45\0\0\0\0\0\0\0\x40\0\0\0\x0a\0\0\1\x0a\0\0\2", 20);
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	ip[9] = proto;
	fos_csum_ipv4_set(ip, 20);
	memset(ip + 20 + (proto == 6 ? 16 : 6), 0, 2);
	pseudo = fos_csum_pseudo4(ip + 12, ip + 16, proto, (uint16_t)(l4 + n));
	fos_csum_transport_set(pseudo, proto, ip + 20, l4 + n);
	if (damage == 1)
		ip[len - 1] ^= 1;
	if (damage == 2) {
		uint16_t partial = fos_csum_fold(pseudo);

		memcpy(ip + 20 + (proto == 6 ? 16 : 6), &partial, 2);
	}
	if (damage == 3)
		ip[8] ^= 1;
	m->data_off = off;
	m->len = (uint16_t)(len + 14);
	m->l3_off = (uint16_t)(off + 14);
	m->l4_off = (uint16_t)(off + 34);
	m->l3_len = (uint16_t)len;
	m->payload_off = (uint16_t)(m->l4_off + l4);
	m->payload_len = (uint16_t)n;
	m->proto = proto;
	m->flags = FOS_PKT_IPV4 | (proto == 6 ? FOS_PKT_TCP : FOS_PKT_UDP);
	m->time_ns = 1000 + idx;
	memset(piece, 0, sizeof(*piece));
	piece->pos = f->pkt.tail;
	piece->pos_l4 = f->pkt.tail_l4;
	piece->frame = frame;
	piece->off = m->l3_off;
	piece->len = (uint16_t)len;
	piece->l4_off = m->l4_off;
	piece->l4_len = (uint16_t)(len - 20);
	piece->flow = flow;
	piece->flow_gen = f->gen;
	piece->next = FOS_NONE;
	piece->flags = FOS_PIECE_FIRST | FOS_PIECE_LAST;
	play_link(p, &f->pkt, idx);
	f->pkt.tail_l4 += len - 20;
	fos_release64(&f->pkt.tail, f->pkt.tail + len);
}

/* ---------------------------------------------------------------- stages and drops */

static uint64_t ends[8];
static int nr_ends;
static bool slow, dropping;

static void look(struct fos_window *w)
{
	struct fos_packet p;

	if (slow)
		return;
	for (uint64_t pos = fos_head(w); fos_packet(w, pos, &p) == FOS_OK; pos = p.end) {
		ends[nr_ends++ % 8] = p.end;
		if (dropping && p.payload_len == 7)
			fos_drop_packet(w, p.pos);
		if (p.pos + 1 < p.end && fos_drop_packet(w, p.pos + 1) == FOS_OK)
			nr_ends = 100; /* not a packet's beginning */
	}
	fos_release_all(w);
}

static int seen_tcp;

static void look_tcp(struct fos_window *w)
{
	struct fos_packet p;

	for (uint64_t pos = fos_head(w); fos_packet(w, pos, &p) == FOS_OK; pos = p.end)
		seen_tcp += (int)(p.end - p.pos);
	fos_release_all(w);
}

static const struct fos_pm ip_reader = {.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI,
					.name = "ip", .stream = FOS_IP, .flags = FOS_PM_EDITS,
					.on_data = look};
static const struct fos_pm tcp_reader = {.size = sizeof(struct fos_pm), .abi = FOS_PM_ABI,
					 .name = "tcp", .stream = FOS_TCP, .on_data = look_tcp};

static void turn(struct play *p)
{
	play_hint(p, 0);
	play_run(p);
}

static void test_stages(void)
{
	static struct play p;
	struct fos_pm_pub pub;
	const struct fos_edit *e;

	memset(&p, 0, sizeof(p));
	world_plan(&p.w, false);
	play_pm(&p, 0, &ip_reader, NULL, 0);
	play_pm(&p, 1, &tcp_reader, NULL, 0);
	play_make(&p);
	play_connection(&p, 0, PLAY_GEN);
	slow = true;
	packet(&p, 0, 6, 0, 0);
	packet(&p, 0, 6, 100, 0);
	turn(&p);
	is_u64((uint64_t)seen_tcp, 0, "a packet reaches the second stage after the first only");
	slow = false;
	packet(&p, 0, 6, 7, 0);
	dropping = true;
	turn(&p);
	ok(nr_ends == 3 && ends[0] == 40 && ends[1] == 180 && ends[2] == 227,
	   "`ip` counts whole packets, one after the other");
	is_u64((uint64_t)seen_tcp, 20 + 120 + 27, "`tcp` what they carry");
	pub = world_pub(&p.w, 0, 0);
	e = &p.w.box.pm_edits[0][pub.edit_first];
	ok(pub.edits == 1 && e->pos == 180 && e->del == 47 && e->reason == FOS_C_drop_pm &&
		   pub.head == 227 && pub.out_head == 227,
	   "a dropped packet is an edit of its whole length; positions stay");
	is_u64(pub.seen, 3, "three packets are counted as seen");
	world_flow(&p.w, 0)->pkt_done = 227;
	play_close(&p, 0, FOS_CLOSE_FIN);
	turn(&p);
	is_u64(play_edits_free(&p, 0), p.w.dir->nr_edits,
	       "its record is free when the classifier has passed it");
	play_free(&p);
}

/* ---------------------------------------------------------------- count, checksum */

static char dir[4096];

static void run_module(const char *module, char *got, size_t size)
{
	char path[] = "/tmp/fos_test_pk_XXXXXX", options[64], so[8192];
	int fd = mkstemp(path);
	size_t n = (size_t)sprintf(options, "file%c%s", 0, path) + 2;
	static struct play p;

	memset(&p, 0, sizeof(p));
	options[n - 1] = 0;
	world_plan(&p.w, false);
	snprintf(so, sizeof(so), "%s/../pms/%s.so", dir, module);
	play_pm_file(&p, 0, so, options, n);
	play_make(&p);
	play_connection(&p, 0, PLAY_GEN);
	packet(&p, 0, 6, 0, 0);
	packet(&p, 0, 6, 1001, 0);
	packet(&p, 0, 6, 10, 1);
	turn(&p);
	play_kill(&p, 0);
	play_start(&p, 0);
	packet(&p, 0, 6, 11, 2);
	packet(&p, 0, 17, 12, 3);
	packet(&p, 0, 17, 13, 0);
	play_close(&p, 0, FOS_CLOSE_FIN);
	turn(&p);
	p.host[0].hooks->fini(&p.host[0]);
	play_free(&p);
	memset(got, 0, size);
	if (fd < 0 || pread(fd, got, size - 1, 0) < 0)
		abort();
	close(fd);
	unlink(path);
}

static void test_modules(void)
{
	char got[512];

	run_module("count", got, sizeof(got));
	is_str(got, "10.0.0.1\t40000\t10.0.0.2\t80\ttcp\t6\t1263\ntotal\t1\t6\t1263\n",
	       "count: each packet once, across the death of its host");
	run_module("checksum", got, sizeof(got));
	is_str(got, "packets 6 good 3 partial 1 bad 2 absent 0 fragments 0 cut 0\n",
	       "checksum: good, partial, bad transport, bad IP header");
}

int main(int argc, char **argv)
{
	char self[4096];

	(void)argc;
	snprintf(self, sizeof(self), "%s", argv[0]);
	snprintf(dir, sizeof(dir), "%s", dirname(self));
	test_stages();
	test_modules();
	return done();
}
