#!/usr/bin/env bash
# firewall: what is allowed passes in both directions, a refused TCP connection is answered at once, or
# not at all, as the rule says; UDP and pings; over IPv6 too; and a killed module changes nothing.
. "$(dirname "$0")/lib.sh"
need_topo
OUT=$NET_TMP/firewall.tsv
{
	echo "# rules of a file"
	echo "drop tcp to $SERVER port 9013"
	echo "drop udp to any port 9003"
	echo "allow icmp to $SERVER"
	echo "drop icmp"
	echo "allow"
} >"$NET_TMP/rules.txt"
PM="{ pm: firewall, file: $B/pms/firewall.so, options: { file: $OUT, list: $NET_TMP/rules.txt,
          rules: [ 'deny tcp to any port 9012', 'allow tcp to any port 9011' ] } }"
pipeline wall '"tcp portrange 9011-9013 or udp port 9003 or icmp or icmp6"' "$PM" |
	box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"

both_bulk "an allowed port" $SERVER 9011 5
in_server "$PYTHON" tests/net/peer.py who-server 9012 &
in_server "$PYTHON" tests/net/peer.py who-server 9013 &
wait_for 100 listens server 9012
wait_for 100 listens server 9013

# refused, silent, or connected
knock() { # address port [seconds until it is called silent]
	in_client "$PYTHON" - "$1" "$2" "${3:-60}" <<-'END'
		import socket, sys
		try:
		    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=int(sys.argv[3]))
		    print("connected")
		except ConnectionRefusedError:
		    print("refused")
		except socket.timeout:
		    print("silent")
	END
}
is "$(knock $SERVER 9012)" refused "one that is denied is refused at once, though the server listens"
is "$(knock $SERVER6 9012)" refused "over IPv6 too"
is "$(knock $SERVER 9013 3)" silent "one that is dropped hears nothing"
pm_kill firewall 2 0.2
is "$(knock $SERVER 9012)" refused "a killed module refuses as before"
is "$(knock $SERVER6 9013)" connected "a rule about an IPv4 address lets IPv6 through"
check "ping is allowed" in_client ping -q -c 2 -i 0.1 -W 5 $SERVER
check "and over IPv6 it is not" bash -c "! ip netns exec $NET-client ping -6 -q -c 2 -i 0.1 -W 1 $SERVER6"
at_least "$(counter rsts_made)" 3 "resets are counted"
stop_box
is "$(grep -c '^deny' "$OUT")" 3 "a line for each refused connection"
at_least "$(awk '$1 == "hits" && $2 == 3 { print $3 }' "$OUT")" 1 "hits of the rule that drops"
is "$(awk '$1 == "hits" && $2 == 2 { print $3 }' "$OUT")" 1 "hits of the rule that allows"
finish
