#!/usr/bin/env bash
# 200 MB each way at once, in one connection, through an editing module that finds nothing.
. "$(dirname "$0")/lib.sh"
need_topo
pipeline bulk '"tcp port 9000 or tcp port 5201"' "$(pm_replace edit 'not in the data' 'x')" |
	box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"
both_bulk "through the box" $SERVER 9000 200
in_server iperf3 -s -1 >"$NET_TMP/iperf3" 2>&1 &
wait_for 100 listens server 5201
check "iperf3 moves 200 MB each way at once" timeout 200 \
	ip netns exec "$NET-client" iperf3 -c $SERVER --bidir -n 200M --connect-timeout 5000
# iperf3 ends both directions when the first has its 200 MB
at_least "$(counter rx_bytes)" 600000000 "the bytes went through the pipeline"
stop_box
finish
