/* module_watch.c - the module of a program that changes no packet: it may stand beside others, and
 * connections do not wait for it; behind module_edit.c in the archive */
#include "pms/mos/mos.h"

const struct fos_mos_changes *const fos_mos_changes;

FOS_PM(.name = "mos", .stream = FOS_APP, .flags = FOS_PM_PACKETS, .events = FOS_MOS_EVENTS,
	.init = fos_mos_init, .on_event = fos_mos_on_event, .on_close = fos_mos_on_close,
	.fini = fos_mos_fini);
