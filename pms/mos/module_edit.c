/* module_edit.c - the module of a program that changes packets; before module_watch.c in the archive */
#include "pms/mos/setpkt.h"

const char fos_mos_edits = 1;
const struct fos_mos_changes *const fos_mos_changes = &fos_mos_setpkt;

FOS_PM(.name = "mos", .stream = FOS_APP,
	.flags = FOS_PM_EDITS | FOS_PM_REWRITES | FOS_PM_PACKETS, .events = FOS_MOS_EVENTS,
	.init = fos_mos_init, .on_open = fos_mos_on_open, .on_event = fos_mos_on_event,
	.on_close = fos_mos_on_close, .fini = fos_mos_fini);
