#!/usr/bin/env bash
# 200 MB each way at once, in one connection, through an editing module that finds nothing.
. "$(dirname "$0")/lib.sh"
need_topo
pipeline bulk '"tcp port 9000"' "$(pm_replace edit 'not in the data' 'x')" |
	box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"
both_bulk "through the box" $SERVER 9000 200
at_least "$(counter rx_bytes)" 400000000 "the bytes went through the pipeline"
stop_box
finish
