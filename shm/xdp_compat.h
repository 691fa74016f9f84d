/* shm/xdp_compat.h - AF_XDP constants that are newer than the headers of Debian 12 (Linux 6.1)
 *
 * Every one is probed at run time; an older kernel refuses it and we go on without.
 */
#ifndef FOS_SHM_XDP_COMPAT_H
#define FOS_SHM_XDP_COMPAT_H

#include <linux/bpf.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif
#ifndef XDP_USE_SG /* 6.6: packets in several buffers */
#define XDP_USE_SG (1 << 4)
#endif
#ifndef BPF_F_XDP_HAS_FRAGS /* 5.18: the program copes with frames that are not all in one place */
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif
#ifndef XDP_PKT_CONTD /* 6.6: descriptor option, the packet goes on in the next descriptor */
#define XDP_PKT_CONTD (1 << 0)
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET /* 6.17: packets sent by one sendto() in copy mode, else 32 */
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

#endif
