/* classifier/packet.h - a frame becomes a packet, and a packet finds its flow
 *
 * Everything that another process wrote into a frame's metadata is checked here once; from then on
 * the copy in struct fos_packet is used.
 */
#ifndef FOS_CLASSIFIER_PACKET_H
#define FOS_CLASSIFIER_PACKET_H

#include "classifier/batch.h"

/* Takes a packet that ingress handed over in `nr` frames: c->part[] has their numbers and our claims
 * on them.  They have found their next owner when this returns. */
void fos_packet_frames(struct fos_classifier *c, uint32_t nr);

/* Copies and checks a frame's metadata.  False: they are not to be trusted. */
bool fos_packet_meta(const struct fos_classifier *c, uint32_t frame, struct fos_frame_meta *m);

/* Does the frame continue a packet that another one begins? */
static inline bool fos_packet_continues(const struct fos_classifier *c, uint32_t frame)
{
	return fos_box_meta(c->box, frame)->flags & FOS_PKT_CONT;
}

/* Completes a packet whose meta, parts and nr are set: lengths, head, damage. */
void fos_packet_finish(struct fos_classifier *c, struct fos_packet *pkt);

/* The TCP header in pkt->seg, read once; its `len` is the caller's.  False: it is cut. */
static inline bool fos_packet_segment(struct fos_packet *pkt)
{
	if (!pkt->parsed)
		pkt->parsed = fos_tcp_parse(pkt->head, pkt->head_len, &pkt->seg);
	return pkt->parsed;
}

/* Looks the flow up (or opens one) and hands the packet over to it. */
void fos_packet_classify(struct fos_classifier *c, struct fos_packet *pkt);

/* The tuple of a packet. */
struct fos_flow_key fos_packet_key(const struct fos_packet *pkt, const uint8_t *frame);

/* Bytes from offset `off` of the IP payload that lie together; at most `max`. */
uint32_t fos_packet_run(const struct fos_classifier *c, const struct fos_packet *pkt, uint32_t off,
			uint32_t max, const uint8_t **data);

/* All frames of the packet: sent on as they are; dropped. */
void fos_packet_forward(struct fos_classifier *c, const struct fos_packet *pkt, uint32_t flow);
void fos_packet_drop(struct fos_classifier *c, const struct fos_packet *pkt, uint32_t reason);

#endif
