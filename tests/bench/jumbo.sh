#!/usr/bin/env bash
# Bulk TCP at MTU 9000: a packet lies in several frames (scatter and gather).  DPDK's AF_XDP driver
# has no such packets; the peer is the kernel's bridge.
. "$(dirname "$0")/lib.sh"
for ours in none reader1 reader4; do
	for n in 1 16; do
		compare "bulk, MTU 9000, $n conn., $ours / bridge" Gbit/s "bulk$n/$ours" \
			"bulk$n/bridge" ratio -
	done
done
MTU=9000
bench_topo
serve_iperf
measure() { # variant
	for n in 1 16; do record bulk$n "$1" "$(gbits $n)"; done
}
alternate bridge none reader1 reader4
