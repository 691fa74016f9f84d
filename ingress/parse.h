/* ingress/parse.h - what a packet is: fills struct fos_frame_meta
 *
 * Pure: bytes in, metadata out; no clock, no allocation, no state.  Any process may call it on a
 * frame that it owns (ingress on every received frame; whoever rebuilds a datagram, on the new
 * frame).  It never reads outside [data_off, data_off + len) of the frame and accepts any bytes.
 *
 * What a reader of the metadata may rely on:
 *  - FOS_PKT_IPV4: 20 bytes at l3_off are there; FOS_PKT_IPV6: 40 bytes.
 *  - FOS_PKT_TCP: l4_off != 0, and the whole TCP header with its options is there, its length
 *    field sound; FOS_PKT_UDP: 8 bytes at l4_off; FOS_PKT_ICMP: 8 bytes at l4_off.  A packet of
 *    these protocols whose header is damaged, cut or in another fragment has `proto` only.
 *  - payload_off + payload_len lies within the packet, never in link padding.
 *  - TCP, UDP: the payload.  ICMP and other protocols: everything after the IP headers.
 *    Fragments, the first too: the fragment's data, which for IPv6 starts right after the
 *    fragment header (so that header is at payload_off - 8).
 *  - With FOS_PKT_IP_BAD for a wrong header checksum only, everything else is filled in.
 *  - TCP options that a Linux receiver ignores although broken (fewer than 5 bytes left) are no
 *    damage; walkers of options must stop at them.
 */
#ifndef FOS_INGRESS_PARSE_H
#define FOS_INGRESS_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/frame.h"

/* Fill `m` for the packet in the frame at `frame`.  Set before: data_off, len, link, orig_len
 * (len where nothing was cut), time_ns, number, port, queue; these stay.  All the rest is written.
 * `key` is the seed of the address hash; the hash is of the addresses sorted, of the quoted
 * packet's for an ICMP error, 0 for what is not IP.  NULL: nobody needs it, 0 (one lane).  `m` may lie in
 * the frame itself. */
void fos_parse(const uint8_t *frame, struct fos_frame_meta *m, const uint64_t key[2]);

/* The same hash of one address only, for a packet that fos_parse() has been through: its destination, or
 * its source; for an ICMP error the quoted packet's other one, as that went the other way. */
uint32_t fos_parse_end_hash(const uint8_t *frame, const struct fos_frame_meta *m, bool dst,
			    const uint64_t key[2]);

/* Can packets of this link type be parsed? */
bool fos_parse_link_known(uint32_t link);

#endif
