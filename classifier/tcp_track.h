/* classifier/tcp_track.h - the states of both ends of a TCP connection, as their packets tell them
 *
 * Pure.  An end's state follows from what it sends and from what reaches it (RFC 9293 section 3.3.2),
 * taking for granted that what passes the box arrives: first the sender has changed, then, with the
 * same packet, the receiver.  A SYN+ACK whose SYN was not seen, and an ACK whose SYN+ACK was not, imply
 * what was missed; ends of a connection that is picked up begin as established.
 */
#ifndef FOS_CLASSIFIER_TCP_TRACK_H
#define FOS_CLASSIFIER_TCP_TRACK_H

#include <stdbool.h>
#include <stdint.h>

/* struct fos_tcp_seen - an accepted segment */
struct fos_tcp_seen {
	uint8_t flags;   /* enum fos_tcp_flag; FIN only when it is taken as the stream's end */
	bool acks_fin;   /* acknowledges the receiver's FIN */
	bool fin_taken;  /* with it the receiver has all bytes up to the sender's FIN, and that */
};

/* Changes the states (enum fos_tcp_st) of the ends. */
void fos_tcp_track(uint8_t *sender, uint8_t *receiver, const struct fos_tcp_seen *seg);

#endif
