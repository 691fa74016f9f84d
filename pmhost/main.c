/* NAME         flowos-pmhost - run one processing module (PM) on one lane
 *
 * SYNOPSIS     flowos-pmhost --keeper PATH --proc NAME [--spare|--or-spare]
 *              flowos-pmhost --try FILE
 *
 * DESCRIPTION  Loads the module that the configuration names for process NAME (pm.INSTANCE.LANE),
 *              and calls its handlers for the flows of its pipeline: on_open while a connection's
 *              first packet waits, on_data for what is in the window [head, tail), on_close at the
 *              end.  A release publishes head, edits, context, messages and verdict together.
 *              With --spare it waits, ready, until the holder of the lease is dead; with --or-spare
 *              only where there is a holder and the PM says `spare: yes`.  With --try it only says by
 *              its exit status whether FILE can be loaded.
 *
 * READS        flows and pieces (classifier), frames (packet region), what the PMs of earlier
 *              stages publish, positions that egress is past.
 *
 * WRITES       its own region only: published values and contexts per flow, edit records and
 *              inserted bytes, rewrites, PM-wide state, rings to classifier, egress and other PMs.
 *              Output files that the module opens.
 *
 * WHEN FULL    hint rings: the hint is dropped, the reader walks all live flows.  Message rings and
 *              the pool of edit records: the release does not happen and is tried again.
 *
 * ON CRASH     restarted, it rolls its last batch forward or back and visits every live flow; each
 *              is found as of its last release.  Streams wait meanwhile, unless on_failure says
 *              otherwise; a flow that killed it `quarantine` times is not its any more (README.md).
 *
 * SIGNALS      SIGTERM, SIGINT: orderly stop; the module's fini() runs.
 *
 * DIAGNOSTICS  cannot load: not a module, another ABI, changed since the box was configured.
 *              init() refused: the module said why in the line before.
 *
 * CONFIGURATION  pipelines: stages: pm, file, direction, hold, options (README.md).
 *
 * BUGS         A module that loops for ever stops its pipeline until the watchdog kills it.
 */
#include <string.h>

#include "pmhost/host.h"
#include "pmhost/load.h"

int main(int argc, char **argv)
{
	void *state;
	int rc;

	if (argc == 3 && !strcmp(argv[1], "--try"))
		return fos_load_try(argv[2]) < 0;
	state = fos_pmhost_new();
	rc = fos_proc_main(argc, argv, &fos_pmhost_hooks, state);
	fos_pmhost_free(state);
	return rc;
}
