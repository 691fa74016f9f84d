/* tests/sim/wire.c - one TCP segment, parsed as strictly as the standards allow, see wire.h */
#include "tests/sim/wire.h"

#include <string.h>

#include "shm/csum.h"

static const char *parse_sack(struct wire *w, const uint8_t *o, uint32_t n)
{
	if (n < 10 || (n - 2) % 8 != 0 || (n - 2) / 8 > 4)
		return "SACK option of a wrong length";
	w->nr_sack = (n - 2) / 8;
	for (uint32_t i = 0; i < w->nr_sack; i++) {
		w->sack[i][0] = fos_get32(o + 2 + 8 * i);
		w->sack[i][1] = fos_get32(o + 6 + 8 * i);
		if ((int32_t)(w->sack[i][1] - w->sack[i][0]) <= 0)
			return "SACK block without bytes";
	}
	return NULL;
}

static const char *parse_options(struct wire *w, const uint8_t *o, uint32_t len)
{
	const char *wrong = NULL;

	for (uint32_t i = 0, n; i < len && o[i] != 0 && !wrong; i += n) {
		n = o[i] == 1 ? 1 : i + 1 < len ? o[i + 1] : 0;
		if (n == 0 || (o[i] != 1 && n < 2) || i + n > len)
			return "malformed TCP options";
		if (o[i] == 2 && n == 4) {
			w->mss = (uint16_t)fos_get16(o + i + 2);
		} else if (o[i] == 3 && n == 3) {
			w->scale = o[i + 2];
		} else if (o[i] == 4 && n == 2) {
			w->sack_ok = true;
		} else if (o[i] == 5) {
			wrong = parse_sack(w, o + i, n);
		} else if (o[i] == 8 && n == 10) {
			w->has_ts = true;
			w->tsval = fos_get32(o + i + 2);
			w->tsecr = fos_get32(o + i + 6);
		}
	}
	return wrong;
}

static bool sums_ok(const struct wire *w, uint32_t hl)
{
	uint32_t n = w->ip_len - hl;

	if (w->v6)
		return fos_csum_finish(fos_csum_pseudo6(w->ip + 8, w->ip + 24, 6, n), w->tcp, n) == 0;
	return fos_csum_ipv4_ok(w->ip, hl) &&
	       fos_csum_finish(fos_csum_pseudo4(w->ip + 12, w->ip + 16, 6, (uint16_t)n), w->tcp,
			       n) == 0;
}

/* The IP header, and its length; 0: another protocol. */
static uint32_t parse_ip(struct wire *w, const uint8_t *packet, uint32_t len)
{
	uint32_t l2 = 14;

	if (len < 54)
		return 0;
	if (fos_get16(packet + 12) == 0x8100) {
		w->vlan = (uint16_t)fos_get16(packet + 14);
		l2 = 18;
	}
	w->ip = packet + l2;
	w->v6 = fos_get16(packet + l2 - 2) == 0x86dd;
	if (w->v6) {
		w->ip_len = 40 + fos_get16(w->ip + 4);
		return len >= l2 + 60 && w->ip[6] == 6 ? 40 : 0;
	}
	w->ip_len = fos_get16(w->ip + 2);
	return fos_get16(packet + l2 - 2) == 0x0800 && w->ip[9] == 6 ? (w->ip[0] & 15u) * 4u : 0;
}

bool wire_parse(struct wire *w, const uint8_t *packet, uint32_t len, bool sums)
{
	uint32_t hl, tl;

	memset(w, 0, sizeof(*w));
	w->scale = 0xff;
	hl = parse_ip(w, packet, len);
	if (!hl)
		return false;
	w->tcp = w->ip + hl;
	if (hl < 20 || w->ip_len > len - (uint32_t)(w->ip - packet) || w->ip_len < hl + 20) {
		w->wrong = "lengths that do not fit";
		return true;
	}
	tl = (w->tcp[12] >> 4) * 4u;
	w->sport = (uint16_t)fos_get16(w->tcp);
	w->dport = (uint16_t)fos_get16(w->tcp + 2);
	if (tl < 20 || hl + tl > w->ip_len) {
		w->wrong = "a TCP header that does not fit";
		return true;
	}
	w->seq = fos_get32(w->tcp + 4);
	w->ack = fos_get32(w->tcp + 8);
	w->flags = w->tcp[13];
	w->wnd = (uint16_t)fos_get16(w->tcp + 14);
	w->data = w->tcp + tl;
	w->len = w->ip_len - hl - tl;
	w->wrong = parse_options(w, w->tcp + 20, tl - 20);
	if (!w->wrong && sums && !sums_ok(w, hl))
		w->wrong = WIRE_BAD_SUM;
	return true;
}
