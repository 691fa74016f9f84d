#!/usr/bin/env bash
# halfback: the last segment of a short answer is lost behind the box, and its sender, whose timer is set
# to a minute, need not wait for it: the box has sent it again.  Edited bytes come as edited, a longer flow
# is left to its sender, and a module that was killed goes on.
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
timer() { # seconds
	ip -n "$NET-server" route replace 10.77.0.0/24 dev eth0 proto kernel scope link src "$SERVER" \
		rto_min "$1s"
}
check "the server's timer is set to a minute" timer 60
in_server sysctl -q -w net.ipv4.tcp_early_retrans=0

counted() { # names in the server's TcpExt: their sum
	in_server awk -v want="$*" '/^TcpExt:/ && !nr { nr = split($0, name) }
		/^TcpExt: [0-9]/ {
			for (i = 2; i <= nr; i++) if (index(" " want " ", " " name[i] " ")) n += $i
		}
		END { print n + 0 }' /proc/net/netstat
}
timeouts() { counted TCPTimeouts TCPLossProbes; }
dsacks() { counted TCPDSACKRecv TCPDSACKOfoRecv; }
resent() { in_server awk '/^Tcp: [0-9]/ { print $13 }' /proc/net/snmp; }

# A file at once to who connects, while the first segment of N bytes is lost between box and client.
# Nothing comes behind it, no FIN either, before the client has all: it would tell of the loss.
lossy() { # port, file, N, file wanted, sentence
	local pid
	wire lan "ba:once=$3"
	in_server "$PYTHON" - "$1" "$2" <<-'END' &
		import socket, sys
		with socket.create_server(("", int(sys.argv[1]))) as s:
		    c = s.accept()[0]
		    c.recv(1)
		    c.sendall(open(sys.argv[2], "rb").read())
		    c.recv(1)
	END
	pid=$!
	wait_for 100 listens server "$1"
	TIMEOUTS=$(timeouts) RESENT=$(resent) TWICE=$(dsacks)
	AHEAD=$(counter resent_ahead)
	in_client "$PYTHON" - "$SERVER" "$1" "$(wc -c <"$4")" >"$D/got" <<-'END'
		import socket, sys
		with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as c:
		    c.sendall(b"?")
		    got = b""
		    while len(got) < int(sys.argv[3]) and (data := c.recv(65536)):
		        got += data
		    sys.stdout.buffer.write(got)
		    c.sendall(b"!")
	END
	wait $pid
	TIMEOUTS=$(($(timeouts) - TIMEOUTS)) RESENT=$(($(resent) - RESENT)) TWICE=$(($(dsacks) - TWICE))
	AHEAD=$(($(counter resent_ahead) - AHEAD))
	unwire lan
	is "$(did lan ba once)" 1 "$5: the last segment was lost"
	same_file "$D/got" "$4" "$5: the bytes are exact"
}

# A busy machine reorders packets, for which a sender may send some again; but only its timer the last one.
unnoticed() {
	is "$TIMEOUTS" 0 "its sender's timer did not run out"
	at_least "$RESENT" "$TWICE" "it heard of nothing that came twice but what it had sent twice"
}

lossy 9001 "$D/plain" $LAST "$D/plain" "a short answer"
at_least "$AHEAD" 1 "the box sent it ahead"
unnoticed
lossy 9002 "$D/needle" $((LAST + 2)) "$D/hay" "an edited one"
at_least "$AHEAD" 1 "the box sent it ahead, as it was edited"
unnoticed
timer 1
lossy 9003 "$D/plain" $LAST "$D/plain" "one longer than \`bytes\`"
is "$AHEAD" 0 "the box sent nothing ahead"
at_least "$TIMEOUTS" 1 "its sender's timer had to run out"
timer 60
check "the module is killed" pm_kill half 1 0
lossy 9001 "$D/plain" $LAST "$D/plain" "an answer after that"
at_least "$AHEAD" 1 "the box sent it ahead"
unnoticed
is "$(counter pm_rules_broken)" 0 "no value of a PM was refused"
wire lan
box_is_well
stop_box
finish
