/* ingress/parse_ip.h - inner border of the parser: link layer (parse.c), IP (parse_ip.c),
 * transport (parse_l4.c)
 */
#ifndef FOS_INGRESS_PARSE_IP_H
#define FOS_INGRESS_PARSE_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/frame.h"

/* struct fos_parse - one packet on its way through the parser; offsets count from the frame */
struct fos_parse {
	const uint8_t *frame;
	struct fos_frame_meta *m;
	uint32_t end;       /* first byte not captured */
	uint32_t ip_end;    /* first byte after the IP packet as captured (padding excluded) */
	uint32_t cut;       /* bytes of the IP packet that the capture does not have */
	const uint8_t *src; /* addresses of the pseudo header: */
	const uint8_t *dst; /*  the original source, the final destination */
	bool csum_unknown;  /* the final destination is not known */
};

static inline uint16_t fos_parse_be16(const struct fos_parse *c, uint32_t off)
{
	return (uint16_t)(c->frame[off] << 8 | c->frame[off + 1]);
}

static inline uint32_t fos_parse_be32(const struct fos_parse *c, uint32_t off)
{
	return (uint32_t)fos_parse_be16(c, off) << 16 | fos_parse_be16(c, off + 2);
}

/* Parse the IP packet at `off`; `eth_type` 0 means that the version field decides. */
void fos_parse_ip(struct fos_parse *c, uint32_t off, uint16_t eth_type, const uint64_t key[2]);

/* Parse the transport header at `off`, m->proto being known, up to c->ip_end. */
void fos_parse_l4(struct fos_parse *c, uint32_t off);

#endif
