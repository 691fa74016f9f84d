#!/usr/bin/env bash
# A server that keeps nothing of a SYN (SYN cookies): it remembers the connection by what comes back in
# the third packet, and repeats no answer.  Edited both ways, also when the third packet is the first
# with data, so that the box makes it.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
seq -f 'needle %.0f, and what follows it' 40000 >"$D/text"
sed 's/needle/a longer haystack/' "$D/text" >"$D/edited"
pipeline odd '"tcp port 7000"' "$(pm_replace odd needle 'a longer haystack')" | box_config "$D/box.yaml"
in_server sysctl -q -w net.ipv4.tcp_syncookies=2 2>/dev/null || skip_all "no SYN cookies here"
need_box "$D/box.yaml"

cookies() { # Sent|Recv: by the server's kernel
	in_server awk -v name="Syncookies$1" '/^TcpExt:/ {
		if (!at) { for (i = 2; i <= NF; i++) if ($i == name) at = i } else print $at }' \
		/proc/net/netstat
}

try() { # sentence, kind of client
	local pid sent recv
	sent=$(cookies Sent) recv=$(cookies Recv)
	ip netns exec "$NET-server" "$PYTHON" tests/net/odd.py server plain 7000 "$D/text" \
		"$D/at-server" >"$D/server.log" 2>&1 &
	pid=$!
	wait_for 100 listens server 7000
	check "$1: the client is content" in_client timeout 60 "$PYTHON" tests/net/odd.py client \
		"$2" $SERVER 7000 "$D/text" "$D/at-client"
	wait $pid
	is $? 0 "$1: the server is content"
	same_file "$D/at-server" "$D/edited" "$1: bytes at the server"
	same_file "$D/at-client" "$D/edited" "$1: bytes at the client"
	at_least "$(cookies Sent)" $((sent + 1)) "$1: it was a cookie"
	at_least "$(cookies Recv)" $((recv + 1)) "$1: which came back"
}

try "timestamps" plain
try "timestamps, no third packet without data" late
for ns in client server; do
	ip netns exec "$NET-$ns" sysctl -q -w net.ipv4.tcp_timestamps=0
done
try "no timestamps" plain
try "no timestamps, no third packet without data" late
is "$(counter rsts_made)" 0 "the box has reset nothing"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
