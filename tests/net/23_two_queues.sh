#!/usr/bin/env bash
# Two queues on each of both NICs, one ingress process per queue: connections spread over them, and
# what came in by any queue arrives edited, byte for byte, in both directions at once.
. "$(dirname "$0")/lib.sh"
NET_QUEUES=2 KILLS=
need_topo
# a loss while a pattern is cut in two keeps the module waiting for a retransmission
pipeline edit '"tcp portrange 9000-9002"' \
	"$(pm_replace edit needle haystack 'hold: { bytes: 64K, time: 60s }')" |
	box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"

both_peers "100 connections, edited both ways" swap $SERVER 9001 100 needle haystack
both_peers "and again, over IPv6" swap $SERVER6 9002 100 needle haystack
both_bulk "one connection" $SERVER 9000 50
for nic in lan wan; do
	for queue in 0 1; do
		at_least "$(counter_of "ingress.$nic.$queue" rx_packets)" 2000 \
			"queue $queue of $nic carried packets"
	done
done
at_least "$(counter edits_applied)" 7600 "every occurrence was replaced by the box"
check "the audit is clean" flowosctl_in_box audit
stop_box

# The same with so few frames that they go round fast: from the queues that rest to those that do not.  A
# pattern of one byte is never held: where the shortage loses a segment again and again, a sender could
# not go on before held bytes are let go unedited (classifier/stuck.h).
pipeline edit '"tcp portrange 9000-9002"' "$(pm_replace edit % haystack)" |
	box_config "$NET_TMP/box.yaml"
sed -i 's/frames: 16K/frames: 2K/' "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"
both_peers "few frames: 100 connections, edited both ways" swap $SERVER 9001 100 % haystack
for nic in lan wan; do
	for queue in 0 1; do
		pm_kill "ingress.$nic.$queue" 2 0.1 &
		KILLS="$KILLS $!"
	done
done
both_peers "and while every ingress is killed twice" swap $SERVER6 9002 100 % haystack
for pid in $KILLS; do
	wait "$pid"
	ok $? "killed twice"
done
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
