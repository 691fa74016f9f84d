/* shm/capture_read.h - inner border of the capture reader: pcap (capture.c), pcapng (pcapng.c) */
#ifndef FOS_SHM_CAPTURE_READ_H
#define FOS_SHM_CAPTURE_READ_H

#include "shm/capture.h"
#include "shm/capture_io.h"

#define FOS_CAPTURE_ERR_MAX 320

/* struct fos_capture_if - an interface of a pcapng file (pcap: the only one) */
struct fos_capture_if {
	int64_t offset_s; /* if_tsoffset */
	uint32_t link;
	uint32_t snaplen; /* 0: no limit */
	uint8_t tsresol;  /* as in if_tsresol: 10^-n, or 2^-n with bit 7 */
};

struct fos_capture {
	struct fos_io io;
	int fd;
	bool ng;
	bool swapped; /* pcapng: of the current section */
	bool nanosecond;
	bool failed;
	uint16_t minor;  /* pcap: version 2.minor */
	uint64_t at;     /* offset of the record or block under way */
	uint64_t time_ns;
	uint32_t base;    /* pcapng: index of the section's interface 0 */
	uint32_t nr_ifs;
	uint32_t room_ifs;
	struct fos_capture_if *ifs;
	bool pending;       /* pcapng: a packet block's header has been read */
	uint32_t type;      /* its type and */
	uint32_t total_len; /*  length */
	uint32_t unread;    /* bytes of the last packet's block that are still to be read */
	char name[256];
	char error[FOS_CAPTURE_ERR_MAX];
};

static inline uint32_t fos_capture_u32(const struct fos_capture *c, const uint8_t *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return c->swapped ? __builtin_bswap32(v) : v;
}

static inline uint16_t fos_capture_u16(const struct fos_capture *c, const uint8_t *p)
{
	uint16_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return c->swapped ? __builtin_bswap16(v) : v;
}

/* Note the fault at the current record; returns -1, as fos_capture_next() does from then on. */
int fos_capture_fail(struct fos_capture *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The fault of a short read: the file ends, or the disk failed. */
int fos_capture_short(struct fos_capture *c, const char *in_what);

/* Add an interface. */
int fos_capture_add_if(struct fos_capture *c, const struct fos_capture_if *i);

/* The section header whose first 8 bytes have been read: type and length as they lie. */
int fos_pcapng_section(struct fos_capture *c, const uint8_t head[8]);

/* Read blocks up to the next packet block, and set `pending`.  1, 0 at the end, -1. */
int fos_pcapng_advance(struct fos_capture *c);

/* The packet of the pending block.  1, or -1; 0: the block holds none, advance again. */
int fos_pcapng_packet(struct fos_capture *c, struct fos_capture_packet *p);

#endif
