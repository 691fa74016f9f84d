/*++
 * NAME
 *	flowos-ingress - frames in, validated, on to their lane
 * SYNOPSIS
 *	flowos-ingress --keeper SOCKET --proc NAME
 * DESCRIPTION
 *	Receives from one NIC queue over AF_XDP, or reads a capture file; parses and validates each
 *	packet into the frame's metadata and passes the frame to the classifier of the lane that a
 *	symmetric hash of the addresses picks.
 * READS
 *	RX ring of its socket; FREE rings from the egress processes
 * WRITES
 *	FILL ring; metadata of frames it receives; FRAME rings to the classifiers; its claim table
 * WHEN FULL
 *	stops taking from the RX ring; the kernel drops and counts what does not fit there
 * ON CRASH
 *	frames in its hands are found in the claim table; packets not yet passed on are delivered
 *	again by the RX ring or lost, and TCP resends them
 * SIGNALS
 *	TERM, INT: orderly stop
 * DIAGNOSTICS
 *	fatal: the keeper refuses, the socket cannot be mapped, the capture cannot be opened
 * CONFIGURATION
 *	interfaces (nic, mode, queues), memory.frames
 * BUGS
 *	packets in several buffers (jumbo frames beyond the frame size) are not received
 *--*/
#include <stdlib.h>

#include "ingress/ingress.h"

int main(int argc, char **argv)
{
	struct fos_ingress *g = fos_ingress_new();
	int status = fos_proc_main(argc, argv, &fos_ingress_hooks, g);

	fos_ingress_free(g);
	return status;
}
