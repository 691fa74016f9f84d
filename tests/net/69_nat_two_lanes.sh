#!/usr/bin/env bash
# nat and balance on two lanes: the address of the outer end alone chooses the lane, so answers to an
# address that the box made up find the lane that knows why; fragments and quoted packets too.
. "$(dirname "$0")/lib.sh"
NET_QUEUES=2
need_topo
OUTSIDE=10.77.0.100 OUTSIDE6=fd77::100 SERVICE=10.77.0.99
for i in $(seq 200 215); do
	ip -n "$NET-server" addr add "10.77.0.$i/24" dev eth0
	ip -n "$NET-server" -6 addr add "fd77::$i/64" dev eth0 nodad
done
two_lanes() { # file: two lanes, and lan is inside where the second argument says so
	sed -i 's/^box:/&\n  lanes: 2/' "$1"
	[ "${2:-}" != inside ] || sed -i 's/nic: lan/&, inside: yes/' "$1"
}
NAT="{ pm: nat, file: $B/pms/nat.so, options: {
          pool: $OUTSIDE, pool6: \"$OUTSIDE6\", inside: lan,
          ports: 40000-40999, dnat: \"$OUTSIDE:8080=$CLIENT:9006\" } }"
MAC=$(in_client cat /sys/class/net/eth0/address)
BALANCE="{ pm: balance, file: $B/pms/balance.so, options: {
          service: \"$SERVICE:80\", inside: lan, servers: [\"$CLIENT:9006 mac $MAC\"] } }"
configs() {
	pipeline balance "\"host $SERVICE or tcp port 9006\"" "$BALANCE" | box_config "$1"
	pipeline nat '"tcp port 9004 or tcp port 8080 or udp portrange 9003-9013 or icmp or icmp6"' \
		"$NAT" >>"$1"
	printf 'limits:\n  closing: 1s\n' >>"$1"
	two_lanes "$1" "${2:-}"
}
configs "$NET_TMP/pair.yaml"
refused=1
box_start "$NET_TMP/pair.yaml" 2>"$NET_TMP/start.err" || refused=0
ok $refused "two lanes and nothing inside: the modules do not start"
check "one says what to do" grep -q 'nat.*must say .inside: yes' "$NET_TMP/start.err"
configs "$NET_TMP/box.yaml" inside
need_box "$NET_TMP/box.yaml"
in_server "$PYTHON" tests/net/peer.py who-server 9004 &
in_client "$PYTHON" tests/net/peer.py who-server 9006 &
# each answers from the address that it was asked at
in_server "$PYTHON" - >"$NET_TMP/udp" <<-'END' &
	import select, socket
	socks = []
	for i in range(200, 216):
	    for family, outer in ((socket.AF_INET, "10.77.0.%d"), (socket.AF_INET6, "fd77::%d")):
	        s = socket.socket(family, socket.SOCK_DGRAM)
	        s.bind((outer % i, 9003))
	        socks.append(s)
	print("ready", flush=True)
	while True:
	    for s in select.select(socks, [], [])[0]:
	        s.sendto(*s.recvfrom(65536))
END
wait_for 100 listens server 9004
wait_for 100 listens client 9006
wait_for 100 grep -q ready "$NET_TMP/udp"

# Over both IP versions, between the given end and each of the server's addresses.
each() { # end, tcp|in|big|refused, port, [addresses as which one is seen, or which one asks]
	local end=$1
	shift
	"in_$end" "$PYTHON" - "$@" <<-'END'
		import socket, sys
		what, port, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
		data = bytes(range(250)) * 16

		def ask(outer, six):
		    family = socket.AF_INET6 if six else socket.AF_INET
		    if what in ("tcp", "in"):
		        s = socket.socket(family, socket.SOCK_STREAM)
		        s.settimeout(100)
		        if what == "in":
		            s.bind((outer, 0))
		        s.connect((names[0] if what == "in" else outer, port))
		        seen = s.makefile().read().split()[0]
		        return seen == (outer if what == "in" else names[six])
		    s = socket.socket(family, socket.SOCK_DGRAM)
		    s.settimeout(2)
		    s.connect((outer, port))
		    for _ in range(10): # a kernel limits how many errors it tells
		        try:
		            s.send(data if what == "big" else b"anybody?")
		            return s.recv(65536) == data and what == "big"
		        except ConnectionRefusedError:
		            return what == "refused"
		        except TimeoutError:
		            continue
		    return False

		for i in range(200, 216):
		    for six in (0, 1) if what != "in" else (0,):
		        outer = ("fd77::%d" if six else "10.77.0.%d") % i
		        if not ask(outer, six):
		            sys.exit("not with " + outer)
	END
}
check "each of the server's addresses sees the outside address" \
	each client tcp 9004 $OUTSIDE $OUTSIDE6
check "datagrams of 4,000 bytes come back from each, in fragments both ways" \
	each client big 9003
check "a closed port of each is told by an ICMP error" \
	each client refused 9013
check "a static rule lets connections in from each" \
	each server in 8080 $OUTSIDE
check "a balanced service answers each" \
	each server in 80 $SERVICE
for i in 200 207 215; do
	check "a ping of 10.77.0.$i is answered" in_client ping -q -c 2 -i 0.2 -W 5 10.77.0.$i
done
for lane in 0 1; do
	at_least "$(counter_of "classifier.$lane" flows_opened)" 10 "lane $lane has some of them"
done
pm_kill pm.nat.0 3 0.2 &
KILL0=$!
pm_kill pm.nat.1 3 0.2 &
KILL1=$!
check "and again, while the modules of both lanes are killed" \
	each client tcp 9004 $OUTSIDE $OUTSIDE6
wait $KILL0 && wait $KILL1
ok $? "each was killed three times"
is "$(counter drop_fragment_overlap) $(counter drop_fragment_timeout) $(counter drop_icmp_quote)" \
	'0 0 0' "no fragment and no quote went to the wrong lane"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
