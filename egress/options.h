/* egress/options.h - TCP options that the other end must not see as they came
 *
 * The rules are those of a Linux receiver where it ignores something, so that for it nothing changes:
 * an option of a wrong length, or one that was not agreed on, does not count.  In their place NOPs are
 * sent, so that no stack behind the box has to be trusted to ignore them.
 */
#ifndef FOS_EGRESS_OPTIONS_H
#define FOS_EGRESS_OPTIONS_H

#include <stdint.h>

/* What there is to take out; 0 = the options stay as they are. */
enum fos_options_clean {
	FOS_CLEAN_LENGTH = 1u << 0,    /* those of a length that their kind does not have */
	FOS_CLEAN_HANDSHAKE = 1u << 1, /* those that have their place in a SYN (RFC 9293 3.1, 7323, 2018) */
	FOS_CLEAN_SACK = 1u << 2,      /* blocks (RFC 2018) */
	FOS_CLEAN_TS = 1u << 3         /* timestamps (RFC 7323) */
};

/* Cleans n bytes of options at o in place; `what` has FOS_CLEAN_LENGTH, and perhaps more. */
void fos_options_clean(uint8_t *o, uint32_t n, uint32_t what);

#endif
