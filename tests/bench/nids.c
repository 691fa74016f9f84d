/* nids.c - libnids reassembles the TCP streams of a capture (its side of tests/bench/offline.sh)
 *
 *	nids CAPTURE [TEXT]
 *
 * Looks at eight bytes of everything new in either direction, or searches all of it for TEXT, across
 * segments.  Prints bytes and, with TEXT, how often it was found.
 */
#define _GNU_SOURCE
#include <nids.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define STREAMS 131072

static uint64_t bytes, hits, sum;
static const char *text;
static size_t len;

/* All but what may be the start of a match is dropped. */
static void search(struct tcp_stream *a, struct half_stream *h)
{
	const char *at = h->data, *end = h->data + (h->count - h->offset);
	size_t n = (size_t)(end - at);

	while ((at = memmem(at, (size_t)(end - at), text, len)) != NULL) {
		hits++;
		at += len;
	}
	nids_discard(a, n >= len ? (int)(n - (len - 1)) : 0);
}

static void look(const struct half_stream *h)
{
	uint64_t eight;

	if (h->count_new >= 8) {
		memcpy(&eight, h->data, 8);
		sum ^= eight;
	}
}

static void stream(struct tcp_stream *a, void **state)
{
	struct half_stream *h = a->client.count_new ? &a->client : &a->server;

	(void)state;
	if (a->nids_state == NIDS_JUST_EST)
		a->client.collect = a->server.collect = 1;
	if (a->nids_state != NIDS_DATA)
		return;
	bytes += (uint64_t)h->count_new;
	if (text)
		search(a, h);
	else
		look(h);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	text = argc > 2 ? argv[2] : NULL;
	len = text ? strlen(text) : 0;
	nids_params.filename = argv[1];
	nids_params.device = NULL;
	nids_params.scan_num_hosts = 0;
	nids_params.n_tcp_streams = STREAMS;
	if (!nids_init()) {
		fprintf(stderr, "nids: %s\n", nids_errbuf);
		return 1;
	}
	nids_register_tcp(stream);
	nids_run();
	__asm__ volatile("" : : "r"(sum));
	printf("%llu %llu\n", (unsigned long long)bytes, (unsigned long long)hits);
	return 0;
}
