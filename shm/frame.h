/* shm/frame.h - geometry of a packet frame, and what ingress writes into its head
 *
 * A frame is one chunk of the packet region (an AF_XDP UMEM chunk, 2048 or 4096 bytes):
 *
 *   0               128                 384              data_off      data_off+len
 *   | frame_meta    | saved headers     | (headroom)     | packet ...  | free |
 *
 * The kernel writes a received packet at 256 (XDP headroom) + FOS_FRAME_HEADROOM = 384.  Bytes
 * [0,128) are the metadata, written by ingress before the frame is handed over and by egress for
 * frames that it builds; [128,384) is egress's: the first rewrite of a packet saves its L2-L4
 * headers there, and each later header is computed from that copy (so that a rewrite can be
 * repeated after a crash).
 */
#ifndef FOS_SHM_FRAME_H
#define FOS_SHM_FRAME_H

#include <stdint.h>

#define FOS_FRAME_META_SIZE 128u
#define FOS_FRAME_SAVED_OFF 128u
#define FOS_FRAME_SAVED_MAX 256u
#define FOS_FRAME_HEADROOM 128u /* xdp_umem_reg.headroom, on top of the kernel's 256 */
#define FOS_FRAME_DATA_OFF 384u
/* A packet in several frames ("chain"): what a socket buffer of the kernel holds on the way out. */
#define FOS_CHAIN_MAX 17u

/* link types as libpcap numbers them; AF_XDP frames are Ethernet */
#define FOS_LINK_ETHERNET 1u

enum fos_csum_state {
	FOS_CSUM_NONE = 0,    /* no transport checksum that we know of, or a fragment */
	FOS_CSUM_VALID = 1,   /* verified */
	FOS_CSUM_PARTIAL = 2, /* field holds the pseudo-header sum only (veth, CHECKSUM_PARTIAL) */
	FOS_CSUM_BAD = 3,
	FOS_CSUM_ABSENT = 4   /* UDP over IPv4 with checksum 0 */
};

enum fos_packet_flag {
	FOS_PKT_IPV4 = 1u << 0,
	FOS_PKT_IPV6 = 1u << 1,
	FOS_PKT_TCP = 1u << 2,
	FOS_PKT_UDP = 1u << 3,
	FOS_PKT_ICMP = 1u << 4,         /* ICMP or ICMPv6 */
	FOS_PKT_ICMP_ERROR = 1u << 5,   /* an error that quotes a packet */
	FOS_PKT_FRAGMENT = 1u << 6,     /* IPv4 fragment, or IPv6 fragment that is not atomic */
	FOS_PKT_FRAG_FIRST = 1u << 7,   /* the one with offset 0 */
	FOS_PKT_FRAG_MORE = 1u << 8,
	FOS_PKT_VLAN = 1u << 9,
	FOS_PKT_QINQ = 1u << 10,
	FOS_PKT_ARP = 1u << 11,
	FOS_PKT_ND = 1u << 12,          /* neighbour solicitation or advertisement */
	FOS_PKT_OPTIONS = 1u << 13,     /* IPv4 options or IPv6 extension headers present */
	FOS_PKT_SOURCE_ROUTE = 1u << 14,
	FOS_PKT_IP_BAD = 1u << 15,      /* IP header damaged: length, version, header checksum */
	FOS_PKT_L4_BAD = 1u << 16,      /* TCP/UDP header damaged: offset, length, options */
	FOS_PKT_TRUNCATED = 1u << 17,   /* captured length shorter than the IP length says */
	FOS_PKT_CHAIN = 1u << 18,       /* goes on in next_frame; lengths here are of this frame's share */
	FOS_PKT_CONT = 1u << 19         /* not a packet: bytes that continue one, at data_off */
};

/* struct fos_frame_meta - what is known of the packet in a frame.  Writer: ingress, once, before
 * the frame's first ring; egress for frames it builds.  Readers: all.  Offsets count from the
 * first byte of the frame (not of the packet), so `frame_base + l4_off` is the TCP header.
 *
 *  offset size field        unit
 *       0    8 time_ns      CLOCK_MONOTONIC at receive (inline), capture time (offline)
 *       8    8 number       offline: 1-based number of the frame in the capture; else 0
 *      16    4 flags        enum fos_packet_flag
 *      20    4 hash         symmetric hash of the addresses (lane choice)
 *      24    2 data_off     first byte of the packet (link header)
 *      26    2 len          bytes captured from data_off on
 *      28    2 l3_off       IP (or ARP) header; 0 = none
 *      30    2 l4_off       transport header; 0 = none (not first fragment, unknown)
 *      32    2 payload_off  first byte after the transport header (TCP/UDP), else after IP headers
 *      34    2 payload_len  bytes of payload by the IP length (never more than captured)
 *      36    2 l3_len       IP total length, bytes (never more than captured)
 *      38    1 proto        IP protocol after extension headers
 *      39    1 csum         enum fos_csum_state of the transport checksum
 *      40    1 port         index of the interface it came in by
 *      41    1 tcp_flags    TCP flag byte
 *      42    2 eth_type     after VLAN tags, host order
 *      44    2 vlan_outer   TCI, host order (valid with FOS_PKT_VLAN)
 *      46    2 vlan_inner   TCI, host order (valid with FOS_PKT_QINQ)
 *      48    2 queue        NIC queue it came in by
 *      50    2 link         link type (FOS_LINK_*), as in the capture
 *      52    4 frag_id      fragment identification, host order
 *      56    2 frag_off     fragment offset, bytes
 *      58    2 orig_len     length on the wire where the capture cut it, of all frames of a chain;
 *                           else len
 *      60    4 next_frame   a packet in several frames (multi-buffer): next frame, or UINT32_MAX
 */
struct fos_frame_meta {
	uint64_t time_ns;
	uint64_t number;
	uint32_t flags;
	uint32_t hash;
	uint16_t data_off;
	uint16_t len;
	uint16_t l3_off;
	uint16_t l4_off;
	uint16_t payload_off;
	uint16_t payload_len;
	uint16_t l3_len;
	uint8_t proto;
	uint8_t csum;
	uint8_t port;
	uint8_t tcp_flags;
	uint16_t eth_type;
	uint16_t vlan_outer;
	uint16_t vlan_inner;
	uint16_t queue;
	uint16_t link;
	uint32_t frag_id;
	uint16_t frag_off;
	uint16_t orig_len;
	uint32_t next_frame;
};

_Static_assert(sizeof(struct fos_frame_meta) == 64, "frame metadata is one cache line");

#endif
