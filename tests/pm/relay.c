/* relay - makes "tilde" of each ~, counts, and tells the module that option `to` names; who is told
 * checks that it hears every number once and in order. */
#include "pmhost/pm.h"

#include "tests/pm/relay.h"

static void on_data(struct fos_window *w)
{
	struct fos_instance *pm = fos_pm_of(w);
	const char *to = fos_option(pm, "to", 0);
	uint64_t end = fos_tail(w);

	for (uint64_t pos = fos_head(w); to && pos < end; pos++) {
		struct relay *state;
		char c;

		fos_read(w, pos, &c, 1);
		if (c != '~')
			continue;
		state = fos_state(pm);
		state->sent++;
		if (fos_replace(w, pos, 1, "tilde", 5) != FOS_OK ||
		    fos_send(pm, to, 1, &state->sent, sizeof(state->sent)) != FOS_OK ||
		    fos_release(w, pos + 1) != FOS_OK)
			return;
	}
	fos_release_all(w);
}

static void on_message(struct fos_instance *pm, const struct fos_message *m)
{
	const uint64_t *number = m->data;
	struct relay *state = fos_state(pm);

	state->wrong += *number != state->heard + 1;
	state->heard = *number;
}

FOS_PM(.name = "relay", .stream = FOS_APP, .flags = FOS_PM_EDITS,
	.state_size = sizeof(struct relay), .on_data = on_data, .on_message = on_message);
