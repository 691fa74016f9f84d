/* shm/quote.h - the packet that an ICMP error quotes
 *
 * An error quotes the IP header and the first bytes of the packet it is about, as that packet
 * looked where the error was made (RFC 792, RFC 1812 section 4.3.2.3, RFC 4443).  Pure: bytes in,
 * offsets out; never looks beyond `len`.
 */
#ifndef FOS_SHM_QUOTE_H
#define FOS_SHM_QUOTE_H

#include <stdbool.h>
#include <stdint.h>

#define FOS_QUOTE_L4_MIN 8u /* ports and sequence number; every error quotes that much */

struct fos_quote {
	uint8_t proto;   /* after IPv6 extension headers */
	uint32_t l4;     /* offset of the transport header from the quoted IP header */
	uint32_t l4_len; /* bytes of it that are there */
	uint32_t total;  /* length of the quoted packet as its header gives it */
};

/* Finds the transport header of the packet quoted in the `len` bytes at `ip`.  False: not an IP
 * packet of that version, cut before FOS_QUOTE_L4_MIN bytes of transport header, or a fragment
 * that does not hold them. */
bool fos_quote_find(const uint8_t *ip, uint32_t len, bool v6, struct fos_quote *q);

#endif
