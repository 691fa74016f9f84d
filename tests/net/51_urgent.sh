#!/usr/bin/env bash
# Urgent data between kernels while bytes before it are edited: in line by default, out of band and at
# its place with `tcp: { urgent: translate }`.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP

urgent() { # sentence, what the server is to see: in line, newline, out of band
	in_server "$PYTHON" tests/net/odd.py urgent-server 7000 "$D/got" &
	local pid=$!
	wait_for 100 listens server 7000
	check "$1: sent" in_client "$PYTHON" tests/net/odd.py urgent-client $SERVER 7000
	wait $pid
	is "$(cat "$D/got")" "$2" "$1"
}

urgent "without the box" "$(printf 'a needle,  and a needle\n!')"
for how in clear translate; do
	pipeline odd '"tcp port 7000"' "$(pm_replace odd needle pin)" | box_config "$D/box.yaml"
	echo "tcp: { urgent: $how }" >>"$D/box.yaml"
	need_box "$D/box.yaml"
	if [ $how = clear ]; then
		urgent "cleared: a byte like any other" "a pin, ! and a pin"
	else
		urgent "translated: out of band, behind an edit" "$(printf 'a pin,  and a pin\n!')"
	fi
	stop_box
done
finish
