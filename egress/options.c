/* egress/options.c - TCP options that the other end must not see, see options.h */
#include "egress/options.h"

#include <stdbool.h>
#include <string.h>

enum { OPT_END, OPT_NOP, OPT_MSS, OPT_WSCALE, OPT_SACK_OK, OPT_SACK, OPT_TS = 8 };

/* Does the option have another length than its kind allows? */
static bool wrong_len(uint8_t kind, uint32_t len)
{
	switch (kind) {
	case OPT_MSS:
		return len != 4;
	case OPT_WSCALE:
		return len != 3;
	case OPT_SACK_OK:
		return len != 2;
	case OPT_SACK:
		return len < 10 || len > 34 || (len - 2) % 8 != 0;
	case OPT_TS:
		return len != 10;
	default:
		return false;
	}
}

static bool unwelcome(uint8_t kind, uint32_t what)
{
	switch (kind) {
	case OPT_MSS:
	case OPT_WSCALE:
	case OPT_SACK_OK:
		return what & FOS_CLEAN_HANDSHAKE;
	case OPT_SACK:
		return what & FOS_CLEAN_SACK;
	case OPT_TS:
		return what & FOS_CLEAN_TS;
	default:
		return false;
	}
}

void fos_options_clean(uint8_t *o, uint32_t n, uint32_t what)
{
	uint32_t at = 0, len;

	while (at < n && o[at] != OPT_END) {
		if (o[at] == OPT_NOP) {
			at++;
			continue;
		}
		len = at + 1 < n ? o[at + 1] : 0;
		if (len < 2 || len > n - at)
			return; /* nobody reads on: fos_header_tcp() makes NOPs of the rest */
		if (wrong_len(o[at], len) || unwelcome(o[at], what))
			memset(o + at, OPT_NOP, len);
		at += len;
	}
}
