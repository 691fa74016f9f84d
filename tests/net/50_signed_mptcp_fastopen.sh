#!/usr/bin/env bash
# Connections that must not be changed, or that fall back: TCP-MD5 between kernels, MPTCP stripped and
# passed, Fast Open.  Readers see the bytes of all; edits happen where nothing forbids them.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
seq -f 'line %.0f has a needle in it' 40000 >"$D/text"
sed 's/needle/haystack/' "$D/text" >"$D/edited"

box() { # extra lines of the configuration
	{
		pipeline odd '"tcp port 7000"' "$(pm_to_file digest "$D/digest")" \
			"$(pm_replace odd needle haystack)" | box_config "$D/box.yaml"
		printf '%b' "$1" >>"$D/box.yaml"
	}
	need_box "$D/box.yaml"
}

odd() { # sentence, kind of the server, kind of the client, what both are to receive
	ip netns exec "$NET-server" "$PYTHON" tests/net/odd.py server "$2" 7000 "$D/text" "$D/at-server" \
		>"$D/server.log" 2>&1 &
	local pid=$!
	wait_for 100 listens server 7000
	check "$1" in_client timeout 60 "$PYTHON" tests/net/odd.py client "$3" $SERVER 7000 \
		"$D/text" "$D/at-client"
	[ -n "$4" ] || { kill $pid; wait $pid 2>/dev/null; return; }
	wait $pid
	is $? 0 "$1: the server is content"
	same_file "$D/at-server" "$4" "$1: bytes at the server"
	same_file "$D/at-client" "$4" "$1: bytes at the client"
}

box ''
odd "plain" plain plain "$D/edited"
if in_client "$PYTHON" -c '
import sys; sys.path.insert(0, "tests/net"); import odd
odd.sign(odd.make("md5"), "10.77.0.1", b"x")' 2>/dev/null; then
	odd "TCP-MD5" md5 md5 "$D/text"
	is "$(counter flows_signed)" 1 "counted as signed"
	odd "TCP-MD5, another key: no connection" md5 wrong ''
else
	skip "this kernel has no TCP-MD5"
fi

for ns in client server; do
	ip netns exec "$NET-$ns" sysctl -q -w net.ipv4.tcp_fastopen=3
done
odd "Fast Open, the first time" fastopen fastopen "$D/edited"
odd "Fast Open, again" fastopen fastopen "$D/edited"
at_least "$(counter tfo_stripped)" 2 "its option was taken out of the SYNs"

mptcp=0
for ns in client server; do
	ip netns exec "$NET-$ns" sysctl -q -w net.mptcp.enabled=1 2>/dev/null || mptcp=1
done
if [ $mptcp = 0 ]; then
	odd "MPTCP, stripped" mptcp mptcp "$D/edited"
	at_least "$(counter mptcp_stripped)" 1 "its options were taken out of the SYN"
	is "$(counter flows_mptcp)" 0 "and none passed as such"
fi
stop_box

if [ $mptcp = 0 ]; then
	rm -f "$D/digest"
	box 'tcp: { mptcp: pass }\n'
	odd "MPTCP, passed" mptcp mptcp "$D/text"
	is "$(counter flows_mptcp)" 1 "counted as MPTCP"
	is "$(counter edits_applied)" 0 "not edited"
	odd "plain TCP beside it" plain plain "$D/edited"
	stop_box
	check "the reader saw the MPTCP connection's bytes" grep -q "$(sha "$D/text")" "$D/digest"
else
	skip "this kernel has no MPTCP"
fi
finish
