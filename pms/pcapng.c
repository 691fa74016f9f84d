/* pcapng - packets of the flows of its pipeline, as they came in, to a file that Wireshark opens
 *
 * Lesson: committed output.  A block is written with the release that lets its packet go on: whatever
 * is killed, the file ends with a whole block and has every packet once.  That an interface has been
 * described, and how many packets of a flow are kept, are remembered by the same commit.
 *
 *   options:
 *     file: capture.pcapng         or a list of up to four: when one has `size` bytes the next begins,
 *     size: 1G                     and after the last one nothing is written any more
 *     packets: 100                 of each direction of a connection, the first so many (default: all)
 *     snap: 65535                  bytes of each packet
 *
 * Link headers and VLAN tags are as they came.  Packets of several flows may stand in another order than
 * their times (Wireshark does not mind; reordercap sorts them).  Datagrams that came in fragments are
 * there whole, as modules see them, with the link header of the first fragment.  Times are nanoseconds;
 * on live traffic they are as right as the clock was when the process began.  (pcapng:
 * draft-ietf-opsawg-pcapng, sections 4.1 to 4.3.)
 */
#include <string.h>

#include "pmhost/pm.h"

#define MAX_FILES 4
#define MAX_PORTS 8
#define SNAP 65535u
#define HEAD_MAX 64u /* of the link header, tags and all */

enum { SHB = 0x0a0d0d0a, IDB = 1, EPB = 6, MAGIC = 0x1a2b3c4d };
enum { OPT_END = 0, IF_NAME = 2, IF_TSRESOL = 9 };

struct state {
	uint64_t bytes; /* in the file being written */
	uint32_t file;  /* its index; nr_files = all are full */
	uint32_t nr_ifs; /* described in it */
	struct {
		uint32_t number; /* 1 + that of the interface in it; 0 = not described */
		uint32_t link;
	} ifs[MAX_PORTS]; /* by port */
};

struct seen { /* context */
	uint64_t packets;
};

static int out[MAX_FILES];
static uint32_t nr_files;
static uint64_t max_bytes, max_packets, snap;

/* ---------------------------------------------------------------- options */

static bool size_option(struct fos_instance *pm, const char *key, uint64_t none, uint64_t *to)
{
	const char *value = fos_option(pm, key, 0);

	*to = none;
	if (!value || (fos_size_parse(value, to) && *to > 0))
		return true;
	fos_say(pm, "options: %s: \"%s\" is no number above 0, as in 100, 64K, 1G", key, value);
	return false;
}

static int init(struct fos_instance *pm)
{
	const char *path;

	nr_files = 0;
	if (!size_option(pm, "size", UINT64_MAX, &max_bytes) ||
	    !size_option(pm, "packets", UINT64_MAX, &max_packets) ||
	    !size_option(pm, "snap", SNAP, &snap))
		return -1;
	if (snap > SNAP)
		snap = SNAP;
	while ((path = fos_option(pm, "file", nr_files)) != NULL || nr_files == 0) {
		if (nr_files == MAX_FILES || !path) {
			fos_say(pm, "options: give `file` one to four names");
			return -1;
		}
		out[nr_files] = fos_output(pm, path);
		if (out[nr_files] < 0)
			return out[nr_files];
		nr_files++;
	}
	return 0;
}

/* ---------------------------------------------------------------- blocks */

struct block { /* under construction; numbers are in the machine's own byte order */
	uint8_t data[256];
	uint32_t len;
};

static void put(struct block *b, const void *data, uint32_t len)
{
	static const uint8_t zero[4];

	if (len) /* nothing may be at no address */
		memcpy(b->data + b->len, data, len);
	memcpy(b->data + b->len + len, zero, -len & 3);
	b->len += (len + 3) & ~3u;
}

static void put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

static void put_option(struct block *b, uint16_t code, const void *data, uint16_t len)
{
	uint16_t head[2] = {code, len};

	put(b, head, sizeof(head));
	put(b, data, len);
}

/* Type and length, which stands at both ends; `body` more bytes follow the block's own. */
static void begin(struct block *b, uint32_t type)
{
	b->len = 0;
	put32(b, type);
	put32(b, 0);
}

static uint32_t set_length(struct block *b, uint32_t body)
{
	uint32_t total = b->len + body + 4;

	memcpy(b->data + 4, &total, sizeof(total));
	return total;
}

static void section(struct block *b)
{
	static const uint16_t version[2] = {1, 0};

	begin(b, SHB);
	put32(b, MAGIC);
	put(b, version, sizeof(version));
	put32(b, UINT32_MAX); /* length of the section: not known */
	put32(b, UINT32_MAX);
	put32(b, set_length(b, 0));
}

static void interface(struct block *b, const char *name, uint16_t link)
{
	static const uint8_t nanoseconds = 9;
	uint16_t type[2] = {link, 0};

	begin(b, IDB);
	put(b, type, sizeof(type));
	put32(b, (uint32_t)snap);
	if (name && *name)
		put_option(b, IF_NAME, name, (uint16_t)strlen(name));
	put_option(b, IF_TSRESOL, &nanoseconds, 1);
	put_option(b, OPT_END, NULL, 0);
	put32(b, set_length(b, 0));
}

static bool write_out(struct fos_window *w, struct state *s, const void *data, size_t len)
{
	if (fos_write(fos_pm_of(w), out[s->file], data, len) != FOS_OK)
		return false;
	s->bytes += len;
	return true;
}

/* The file begins with a section, and each interface is described before its first packet. */
static bool describe(struct fos_window *w, struct state *s, uint8_t port, uint16_t link)
{
	struct block b;

	if (s->bytes == 0) {
		section(&b);
		if (!write_out(w, s, b.data, b.len))
			return false;
	}
	if (s->ifs[port].number && s->ifs[port].link == link)
		return true;
	interface(&b, fos_flow(w)->in_name, link);
	if (!write_out(w, s, b.data, b.len))
		return false;
	s->ifs[port].number = ++s->nr_ifs;
	s->ifs[port].link = link;
	return true;
}

/* Enhanced packet block.  A packet in one frame is there as it came, with what Ethernet put behind it;
 * else it is a link header and the packet's bytes in the stream. */
static bool write_packet(struct fos_window *w, struct state *s, const struct fos_packet *p)
{
	uint64_t ns = fos_wall_ns(fos_pm_of(w), p->time_ns);
	uint32_t link = p->l3_off < p->len ? p->l3_off : 0, ip = (uint32_t)(p->end - p->pos);
	uint32_t whole = link + ip <= p->len ? p->len : link + ip;
	uint32_t kept = whole < snap ? whole : (uint32_t)snap, total;
	uint32_t head = link + ip <= p->len || link > kept ? kept : link;
	const void *rest = fos_peek(w, p->pos, kept - head);
	uint8_t port = p->in_port % MAX_PORTS;
	static const uint8_t zero[4];
	struct block b;

	if (!rest || link > HEAD_MAX)
		return true; /* no link header that we know: left out */
	if (!describe(w, s, port, p->link))
		return false;
	begin(&b, EPB);
	put32(&b, s->ifs[port].number - 1);
	put32(&b, (uint32_t)(ns >> 32));
	put32(&b, (uint32_t)ns);
	put32(&b, kept);
	put32(&b, whole);
	total = set_length(&b, (kept + 3) & ~3u);
	return write_out(w, s, b.data, b.len) && write_out(w, s, p->data, head) &&
	       write_out(w, s, rest, kept - head) && write_out(w, s, zero, -kept & 3) &&
	       write_out(w, s, &total, sizeof(total));
}

/* ---------------------------------------------------------------- packets */

/* The file has grown enough: the next one, with interfaces to be described again. */
static void next_file(struct fos_window *w, struct state *s)
{
	if (s->bytes < max_bytes)
		return;
	*s = (struct state){.file = s->file + 1};
	if (s->file == nr_files)
		fos_say(fos_pm_of(w), "every file is full: nothing is written any more");
}

/* One packet; false: too much is staged, nothing of the packet is. */
static bool keep(struct fos_window *w, const struct fos_packet *p)
{
	struct seen *seen = fos_ctx(w);
	struct state *s;

	if (seen->packets >= max_packets)
		return true;
	s = fos_state(fos_pm_of(w));
	if (s->file >= nr_files)
		return true;
	if (!write_packet(w, s, p))
		return false;
	seen->packets++;
	next_file(w, s);
	return true;
}

static void on_data(struct fos_window *w)
{
	uint64_t pos = fos_head(w), room = FOS_STAGED_BYTES;
	struct fos_packet p;

	for (; fos_packet(w, pos, &p) == FOS_OK; pos = p.end) {
		uint64_t need = p.end - p.pos + p.len + 512;

		/* what is staged must fit: let it take effect before it does not */
		if (need > room) {
			if (fos_release(w, pos) != FOS_OK)
				return;
			room = FOS_STAGED_BYTES;
		}
		room -= need < room ? need : room;
		if (!keep(w, &p))
			return; /* half a block may be staged: none of it happens */
	}
	if (((const struct seen *)fos_ctx(w))->packets >= max_packets)
		fos_bypass(w);
	fos_release(w, pos);
}

FOS_PM(.name = "pcapng", .stream = FOS_IP, .ctx_size = sizeof(struct seen),
	.state_size = sizeof(struct state), .init = init, .on_data = on_data);
