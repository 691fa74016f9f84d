#!/usr/bin/env bash
# UDP and ping go through the pipeline, not around it: the count module reports both.
. "$(dirname "$0")/lib.sh"
need_topo
OUT=$NET_TMP/count.tsv
pipeline rest '"udp port 9003 or icmp or icmp6"' "$(pm_to_file count "$OUT")" |
	box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"

in_server "$PYTHON" tests/net/peer.py udp-server 9003 >"$NET_TMP/udp" &
wait_for 100 grep -q ready "$NET_TMP/udp"
check "100 datagrams come back" in_client "$PYTHON" tests/net/peer.py udp-client $SERVER 9003 100
check "50 datagrams come back over IPv6" \
	in_client "$PYTHON" tests/net/peer.py udp-client $SERVER6 9003 50
check "20 pings are answered" in_client ping -q -c 20 -i 0.02 -W 2 $SERVER
check "20 pings are answered over IPv6" in_client ping -6 -q -c 20 -i 0.02 -W 2 $SERVER6
check "a datagram in fragments comes back" in_client ping -q -c 2 -W 2 -s 4000 $SERVER
at_least "$(counter fragments_in)" 6 "fragments were received"
stop_box

# Lines of count: src sport dst dport protocol packets bytes.
counted() { # address of one end, protocol
	awk -F'\t' -v a="$1" -v p="$2" '$5 == p && ($1 == a || $3 == a) { n += $6 } END { print n + 0 }' \
		"$OUT"
}
is "$(counted $SERVER udp)" 200 "count saw 200 UDP packets, both directions"
is "$(counted $SERVER6 udp)" 100 "count saw 100 UDP packets over IPv6"
at_least "$(counted $SERVER icmp)" 40 "count saw the pings"
at_least "$(counted $SERVER6 icmp6)" 40 "count saw the pings over IPv6"
finish
