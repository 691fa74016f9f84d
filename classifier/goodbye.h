/* classifier/goodbye.h - both directions of a TCP connection have ended
 *
 * The box knows all bytes then.  The last acknowledgement is still to come; with it, or when it does
 * not, PMs are told.  Of a connection that shows one direction only, that one's end is all there is.
 */
#ifndef FOS_CLASSIFIER_GOODBYE_H
#define FOS_CLASSIFIER_GOODBYE_H

#include "classifier/batch.h"
#include "classifier/tcp_state.h"

/* The flow's stream has ended by a FIN. */
void fos_goodbye_fin(struct fos_classifier *c, uint32_t flow, uint64_t time_ns);

/* A segment that comes after a reset: its end may have missed that, and is told once more.  Where the ends'
 * numbers differ only egress can do so; where they agree (never edited) the segment goes on to the end
 * that has reset the connection, and that one answers. */
void fos_goodbye_late(struct fos_classifier *c, uint32_t flow, struct fos_packet *pkt,
		      const struct fos_tcp_segment *seg);

/* A segment of the flow was taken: is it the last acknowledgement? */
void fos_goodbye_ack(struct fos_classifier *c, uint32_t flow);

#endif
