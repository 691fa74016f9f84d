#!/usr/bin/env bash
# With FlowOS stopped, and stopped and started again, the bridge carries everything.
. "$(dirname "$0")/lib.sh"
need_topo
serve_needles 20000
pipeline web '"tcp port 80"' "$(pm_replace web needle haystack)" | box_config "$NET_TMP/box.yaml"

without_box() { # when
	fetch "http://$SERVER/open/page" "$NET_TMP/got"
	same_file "$NET_TMP/got" "$NET_TMP/www/page" "$1: a page comes as it is served"
	fetch "http://[$SERVER6]/page" "$NET_TMP/got"
	same_file "$NET_TMP/got" "$NET_TMP/www/page" "$1: over IPv6 too"
	check "$1: ping is answered" in_client ping -q -c 2 -W 2 $SERVER
	is "$(in_box ip -o link show | grep -c ' xdp')" 0 "$1: no XDP program on the interfaces"
	is "$(ip netns pids "$NET-box" | wc -l)" 0 "$1: no process in the box"
}

without_box "before"
for round in first second; do
	need_box "$NET_TMP/box.yaml"
	fetch "http://$SERVER/open/page" "$NET_TMP/got"
	same_file "$NET_TMP/got" "$NET_TMP/want" "$round run: the page is edited"
	stop_box "$round run: stops"
	without_box "after the $round run"
done
need_box "$NET_TMP/box.yaml"
kill -KILL "$BOX_PID"
wait "$BOX_PID" 2>/dev/null
BOX_PID=''
fetch "http://$SERVER/open/page" "$NET_TMP/got"
same_file "$NET_TMP/got" "$NET_TMP/want" "its supervisor killed, the box goes on editing"
check "flowosctl stop ends what the supervisor left" \
	in_box "$B/bin/flowosctl" stop "$NET_TMP/box.yaml"
without_box "after the stop"
finish
