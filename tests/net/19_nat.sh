#!/usr/bin/env bash
# nat: the server sees the translated address, both directions flow, ports are used again after
# close, pings and ICMP errors are translated, the box answers ARP and ND for its addresses, a static
# rule lets connections in, and killing the module breaks nothing.
. "$(dirname "$0")/lib.sh"
need_topo
OUTSIDE=10.77.0.100 OUTSIDE6=fd77::100
PM="{ pm: nat, file: $B/pms/nat.so, options: { pool: $OUTSIDE, pool6: \"$OUTSIDE6\",
          ports: 40000-40007, dnat: \"$OUTSIDE:8080=$CLIENT:9006\" } }"
MATCH="tcp portrange 9004-9006 or tcp port 8080 or udp port 9003 or udp port 9007 or icmp or icmp6"
pipeline nat "\"$MATCH\"" "$PM" | box_config "$NET_TMP/box.yaml"
printf 'limits:\n  closing: 1s\n' >>"$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"
in_server "$PYTHON" tests/net/peer.py who-server 9004 &
in_client "$PYTHON" tests/net/peer.py who-server 9006 &
in_server "$PYTHON" tests/net/peer.py udp-server 9003 >"$NET_TMP/udp" &
wait_for 100 listens server 9004
wait_for 100 listens client 9006
wait_for 100 grep -q ready "$NET_TMP/udp"

who() { in_client "$PYTHON" tests/net/peer.py who-client "$@" 2>/dev/null; } # address port [n]
in_pool() { [ "${1#* }" -ge 40000 ] && [ "${1#* }" -le 40007 ]; }

seen=$(who $SERVER 9004)
is "${seen% *}" $OUTSIDE "the server sees the outside address"
check "with a port of the pool (got ${seen#* })" in_pool "$seen"
seen=$(who $SERVER6 9004)
is "${seen% *}" $OUTSIDE6 "over IPv6 too"
check "with a port of the pool over IPv6 (got ${seen#* })" in_pool "$seen"

got=0
for _ in $(seq 20); do
	wait_for 50 who $SERVER 9004 && got=$((got + 1))
done
is $got 20 "20 connections, one after another, share 8 ports: they are used again after close"

# A datagram for which no port is left is lost, so let those of the closed connections come back.
no_tcp() { ! in_box "$B/bin/flowosctl" get flows "$BOX_CONFIG" | grep -q '^tcp'; }
check "closed connections are gone after limits.closing" wait_for 100 no_tcp
check "UDP flows both ways" in_client "$PYTHON" tests/net/peer.py udp-client $SERVER 9003 20
check "get flows says that nat need not see more of a flow" bash -c \
	"ip netns exec $NET-box '$B/bin/flowosctl' get flows '$BOX_CONFIG' | grep -q '^udp .* nat:bypassed'"
both_bulk "through nat" $SERVER 9005 20

# Source and identifier of the first echo request that a raw socket at the server sees.
pinged() { # AF_INET|AF_INET6
	"$PYTHON" - "$1" <<-'END'
		import socket, sys
		six = sys.argv[1] == "AF_INET6"
		s = socket.socket(getattr(socket, sys.argv[1]), socket.SOCK_RAW,
		                  socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
		s.settimeout(20)
		print("ready", flush=True)
		kind = 0
		while kind != (128 if six else 8):
		    data, peer = s.recvfrom(2000)
		    data = data if six else data[20:]
		    kind = data[0]
		print(peer[0], int.from_bytes(data[4:6], "big"))
	END
}

ping_seen() { # AF_INET|AF_INET6, server's address, outside address
	: >"$NET_TMP/pinged"
	in_server bash -c "$(declare -f pinged); PYTHON=$PYTHON pinged $1" >"$NET_TMP/pinged" &
	wait_for 100 grep -q ready "$NET_TMP/pinged"
	check "a ping is answered ($1)" in_client ping -q -c 3 -i 0.2 -W 5 "$2"
	wait_for 100 grep -q ' ' "$NET_TMP/pinged"
	seen=$(tail -n 1 "$NET_TMP/pinged")
	is "${seen% *}" "$3" "the server was pinged by the outside address ($1)"
	check "with an identifier of the pool (got ${seen#* })" in_pool "$seen"
}
ping_seen AF_INET $SERVER $OUTSIDE
ping_seen AF_INET6 $SERVER6 $OUTSIDE6

refused() { # address: a datagram to a closed port comes back as an error of this very socket
	in_client "$PYTHON" - "$1" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET,
		                  socket.SOCK_DGRAM)
		s.settimeout(5)
		s.connect((sys.argv[1], 9007))
		s.send(b"x")
		try:
		    s.recv(1)
		except ConnectionRefusedError:
		    sys.exit(0)
		sys.exit("no error came back")
	END
}
check "an ICMP error finds the socket that it is about" refused $SERVER
check "over IPv6 too" refused $SERVER6

pm_kill nat 5 0.3 &
killer=$!
both_bulk "while the module is killed again and again" $SERVER 9005 60
wait $killer
is $? 0 "it was killed 5 times"
seen=$(who $SERVER 9004)
is "${seen% *}" $OUTSIDE "and translates new connections as before"

in_server ip neigh flush dev eth0
seen=$(in_server "$PYTHON" tests/net/peer.py who-client $OUTSIDE 8080 2>/dev/null)
is "${seen% *}" $SERVER "a static rule lets a connection in, its source unchanged"
check "the box answers ARP for its address" \
	bash -c "ip -n $NET-server neigh show $OUTSIDE | grep -q lladdr"
who $SERVER6 9004 >/dev/null
check "and ND" bash -c "ip -n $NET-server -6 neigh show $OUTSIDE6 | grep -q lladdr"
at_least "$(counter arp_answered)" 2 "and counts the answers"
stop_box
finish
