/* gen.c - captures for the benchmarks: the same bytes for the same arguments
 *
 *	gen tcp FILE MEGABYTES CONCURRENT FLOW_KB OOO_PERMILLE PAYLOAD
 *	gen uniform FILE CONNECTIONS PACKETS PAYLOAD
 *	gen setups FILE CONNECTIONS
 *
 * tcp: connections of FLOW_KB each, CONCURRENT at a time, in random turn; the client sends, every
 * second segment is acknowledged; OOO_PERMILLE of the segments change places with their successor.
 * uniform: handshakes of CONNECTIONS, then PACKETS segments, each on a connection drawn at random.
 * setups: handshakes, each followed by a close.
 *
 * A packet a microsecond; IPv4, Ethernet, right checksums, timestamps as Linux sends them.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/bytes.h"

#define BLOCK (1u << 20)
#define HEADERS 66u /* Ethernet, IPv4, TCP with timestamps */
#define FIN 1u
#define SYN 2u
#define PSH 8u
#define ACK 16u

struct conn {
	uint32_t id;
	uint32_t sent;    /* bytes from the client */
	uint32_t acked;
	uint32_t swapped; /* the segment at this place comes next; 0: none */
	uint32_t step;
};

static FILE *out;
static uint64_t now_us, packets;
static uint8_t block[2 * BLOCK];
static uint64_t seed = 88172645463325252ull;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* Letters, with a line end here and there: no long runs, nothing that the searches look for. */
static void fill_block(void)
{
	for (uint32_t i = 0; i < BLOCK; i++)
		block[i] = draw() % 60 == 0 ? '\n' : (uint8_t)('a' + draw() % 26);
	memcpy(block + BLOCK, block, BLOCK);
}

static void begin(const char *path)
{
	static const uint32_t head[6] = {0xa1b2c3d4, 2 | 4u << 16, 0, 0, 65535, 1};

	out = fopen(path, "wb");
	if (!out) {
		perror(path);
		exit(1);
	}
	setvbuf(out, NULL, _IOFBF, 1 << 20);
	fwrite(head, sizeof(head), 1, out);
}

static uint64_t sum(const uint8_t *p, uint32_t n, uint64_t s)
{
	uint32_t i = 0, w;
	uint16_t h;

	for (; i + 4 <= n; i += 4) {
		memcpy(&w, p + i, 4);
		s += w;
	}
	if (i + 2 <= n) {
		memcpy(&h, p + i, 2);
		s += h;
		i += 2;
	}
	return i < n ? s + p[i] : s;
}

static uint16_t fold(uint64_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static uint8_t *tcp_options(uint8_t *t, bool syn)
{
	static const uint8_t on_syn[] = {2, 4, 0x05, 0xb4, 4, 2};

	if (syn) {
		memcpy(t, on_syn, sizeof(on_syn));
		t += sizeof(on_syn);
	} else {
		*t++ = 1;
		*t++ = 1;
	}
	t[0] = 8;
	t[1] = 10;
	fos_put32(t + 2, (uint32_t)(now_us / 1000) + 1);
	fos_put32(t + 6, syn ? 0 : 1);
	t += 10;
	if (syn) {
		static const uint8_t scale[] = {1, 3, 3, 7};

		memcpy(t, scale, sizeof(scale));
		t += sizeof(scale);
	}
	return t;
}

/* Sequence numbers count from 1 after the SYN, both ways. */
static void packet(uint32_t id, bool reverse, uint32_t flags, uint32_t seq, uint32_t ack,
		   const uint8_t *data, uint32_t len)
{
	uint8_t p[HEADERS + 32] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45};
	uint8_t *ip = p + 14, *t = ip + 20, *end;
	uint32_t hosts[2] = {0x0a000001u + id / 40000u, 0x0a800001u};
	uint32_t ports[2] = {10000u + id % 40000u, 80}, hlen, rec[4];
	uint16_t check;

	fos_put32(ip + 12, hosts[reverse]);
	fos_put32(ip + 16, hosts[!reverse]);
	fos_put16(t, ports[reverse]);
	fos_put16(t + 2, ports[!reverse]);
	fos_put32(t + 4, seq);
	fos_put32(t + 8, flags & ACK ? ack : 0);
	end = tcp_options(t + 20, flags & SYN);
	hlen = (uint32_t)(end - t);
	t[12] = (uint8_t)(hlen / 4 << 4);
	t[13] = (uint8_t)flags;
	fos_put16(t + 14, 8192);
	fos_put16(ip + 2, 20 + hlen + len);
	fos_put16(ip + 4, (uint32_t)packets);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = 6;
	check = fold(sum(ip, 20, 0));
	memcpy(ip + 10, &check, 2);
	check = fold(sum(data, len, sum(t, hlen, sum(ip + 12, 8, htons(6) +
							 (uint64_t)htons((uint16_t)(hlen + len))))));
	memcpy(t + 16, &check, 2);
	rec[0] = (uint32_t)(1700000000 + now_us / 1000000);
	rec[1] = (uint32_t)(now_us % 1000000);
	rec[2] = rec[3] = (uint32_t)(end - p) + len;
	fwrite(rec, sizeof(rec), 1, out);
	fwrite(p, (size_t)(end - p), 1, out);
	if (len)
		fwrite(data, len, 1, out);
	now_us++;
	packets++;
}

static const uint8_t *bytes(uint32_t id, uint32_t at)
{
	return block + (id * 977u + at) % BLOCK;
}

static void data(struct conn *c, uint32_t at, uint32_t len)
{
	packet(c->id, false, ACK | PSH, 1 + at, 1, bytes(c->id, at), len);
}

static bool handshake(struct conn *c)
{
	switch (c->step++) {
	case 0:
		packet(c->id, false, SYN, 0, 0, NULL, 0);
		return true;
	case 1:
		packet(c->id, true, SYN | ACK, 0, 1, NULL, 0);
		return true;
	case 2:
		packet(c->id, false, ACK, 1, 1, NULL, 0);
		return true;
	default:
		return false;
	}
}

/* False: the connection is over. */
static bool finish(struct conn *c, uint32_t end, uint32_t step)
{
	if (step == 0)
		packet(c->id, false, FIN | ACK, 1 + end, 1, NULL, 0);
	else if (step == 1)
		packet(c->id, true, FIN | ACK, 1, 2 + end, NULL, 0);
	else
		packet(c->id, false, ACK, 2 + end, 2, NULL, 0);
	return step < 2;
}

/* The connection's next packet; false when it was the last one. */
static bool turn(struct conn *c, uint32_t size, uint32_t ooo, uint32_t payload)
{
	uint32_t at = c->sent;

	if (c->step < 3)
		return handshake(c);
	if (c->swapped) {
		data(c, c->swapped - 1, payload);
		c->swapped = 0;
		return true;
	}
	if (c->sent - c->acked >= 2 * payload || (c->sent == size && c->acked < size)) {
		c->acked = c->sent;
		packet(c->id, true, ACK, 1, 1 + c->acked, NULL, 0);
		return true;
	}
	if (c->sent == size)
		return finish(c, size, c->step++ - 3);
	if (size - at >= 2 * payload && draw() % 1000 < ooo) {
		c->swapped = at + 1;
		c->sent += 2 * payload;
		data(c, at + payload, payload);
		return true;
	}
	c->sent += payload;
	data(c, at, payload);
	return true;
}

static void gen_tcp(uint64_t mb, uint32_t nr, uint32_t kb, uint32_t ooo, uint32_t payload)
{
	struct conn *c = calloc(nr, sizeof(*c));
	uint64_t total = mb * 1000000 / (kb * 1000ull);
	uint32_t size = kb * 1000 / payload * payload, next = 0, live;

	total = total < nr ? nr : total;
	for (live = 0; live < nr; live++)
		c[live].id = next++;
	while (live) {
		uint32_t i = (uint32_t)(draw() % live);

		if (turn(&c[i], size, ooo, payload))
			continue;
		if (next < total)
			c[i] = (struct conn){.id = next++};
		else
			c[i] = c[--live];
	}
	free(c);
}

static void gen_uniform(uint32_t nr, uint64_t count, uint32_t payload)
{
	uint32_t *sent = calloc(nr, sizeof(*sent));

	for (uint32_t i = 0; i < nr; i++) {
		struct conn c = {.id = i};

		while (handshake(&c))
			;
	}
	for (uint64_t i = 0; i < count; i++) {
		uint32_t k = (uint32_t)(draw() % nr);

		packet(k, false, ACK | PSH, 1 + sent[k], 1, bytes(k, sent[k]), payload);
		sent[k] += payload;
	}
	free(sent);
}

static void gen_setups(uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		struct conn c = {.id = i};

		while (handshake(&c))
			;
		for (uint32_t step = 0; finish(&c, 0, step); step++)
			;
	}
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	fill_block();
	begin(argv[2]);
	if (!strcmp(argv[1], "tcp") && argc == 8)
		gen_tcp((uint64_t)atoll(argv[3]), (uint32_t)atoi(argv[4]), (uint32_t)atoi(argv[5]),
			(uint32_t)atoi(argv[6]), (uint32_t)atoi(argv[7]));
	else if (!strcmp(argv[1], "uniform") && argc == 6)
		gen_uniform((uint32_t)atoi(argv[3]), (uint64_t)atoll(argv[4]), (uint32_t)atoi(argv[5]));
	else if (!strcmp(argv[1], "setups") && argc == 4)
		gen_setups((uint32_t)atoi(argv[3]));
	else
		return 2;
	if (fclose(out) != 0) {
		perror(argv[2]);
		return 1;
	}
	printf("%llu\n", (unsigned long long)packets);
	return 0;
}
