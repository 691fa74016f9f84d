#!/usr/bin/env bash
# Connections of which only one direction passes the box (the answers take another way), and those that
# began before the box did: passed, or processed as far as that is safe.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
seq -f 'line %.0f has a needle in it' 100000 >"$D/text"
sed 's/needle/haystack/' "$D/text" >"$D/edited"
echo done >"$D/short"

box() { # pickup
	rm -f "$D/digest"
	pipeline odd '"tcp port 7000"' "$(pm_to_file digest "$D/digest")" \
		"$(pm_replace odd needle haystack)" | box_config "$D/box.yaml"
	sed -i "s/^box:/&\n  pickup: $1/" "$D/box.yaml"
	need_box "$D/box.yaml"
}

upload() { # sentence, what the server is to receive
	in_server "$PYTHON" tests/net/odd.py server plain 7000 "$D/short" "$D/at-server" &
	local pid=$!
	wait_for 100 listens server 7000
	check "$1: sent" in_client "$PYTHON" tests/net/odd.py client plain $SERVER 7000 "$D/text" \
		"$D/at-client"
	wait $pid
	same_file "$D/at-server" "$2" "$1: bytes at the server"
	same_file "$D/at-client" "$D/short" "$1: bytes at the client"
}

# ---- a second link, which the answers take -----------------------------------------------------

need "a way around the box" ip -n "$NET-client" link add alt0 type veth peer name alt0 \
	netns "$NET-server"
for ns in client server; do
	ip netns exec "$NET-$ns" sysctl -q -w net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.alt0.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
	ip -n "$NET-$ns" link set alt0 up
done
ip -n "$NET-server" route add $CLIENT/32 dev alt0 src $SERVER

box pass
upload "one way, pass" "$D/text"
at_least "$(counter packets_one_way)" 10 "counted"
is "$(counter edits_applied)" 0 "nothing was edited"
stop_box
box process
upload "one way, process" "$D/text"
is "$(counter flows_one_way)" 1 "counted"
is "$(counter edits_applied)" 0 "nothing was edited"
stop_box
check "the reader saw all bytes" grep -q "$(sha "$D/text")" "$D/digest"
ip -n "$NET-server" route del $CLIENT/32 dev alt0

# ---- begun before the box ----------------------------------------------------------------------

midstream() { # pickup, sentence
	in_server "$PYTHON" tests/net/odd.py server plain 7000 "$D/short" "$D/at-server" &
	local pid=$! client
	wait_for 100 listens server 7000
	rm -f "$D/at-server" "$D/runs"
	in_client "$PYTHON" tests/net/odd.py drip-client $SERVER 7000 "$D/text" "$D/runs" &
	client=$!
	wait_for 100 test -s "$D/at-server"
	box "$1"
	touch "$D/runs"
	wait $client
	is $? 0 "$2: the client ends well"
	wait $pid
	is "$(sed 's/haystack/needle/' "$D/at-server" | sha)" "$(sha "$D/text")" \
		"$2: no byte lost, none twice"
}

midstream pass "mid-stream, pass"
same_file "$D/at-server" "$D/text" "mid-stream, pass: nothing was edited"
at_least "$(counter packets_midstream)" 10 "counted"
stop_box
midstream process "mid-stream, process"
check "the beginning passed as it was" grep -q '^line 1 has a needle' "$D/at-server"
check "the end was edited" grep -q '^line 100000 has a haystack' "$D/at-server"
is "$(counter flows_picked_up)" 1 "counted"
upload "a connection that began after it" "$D/edited"
# Edits under way that nobody will ever acknowledge are not to take the room that others need.
yes needle | head -n 1000000 >"$D/dense"
for _ in 1 2 3; do
	in_server "$PYTHON" tests/net/odd.py server plain 7000 "$D/short" "$D/at-server" 2>/dev/null &
	server=$!
	wait_for 100 listens server 7000
	in_client "$PYTHON" tests/net/odd.py reset-client $SERVER 7000 "$D/dense"
	wait $server
done
upload "a connection after three that were reset in the middle" "$D/edited"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
