/* classifier/packet.h - a frame becomes a packet, and a packet finds its flow
 *
 * Everything that another process wrote into a frame's metadata is checked here once; from then on
 * the copy in struct fos_packet is used.
 */
#ifndef FOS_CLASSIFIER_PACKET_H
#define FOS_CLASSIFIER_PACKET_H

#include "classifier/batch.h"

/* Takes a frame that ingress handed over; `gen` is our claim on it.  The frame has found its next
 * owner when this returns. */
void fos_packet_frame(struct fos_classifier *c, uint32_t frame, uint32_t gen);

/* Copies and checks a frame's metadata.  False: they are not to be trusted. */
bool fos_packet_meta(const struct fos_classifier *c, uint32_t frame, struct fos_frame_meta *m);

/* The part that a frame contributes to a packet. */
struct fos_part fos_packet_part(const struct fos_frame_meta *m, uint32_t frame, uint32_t gen);

/* Completes a packet whose meta, parts and nr are set: lengths, head, damage. */
void fos_packet_finish(struct fos_classifier *c, struct fos_packet *pkt);

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
