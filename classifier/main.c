/* NAME
 *	flowos-classifier - packets in, streams out
 * SYNOPSIS
 *	flowos-classifier --keeper SOCKET --proc NAME
 * DESCRIPTION
 *	Takes the frames of its lane from the ingress processes, finds or opens their flows, puts IP
 *	fragments and TCP segments together, and appends what they carry to the streams that PMs
 *	read.  Everything that no pipeline matches, and what nobody reads as a stream, goes straight
 *	to egress.
 * READS
 *	FRAME rings from ingress; frames and their metadata; READY rings from PMs and egress;
 *	positions, verdicts, edits of packet streams and rewrites in PM regions; positions in the
 *	egress region
 * WRITES
 *	flow table, input TCBs, pieces, claims; FRAME ring to egress; READY rings to PMs and egress;
 *	ARP and ND answers over the questions, in their frames
 * WHEN FULL
 *	out of room towards egress: leaves frames in the input ring.  Out of pieces, flow slots or
 *	queue bounds: drops the packet with a reason; TCP resends
 * ON CRASH
 *	the batch in hand is completed or undone from the transaction log (txn_rolled_forward,
 *	txn_rolled_back); its packets are taken from the ring again; flows continue
 * SIGNALS
 *	TERM, INT: orderly stop
 * DIAGNOSTICS
 *	fatal: the keeper refuses, the region does not fit this program, a filter does not compile
 * CONFIGURATION
 *	pipelines (match, key), limits, box.pickup, memory.flows
 * BUGS
 *	empty UDP datagrams are passed on without being shown to `app` readers
 */
#include <stdlib.h>

#include "classifier/classifier.h"

int main(int argc, char **argv)
{
	struct fos_classifier *c = fos_classifier_new();
	int status = fos_proc_main(argc, argv, &fos_classifier_hooks, c);

	fos_classifier_free(c);
	return status;
}
