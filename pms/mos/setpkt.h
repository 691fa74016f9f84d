/* pms/mos/setpkt.h - what setpkt.c does when a connection begins and when its bytes come */
#ifndef FOS_MOS_SETPKT_H
#define FOS_MOS_SETPKT_H

#include "pms/mos/mos.h"

extern const struct fos_mos_changes fos_mos_setpkt;

/* Makes the linker take module_edit.c with setpkt.c. */
extern const char fos_mos_edits;

#endif
