#!/usr/bin/env bash
# Two lanes, each with its own classifier, module and egress: the addresses of a connection decide
# which one takes both its directions, by whatever queue its packets come.
. "$(dirname "$0")/lib.sh"
NET_QUEUES=2
need_topo
for i in $(seq 100 131); do
	ip -n "$NET-client" addr add "10.77.0.$i/24" dev eth0
	ip -n "$NET-client" -6 addr add "fd77::$i/64" dev eth0 nodad
done

# One datagram from each of the client's addresses: `big` ones come back, those to a closed port do not.
from_all_addresses() { # big|refused, port
	in_client "$PYTHON" - "$@" <<-'END'
		import socket, sys
		what, port = sys.argv[1], int(sys.argv[2])
		data = bytes(range(250)) * 16
		for i in range(100, 132):
		    for family, near, far in ((socket.AF_INET, "10.77.0.%d", "10.77.0.1"),
		                              (socket.AF_INET6, "fd77::%d", "fd77::1")):
		        s = socket.socket(family, socket.SOCK_DGRAM)
		        s.bind((near % i, 0))
		        s.settimeout(2)
		        s.connect((far, port))
		        good = None
		        for _ in range(10): # a kernel limits how many errors it tells
		            try:
		                s.send(data if what == "big" else b"anybody?")
		                good = s.recv(65536) == data and what == "big"
		            except ConnectionRefusedError:
		                good = what == "refused"
		            except TimeoutError:
		                continue
		            break
		        if not good:
		            sys.exit("not from " + near % i)
	END
}

pipeline edit '"tcp portrange 9000-9002"' \
	"$(pm_replace edit needle haystack 'hold: { bytes: 64K, time: 60s }')" |
	box_config "$NET_TMP/box.yaml"
pipeline datagrams '"udp or icmp"' "$(pm_to_file count "$NET_TMP/count.tsv")" >>"$NET_TMP/box.yaml"
sed -i 's/^box:/&\n  lanes: 2/' "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"

both_peers "100 connections, edited both ways" swap $SERVER 9001 100 needle haystack
both_peers "and again, over IPv6" swap $SERVER6 9002 100 needle haystack
both_bulk "one connection" $SERVER 9000 50
pm_kill pm.edit.0 4 0.2 &
KILL0=$!
pm_kill pm.edit.1 4 0.2 &
KILL1=$!
both_peers "while the modules of both lanes are killed" swap $SERVER 9001 200 needle haystack
wait $KILL0
ok $? "the module of lane 0 was killed four times"
wait $KILL1
ok $? "the module of lane 1 was killed four times"
for lane in 0 1; do
	at_least "$(counter_of "classifier.$lane" flows_opened)" 20 "lane $lane opened connections"
	at_least "$(counter_of "egress.$lane" edits_applied)" 760 "lane $lane edited them"
done
is "$(counter flows_opened)" 401 "each connection was in one lane"
OPENED=("$(counter_of classifier.0 flows_opened)" "$(counter_of classifier.1 flows_opened)")
# Fragments carry no ports, and an ICMP error comes from whoever noticed: addresses decide for both, those
# of the packet that is quoted.
in_server "$PYTHON" tests/net/peer.py udp-server 9003 >"$NET_TMP/udp" &
wait_for 100 grep -q ready "$NET_TMP/udp"
check "datagrams of 4,000 bytes from 32 addresses come back, in fragments both ways" \
	from_all_addresses big 9003
check "a closed port is told to each of them by an ICMP error" from_all_addresses refused 9013
for lane in 0 1; do
	at_least "$(counter_of "classifier.$lane" flows_opened)" $((OPENED[lane] + 8)) \
		"lane $lane has some of them"
done
is "$(counter drop_fragment_overlap) $(counter drop_fragment_timeout) $(counter drop_icmp_quote)" \
	'0 0 0' "no fragment and no quote went to the wrong lane"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
