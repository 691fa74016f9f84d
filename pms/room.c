/* room - keeps room for a module that will be added while the box runs
 *
 * Lesson: what a module needs is said by constants alone.  This one stands by (`standby:` of a
 * pipeline) and does nothing; but its region, rings and process are there, so that
 *
 *	flowosctl pipeline add web NAME=module.so last
 *
 * can put any module into its place that reads `app` or `http.body`, edits or not, and keeps no more
 * than this one could.  That module's options are those of NAME's entry at that moment.  Topics, keys
 * and events are laid out at the start for those who are there, so it has none.  Write one like it
 * where other sizes are wanted.
 */
#include "pmhost/pm.h"

#define HTTP 464u /* what the platform keeps of a flow for a module on http.body */

FOS_PM(.name = "room", .stream = FOS_APP, .flags = FOS_PM_EDITS | FOS_PM_ROOM, .ctx_size = 512 + HTTP,
	.state_size = 65536);
