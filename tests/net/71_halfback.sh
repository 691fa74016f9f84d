#!/usr/bin/env bash
# halfback: the last segment of a short answer is lost behind the box, and its sender, whose timer is set
# to seconds, need not send it again: the box has.  Edited bytes come as edited, a longer flow is left to
# its sender, which must, and a module that was killed goes on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/impair.sh"
need_bad_wires
D=$NET_TMP
LAST=500 # bytes of the last segment, a size that no other one has

# Six full segments with timestamps, and the last one.
answer() { # file, words of the last segment
	{
		head -c $((6 * 1448)) /dev/zero | tr '\0' 'x'
		printf "%-${LAST}s" "$2"
	} >"$1"
}
answer "$D/plain" "no needles here"
answer "$D/needle" "a needle in the last segment"
sed 's/needle/haystack/' "$D/needle" >"$D/hay"

{
	halfback="{ pm: NAME, file: $B/pms/halfback.so, options: { SIZE } }"
	h1=${halfback/NAME/half} h2=${halfback/NAME/half2} h3=${halfback/NAME/half3}
	pipeline short '"tcp port 9001"' "${h1/SIZE/}"
	pipeline edit '"tcp port 9002"' "${h2/SIZE/}" "$(pm_replace swap needle haystack)"
	pipeline long '"tcp port 9003"' "${h3/SIZE/bytes: 4K}"
} | box_config "$D/box.yaml"
need_box "$D/box.yaml"

# A timer that nobody waits for, and no probe of the tail before it (RFC 8985 section 7).
check "the server's timer is set to seconds" ip -n "$NET-server" route replace 10.77.0.0/24 dev eth0 \
	proto kernel scope link src "$SERVER" rto_min 4s
in_server sysctl -q -w net.ipv4.tcp_early_retrans=0

dsacks() { # that the server has received
	in_server awk '/^TcpExt:/ && !names { for (i = 1; i <= NF; i++) at[$i] = i; names = 1; next }
		/^TcpExt:/ { print $at["TCPDSACKRecv"] + $at["TCPDSACKOfoRecv"] }' /proc/net/netstat
}
resent() { in_server awk '/^Tcp: [0-9]/ { print $13 }' /proc/net/snmp; }

# A file at once to who connects, while the first segment of N bytes is lost between box and client.
lossy() { # port, file, N, file wanted, sentence
	local pid
	wire lan delay=10000 "ba:once=$3"
	in_server "$PYTHON" - "$1" "$2" <<-'END' &
		import socket, sys
		with socket.create_server(("", int(sys.argv[1]))) as s:
		    c = s.accept()[0]
		    c.recv(1)
		    c.sendall(open(sys.argv[2], "rb").read())
		    c.shutdown(socket.SHUT_WR)
		    c.recv(1)
	END
	pid=$!
	wait_for 100 listens server "$1"
	BEFORE=$(resent) AHEAD=$(counter resent_ahead)
	in_client "$PYTHON" - "$SERVER" "$1" >"$D/got" <<-'END'
		import socket, sys
		with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as c:
		    c.sendall(b"?")
		    while data := c.recv(65536):
		        sys.stdout.buffer.write(data)
	END
	wait $pid
	RESENT=$(($(resent) - BEFORE)) AHEAD=$(($(counter resent_ahead) - AHEAD))
	unwire lan
	is "$(did lan ba once)" 1 "$5: the last segment was lost"
	same_file "$D/got" "$4" "$5: the bytes are exact"
}

lossy 9001 "$D/plain" $LAST "$D/plain" "a short answer"
at_least "$AHEAD" 1 "the box sent it ahead"
is "$RESENT" 0 "its sender sent nothing again"
lossy 9002 "$D/needle" $((LAST + 2)) "$D/hay" "an edited one"
at_least "$AHEAD" 1 "the box sent it ahead, as it was edited"
is "$RESENT" 0 "its sender sent nothing again"
lossy 9003 "$D/plain" $LAST "$D/plain" "one longer than \`bytes\`"
is "$AHEAD" 0 "the box sent nothing ahead"
at_least "$RESENT" 1 "its sender had to"
check "the module is killed" pm_kill half 1 0
lossy 9001 "$D/plain" $LAST "$D/plain" "an answer after that"
at_least "$AHEAD" 1 "the box sent it ahead"
is "$RESENT" 0 "its sender sent nothing again"
is "$(dsacks)" 0 "the sender has not heard of anything that came twice"
is "$(counter pm_rules_broken)" 0 "no value of a PM was refused"
wire lan
box_is_well
stop_box
finish
