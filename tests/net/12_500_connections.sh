#!/usr/bin/env bash
# 500 connections open at the same time, each with bytes of its own.
. "$(dirname "$0")/lib.sh"
need_topo
pipeline many '"tcp port 9001"' "$(pm_replace edit 'not in the data' 'x')" |
	box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"
both_peers "500 connections at once bring the right bytes" many $SERVER 9001 500
both_peers "and again, over IPv6" many $SERVER6 9001 500
at_least "$(counter flows_opened)" 1000 "every connection was a flow"
is "$(counter flows_evicted)" 0 "none was removed for want of room"
stop_box
finish
