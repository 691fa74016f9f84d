/* deploy/pmtest/streams.h - what left the box, put together again: the bytes of each direction */
#ifndef FOS_DEPLOY_PMTEST_STREAMS_H
#define FOS_DEPLOY_PMTEST_STREAMS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define STREAM_NAME_MAX 160u

struct stream {
	char name[STREAM_NAME_MAX]; /* "10.0.0.1:40000 > 10.0.0.2:80 tcp", from the second on "#2" */
	bool tcp, fin, rst, known; /* known: base is */
	bool over; /* another of that name has begun */
	uint32_t base; /* sequence number of position 0 */
	uint32_t packets; /* datagrams, when not TCP */
	uint8_t *data, *map;
	uint64_t len, cap, map_cap, next; /* next: bytes before are all there */
};

struct streams {
	struct stream *s;
	uint64_t nr, cap;
	uint32_t link;
};

void streams_free(struct streams *all);

/* A packet that left. */
void streams_packet(struct streams *all, const uint8_t *data, uint32_t len);

/* To and from a file, and as the text of `--expect`. */
void streams_save(const struct streams *all, FILE *to);
bool streams_load(struct streams *all, FILE *from);
void streams_text(const struct streams *all, FILE *to);

/* Do they say the same?  False with one line in why.  A stream that was cut off on the way (its sender
 * ended it with a FIN, and none left: a module reset or dropped the connection) is compared as far as
 * both go: where exactly that strikes depends on what was under way. */
bool streams_equal(const struct streams *want, const struct streams *got, char *why, size_t size);

/* http.c: takes the chunks out of HTTP bodies: where the box cuts them is no receiver's concern. */
void streams_unchunk(struct streams *all);

/* Bytes as they are written there, at most max of them. */
void streams_quote(FILE *to, const uint8_t *data, uint64_t len);

#endif
