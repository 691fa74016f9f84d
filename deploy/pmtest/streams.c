/* deploy/pmtest/streams.c - see streams.h */
#include "deploy/pmtest/streams.h"

#include <arpa/inet.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/pmtest/recording.h"
#include "ingress/parse.h"

#define SHOWN 4096u /* bytes of a stream that are written out; longer ones are a digest */
#define WIDTH 72u
#define FLAG_FIN 0x01
#define FLAG_SYN 0x02
#define FLAG_RST 0x04
#define STREAM_MAX (256u << 20)

void streams_free(struct streams *all)
{
	for (uint64_t i = 0; i < all->nr; i++) {
		free(all->s[i].data);
		free(all->s[i].map);
	}
	free(all->s);
	memset(all, 0, sizeof(*all));
}

/* ------------------------------------------------------------------ from packets */

static void name_of(const struct fos_frame_meta *m, const uint8_t *frame, char name[STREAM_NAME_MAX])
{
	static const struct { uint8_t proto; const char *word; } word[] = {
		{6, "tcp"}, {17, "udp"}, {1, "icmp"}, {58, "icmp6"}};
	char src[64] = "?", dst[64] = "?", proto[16], ports[2][8] = {"", ""};
	const uint8_t *ip = frame + m->l3_off;

	if (m->flags & FOS_PKT_IPV6) {
		inet_ntop(AF_INET6, ip + 8, src, sizeof(src));
		inet_ntop(AF_INET6, ip + 24, dst, sizeof(dst));
	} else if (m->flags & FOS_PKT_IPV4) {
		inet_ntop(AF_INET, ip + 12, src, sizeof(src));
		inet_ntop(AF_INET, ip + 16, dst, sizeof(dst));
	}
	snprintf(proto, sizeof(proto), "proto-%u", m->proto);
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		if (word[i].proto == m->proto)
			snprintf(proto, sizeof(proto), "%s", word[i].word);
	if (!(m->flags & (FOS_PKT_IPV4 | FOS_PKT_IPV6)))
		snprintf(proto, sizeof(proto), "eth-%04x", m->eth_type);
	for (int i = 0; i < 2 && (m->flags & (FOS_PKT_TCP | FOS_PKT_UDP)); i++)
		snprintf(ports[i], sizeof(ports[i]), ":%u",
			 (unsigned)(frame[m->l4_off + 2 * i] << 8 | frame[m->l4_off + 2 * i + 1]));
	snprintf(name, STREAM_NAME_MAX, "%s%s > %s%s %s", src, ports[0], dst, ports[1], proto);
}

/* The stream of that name; `begins`: a new one, if it had begun before. */
static struct stream *find(struct streams *all, const char *name, bool begins, uint32_t base)
{
	size_t n = strlen(name);
	uint32_t same = 0;
	struct stream *s;

	for (uint64_t i = 0; i < all->nr; i++) {
		s = &all->s[i];
		if (strncmp(s->name, name, n) != 0 || (s->name[n] && s->name[n] != ' '))
			continue;
		same++;
		if (!s->over && (!begins || !s->known || s->base == base))
			return s;
		s->over = true;
	}
	all->s = pmtest_grow(all->s, &all->cap, all->nr + 1, sizeof(*all->s));
	s = &all->s[all->nr++];
	snprintf(s->name, sizeof(s->name), "%.140s", name);
	if (same)
		snprintf(s->name + strlen(s->name), 16, " #%u", same + 1);
	return s;
}

static void store(struct stream *s, uint64_t pos, const uint8_t *data, uint32_t len)
{
	if (pos + len > STREAM_MAX)
		return;
	s->data = pmtest_grow(s->data, &s->cap, pos + len, 1);
	s->map = pmtest_grow(s->map, &s->map_cap, pos + len, 1);
	for (uint32_t i = 0; i < len; i++)
		if (!s->map[pos + i]) {
			s->data[pos + i] = data[i];
			s->map[pos + i] = 1;
		}
	s->len = pos + len > s->len ? pos + len : s->len;
	while (s->next < s->len && s->map[s->next])
		s->next++;
}

static void tcp_packet(struct streams *all, const struct fos_frame_meta *m, const uint8_t *frame,
		       const char *name)
{
	const uint8_t *t = frame + m->l4_off;
	uint32_t seq = (uint32_t)t[4] << 24 | (uint32_t)t[5] << 16 | (uint32_t)t[6] << 8 | t[7];
	bool syn = m->tcp_flags & FLAG_SYN;
	struct stream *s = find(all, name, syn, seq + 1);
	int32_t pos;

	s->tcp = true;
	if (!s->known || (syn && s->len == 0))
		s->base = syn ? seq + 1 : seq;
	s->known = true;
	pos = (int32_t)(seq - s->base) + syn;
	s->rst |= (m->tcp_flags & FLAG_RST) != 0;
	if (m->payload_len && pos >= 0)
		store(s, (uint64_t)pos, frame + m->payload_off, m->payload_len);
	s->fin |= (m->tcp_flags & FLAG_FIN) != 0;
}

void streams_packet(struct streams *all, const uint8_t *data, uint32_t len)
{
	static union {
		struct fos_frame_meta meta;
		uint8_t bytes[FOS_FRAME_DATA_OFF + 65536];
	} f;
	static const uint64_t key[2];
	char name[STREAM_NAME_MAX];
	struct stream *s;

	if (len > 65535)
		return;
	memset(&f.meta, 0, sizeof(f.meta));
	f.meta.data_off = FOS_FRAME_DATA_OFF;
	f.meta.len = f.meta.orig_len = (uint16_t)len;
	f.meta.link = (uint16_t)all->link;
	memcpy(f.bytes + FOS_FRAME_DATA_OFF, data, len);
	fos_parse(f.bytes, &f.meta, key);
	name_of(&f.meta, f.bytes, name);
	if (f.meta.flags & FOS_PKT_TCP && !(f.meta.flags & FOS_PKT_FRAGMENT)) {
		tcp_packet(all, &f.meta, f.bytes, name);
		return;
	}
	s = find(all, name, false, 0);
	s->packets++;
	if (f.meta.payload_off)
		store(s, s->len, f.bytes + f.meta.payload_off, f.meta.payload_len);
}

/* ------------------------------------------------------------------ to and from a file */

void streams_save(const struct streams *all, FILE *to)
{
	fwrite(&all->nr, sizeof(all->nr), 1, to);
	for (uint64_t i = 0; i < all->nr; i++) {
		fwrite(&all->s[i], sizeof(all->s[i]), 1, to);
		if (all->s[i].next)
			fwrite(all->s[i].data, all->s[i].next, 1, to);
	}
}

bool streams_load(struct streams *all, FILE *from)
{
	uint64_t nr;

	memset(all, 0, sizeof(*all));
	if (fread(&nr, sizeof(nr), 1, from) != 1)
		return false;
	all->s = pmtest_grow(all->s, &all->cap, nr + 1, sizeof(*all->s));
	for (; all->nr < nr; all->nr++) {
		struct stream *s = &all->s[all->nr];

		if (fread(s, sizeof(*s), 1, from) != 1)
			return false;
		s->map = NULL;
		s->data = malloc(s->next + 1);
		if (!s->data || (s->next && fread(s->data, s->next, 1, from) != 1))
			return false;
	}
	return true;
}

void streams_quote(FILE *to, const uint8_t *data, uint64_t len)
{
	uint32_t width = 0;

	fputs("\t", to);
	for (uint64_t i = 0; i < len; i++) {
		char c[8];

		if (data[i] == '\n' || data[i] == '\r' || data[i] == '\t' || data[i] == '\\')
			snprintf(c, sizeof(c), "\\%c", data[i] == '\n' ? 'n' : data[i] == '\r' ? 'r' :
						       data[i] == '\t' ? 't' : '\\');
		else if (data[i] < ' ' || data[i] > '~')
			snprintf(c, sizeof(c), "\\x%02x", data[i]);
		else
			snprintf(c, sizeof(c), "%c", data[i]);
		fputs(c, to);
		width += (uint32_t)strlen(c);
		if (i + 1 < len && (width >= WIDTH || data[i] == '\n')) {
			fputs("\n\t", to);
			width = 0;
		}
	}
	fputs("\n", to);
}

static const char *end_of(const struct stream *s)
{
	if (!s->tcp)
		return "";
	if (s->next < s->len)
		return s->fin ? " with a hole, fin" : " with a hole";
	return s->rst ? " rst" : s->fin ? " fin" : " open";
}

void streams_text(const struct streams *all, FILE *to)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	for (uint64_t i = 0; i < all->nr; i++) {
		const struct stream *s = &all->s[i];

		fprintf(to, "%s: ", s->name);
		if (!s->tcp)
			fprintf(to, "%u packets, ", s->packets);
		fprintf(to, "%llu bytes%s", (unsigned long long)s->next, end_of(s));
		if (s->next > SHOWN) {
			SHA256(s->data, s->next, sum);
			fputs(" sha256 ", to);
			for (size_t k = 0; k < sizeof(sum); k++)
				fprintf(to, "%02x", sum[k]);
		}
		fputs("\n", to);
		if (s->next && s->next <= SHOWN)
			streams_quote(to, s->data, s->next);
	}
}

/* ------------------------------------------------------------------ comparing */

static const struct stream *by_name(const struct streams *all, uint64_t hint, const char *name)
{
	if (hint < all->nr && !strcmp(all->s[hint].name, name))
		return &all->s[hint];
	for (uint64_t i = 0; i < all->nr; i++)
		if (!strcmp(all->s[i].name, name))
			return &all->s[i];
	return NULL;
}

static void quote_at(char *to, size_t size, const struct stream *s, uint64_t at)
{
	uint64_t from = at > 16 ? at - 16 : 0, n = s->next - from > 48 ? 48 : s->next - from;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		abort();
	streams_quote(f, s->data + from, n);
	fclose(f);
	for (char *c = text; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	snprintf(to, size, "%s%s", from ? "..." : "", text);
	free(text);
}

static bool same(const struct stream *want, const struct stream *got, char *why, size_t size)
{
	bool cut = want->tcp && (!want->fin || !got->fin);
	uint64_t n = want->next < got->next ? want->next : got->next, at = 0;
	char w[300], g[300];

	while (at < n && want->data[at] == got->data[at])
		at++;
	if (at == n && (want->next == got->next || (cut && want->fin == got->fin)) &&
	    want->fin == got->fin && want->packets == got->packets)
		return true;
	if (at == n && want->next == got->next) {
		snprintf(why, size, "%s: ends%s instead of%s", want->name, end_of(got),
			 end_of(want));
		return false;
	}
	quote_at(w, sizeof(w), want, at);
	quote_at(g, sizeof(g), got, at);
	snprintf(why, size, "%s: %llu bytes%s instead of %llu%s; at byte %llu\n  wanted %s\n  got    %s",
		 want->name, (unsigned long long)got->next, end_of(got),
		 (unsigned long long)want->next, end_of(want), (unsigned long long)at, w, g);
	return false;
}

bool streams_equal(const struct streams *want, const struct streams *got, char *why, size_t size)
{
	for (uint64_t i = 0; i < want->nr; i++) {
		const struct stream *s = by_name(got, i, want->s[i].name);

		if (!s && (want->s[i].next || want->s[i].packets)) {
			snprintf(why, size, "%s: nothing has left", want->s[i].name);
			return false;
		}
		if (s && !same(&want->s[i], s, why, size))
			return false;
	}
	for (uint64_t i = 0; i < got->nr; i++)
		if ((got->s[i].next || got->s[i].packets) &&
		    !by_name(want, i, got->s[i].name)) {
			snprintf(why, size, "%s: has left, and should not", got->s[i].name);
			return false;
		}
	return true;
}
