/* pmhost/pm_packet.h - packets of a module's own: part of pmhost/pm.h, include that
 *
 * What a module has to say in a stream it inserts (fos_insert()).  Where there is no stream, it may
 * answer itself: a datagram, or an ICMP message between the two ends of a flow.
 *
 *	static void on_data(struct fos_window *w)
 *	{
 *		uint8_t answer[512];
 *		size_t n = answer_query(w, answer, sizeof(answer)); // an IP packet: server to client
 *
 *		if (n && fos_send_packet(w, FOS_TO_SOURCE, answer, n) == FOS_OK)
 *			fos_delete(w, fos_head(w), fos_tail(w) - fos_head(w)); // nobody else is asked
 *		fos_release_all(w);
 *	}
 *
 *	FOS_PM(.name = "sink", .stream = FOS_APP, .flags = FOS_PM_EDITS | FOS_PM_SENDS,
 *	       .on_data = on_data);
 */
#ifndef FLOWOS_PM_PACKET_H
#define FLOWOS_PM_PACKET_H

#include <stddef.h>

struct fos_window;

#define FOS_SEND_MAX 1520u   /* bytes of a packet, and no more than the way out takes */
#define FOS_SEND_STAGED 16u  /* packets sent between two releases */
#define FOS_SEND_RATE 20000u /* packets of a module in a second, in each lane */
#define FOS_SEND_BURST 256u  /* so many at once */

enum fos_send_to {
	FOS_TO_DESTINATION = 0, /* out of the interface that the flow's packets leave by, */
	FOS_TO_SOURCE = 1       /* or back, out of the one that they come in by */
};

/* Sends a whole IP packet (FOS_PM_SENDS), from its IP header on.  Staged: it leaves once with the commit,
 * or, where the module was killed before, not at all.  What the box has no frame or room for is lost as in
 * networks, and counted.  In which order it leaves with others is not said, and no module sees it.
 *
 * It must belong to the window's flow: the flow's own 5-tuple as fos_flow() tells it (FOS_TO_SOURCE: source
 * and destination changed over), or ICMP between these two addresses (echo and errors alone).  The flow's
 * rewrites and its first packet's link addresses and VLAN tags apply.  The box fills in the checksums.
 * Without IP options, extension headers or fragmentation; what is larger than the way out takes is cut, or
 * dropped where its DF bit is set.
 *
 * Into TCP connections whose bytes modules read, unless they are among those never edited, only a bare
 * acknowledgement goes (flags ACK, no data), and with the numbers, window and options that the box has for
 * it: a duplicate, a window update, a sign of life.  Two would number one stream; to send bytes insert
 * them, to end it fos_reset().  Nothing on captures.
 *
 * FOS_EPERM: no FOS_PM_SENDS, a connection or a capture as above, no flow.  FOS_EINVAL: not a packet,
 * or not the flow's.  FOS_EFULL: more than FOS_SEND_STAGED.  FOS_AGAIN: as fos_release(), which
 * also says so when what was sent before has not left yet.  Beyond FOS_SEND_RATE packets are dropped
 * (counter pm_sends_bounded); sent ones are packets_sent_by_pm. */
int fos_send_packet(struct fos_window *w, enum fos_send_to to, const void *ip, size_t len);

#endif
