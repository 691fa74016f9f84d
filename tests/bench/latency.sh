#!/usr/bin/env bash
# A request and its response, one at a time over one connection, 2 ms apart: everybody between has
# gone to sleep.  Median and 99th percentile, and what the box adds to testpmd, which polls.  `spin`:
# `wait: spin`, a core per process, which this takes more cores than most machines have.
. "$(dirname "$0")/lib.sh"
for ours in reader1 none reader4 parallel4 adblock spin; do
	target=-
	[ $ours != reader1 ] || target='<=120'
	compare "idle round trip, p50, $ours - testpmd" us p50/$ours p50/testpmd difference $target
	compare "idle round trip, p99, $ours - testpmd" us p99/$ours p99/testpmd difference -
done
compare 'idle round trip, p50, bridge - testpmd' us p50/bridge p50/testpmd difference -
bench_topo
in_server "$B/bench/rr" server 7777 &
wait_for 100 listens server 7777
measure() { # variant
	local got
	got=$(in_client "$B/bench/rr" client $SERVER 7777 500 2000)
	record p50 "$1" "${got% *}"
	record p99 "$1" "${got#* }"
}
alternate reader1 testpmd bridge none reader4 parallel4 adblock spin
