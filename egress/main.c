/*++
 * NAME
 *	flowos-egress - edits carried out, numbers translated, packets out
 * SYNOPSIS
 *	flowos-egress --keeper SOCKET --proc NAME
 * DESCRIPTION
 *	One per lane.  Reads each flow's bytes as they look after the last processing module, makes
 *	packets of them and sends them: an untouched packet leaves in its own frame, everything else
 *	in segments built here.  Translates sequence and acknowledgement numbers, SACK blocks and
 *	timestamps in both directions, keeps what it sent until the receiver has acknowledged it and
 *	sends its own copy again when the sender retransmits (or, for edited flows, by its own
 *	timer).  Sends on everything else the classifier hands over.
 * READS
 *	FRAME ring and READY hints from the classifier; READY hints, heads, edits and rewrites of the
 *	modules; completions of its TX sockets
 * WRITES
 *	its region (positions passed, retained segments, maps); frames that were handed to it; FREE
 *	rings to ingress; TX rings, or a capture file
 * WHEN FULL
 *	TX ring full, receiver's window closed or no free frame: the flow's bytes stay in the pipeline
 *	and are looked at again
 * ON CRASH
 *	a batch is one transaction: what was committed and perhaps not sent is sent by the successor,
 *	what was not committed is done again; retained segments are resent on demand
 * SIGNALS
 *	TERM, INT: orderly stop; the capture file is completed
 * DIAGNOSTICS
 *	fatal: the keeper refuses, a socket cannot be mapped, the output cannot be created
 *	warning: an interface does not send
 * CONFIGURATION
 *	memory.frames, memory.flows, wires
 * BUGS
 *	a capture file is written anew when the process is restarted in the middle; datagrams that
 *	grow past the MTU are dropped; addresses quoted in ICMP errors are not translated back
 *--*/
#include <stdlib.h>

#include "egress/egress.h"

int main(int argc, char **argv)
{
	struct fos_egress *e = fos_egress_new(NULL, NULL);
	int status = fos_proc_main(argc, argv, &fos_egress_hooks, e);

	fos_egress_free(e);
	return status;
}
