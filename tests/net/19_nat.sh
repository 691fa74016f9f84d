#!/usr/bin/env bash
# nat: the server sees the translated address, both directions flow, ports are used again after
# close, the box answers ARP and ND for its addresses, a static rule lets connections in.
. "$(dirname "$0")/lib.sh"
need_topo
OUTSIDE=10.77.0.100 OUTSIDE6=fd77::100
PM="{ pm: nat, file: $B/pms/nat.so, options: { pool: $OUTSIDE, pool6: \"$OUTSIDE6\",
          ports: 40000-40003, dnat: \"$OUTSIDE:8080=$CLIENT:9006\" } }"
pipeline nat '"(tcp port 9004 or tcp port 9005 or tcp port 9006 or tcp port 8080 or udp port 9003)"' \
	"$PM" | box_config "$NET_TMP/box.yaml"
printf 'limits:\n  closing: 1s\n' >>"$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"
in_server "$PYTHON" tests/net/peer.py who-server 9004 &
in_client "$PYTHON" tests/net/peer.py who-server 9006 &
in_server "$PYTHON" tests/net/peer.py udp-server 9003 >"$NET_TMP/udp" &
wait_for 100 listens server 9004
wait_for 100 listens client 9006
wait_for 100 grep -q ready "$NET_TMP/udp"

who() { in_client "$PYTHON" tests/net/peer.py who-client "$@" 2>/dev/null; } # address port [n]
in_pool() { [ "${1#* }" -ge 40000 ] && [ "${1#* }" -le 40003 ]; }

seen=$(who $SERVER 9004)
is "${seen% *}" $OUTSIDE "the server sees the outside address"
check "with a port of the pool (got ${seen#* })" in_pool "$seen"
seen=$(who $SERVER6 9004)
is "${seen% *}" $OUTSIDE6 "over IPv6 too"
check "with a port of the pool over IPv6 (got ${seen#* })" in_pool "$seen"

got=0
for _ in $(seq 12); do
	wait_for 50 who $SERVER 9004 && got=$((got + 1))
done
is $got 12 "12 connections, one after another, share 4 ports: they are used again after close"

check "UDP flows both ways" in_client "$PYTHON" tests/net/peer.py udp-client $SERVER 9003 20
both_bulk "through nat" $SERVER 9005 20

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
