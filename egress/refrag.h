/* egress/refrag.h - datagrams that do not fit one packet leave as fragments
 *
 * Which datagrams may be cut:
 *  - IPv4 without DF: any packet larger than the way out (RFC 791), also one that came so;
 *  - what the box put together from fragments and changed: again, in fragments no larger than those it
 *    came in (their size was right for the path);
 *  - IPv6, a datagram that the box itself made larger: the box is the source of the larger one, so it
 *    may use a fragment header (RFC 8200 section 4.5); one that came too large is not cut.
 * IPv4 with DF that has outgrown the way is dropped (drop_mtu): its sender asked for that.
 * Fragments of a datagram keep their identification where it had one.
 */
#ifndef FOS_EGRESS_REFRAG_H
#define FOS_EGRESS_REFRAG_H

#include "egress/egress.h"
#include "egress/header.h"

/* Sends the IPv4 packet that is open and finished in h as fragments of at most `mtu` bytes, in other
 * frames.  False: it may not be cut, or there are no frames; nothing was sent. */
bool fos_refrag_packet(struct fos_egress *e, const struct fos_header *h, uint32_t port,
		       uint32_t mtu);

/* A datagram that is built in private memory because it may be larger than a frame. */
struct fos_refrag {
	uint32_t flow;
	uint8_t *payload; /* where its bytes go */
	uint32_t room;
	uint32_t id;      /* IPv6: identification; 0 = a new one.  IPv4: in the template */
	uint32_t size;    /* largest fragment; 0 = what fits the way out */
};

/* Begins a UDP datagram of `flow`, IP header as in the packet `like`, which one of it came in. */
bool fos_refrag_udp(struct fos_egress *e, uint32_t flow, const struct fos_header *like,
		    struct fos_refrag *r);

enum fos_refrag_end { FOS_REFRAG_SENT, FOS_REFRAG_REFUSED, FOS_REFRAG_LATER };

/* Completes it with `len` bytes of payload and sends it.  REFUSED: it may not be cut (the caller
 * counts it); LATER: no room or frames now, nothing was sent. */
enum fos_refrag_end fos_refrag_finish(struct fos_egress *e, struct fos_refrag *r, uint32_t len);

#endif
