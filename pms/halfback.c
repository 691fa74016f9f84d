/* halfback - short flows do not wait for a timer when their tail is lost behind the box
 *
 * What is lost in the middle of a stream is missed as soon as the next segment arrives; behind the last
 * segments of a flow nothing arrives, and their sender waits for its timer.  So, as Halfback does at the
 * sender (Li, Dong, Godfrey, CoNEXT 2015), the box sends the end of what the receiver has not
 * acknowledged once more before anybody misses it: for each acknowledgement that arrives one segment,
 * the last first, until the acknowledgements meet what was sent again.
 *
 * Lesson: asking the platform for something, and for how long.  The module decides which flows are short
 * and says so with the release of the bytes that it is about (fos_resend_tail(), pm_resend.h); what is
 * sent again, when, and that it is the same bytes as before, is the platform's.  No byte waits here.
 *
 *   options:
 *     bytes: 141K       a direction that has brought more is not short any more (at most 1M); it passes
 *                       unseen from there on
 *
 * Worth it where packets are lost between the box and the receivers of short flows; it costs up to half as
 * many packets again on that side (`resent_ahead`).  `direction: reverse` in the configuration leaves
 * it to what servers send.  Several in one pipeline: a flow's tail is sent ahead while any of them asks.
 */
#include "pmhost/pm.h"

#define SHORT (141u << 10) /* the paper's: what it sends in the first round trip */
#define MOST (1u << 20)    /* the platform's bound */

enum { TCP = 6 };

static uint64_t bytes;

static int init(struct fos_instance *pm)
{
	const char *text = fos_option(pm, "bytes", 0);

	bytes = SHORT;
	if (!text || (fos_size_parse(text, &bytes) && bytes >= 1 && bytes <= MOST))
		return 0;
	fos_say(pm, "options: bytes: \"%s\" is not a size from 1 to 1M", text);
	return -1;
}

static void on_data(struct fos_window *w)
{
	if (fos_tail(w) > bytes || fos_flow(w)->proto != TCP) {
		fos_bypass(w);
		return;
	}
	fos_resend_tail(w, true); /* takes effect with the release of the bytes that it is for */
	fos_release_all(w);
}

FOS_PM(.name = "halfback", .stream = FOS_APP, .flags = FOS_PM_RESENDS, .init = init,
	.on_data = on_data);
