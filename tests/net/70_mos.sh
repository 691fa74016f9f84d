#!/usr/bin/env bash
# A program written for mOS (tests/mos/change.c) between real kernels: it translates addresses both ways,
# and so does its successor when it is killed; it drops first packets; a reader leaves connections alone.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
export PKG_CONFIG_PATH=$B/pkgconfig
build() { # program
	# shellcheck disable=SC2046 # words
	${CC:-cc} -O1 $(pkg-config --cflags flowos-mos) -o "$D/$1" "tests/mos/$1.c" \
		$(pkg-config --libs flowos-mos) -lcrypto
}
need "programs build" eval "build change && build tell"
printf 'mos {\n\tforward = 1\n\tnetdev {\n\t\tdpdk0 0x0001\n\t}\n}\n' >"$D/mos.conf"
OUTSIDE=10.77.0.101
{
	pipeline nat '"tcp portrange 9020-9021"' \
		"{ pm: nat, file: $D/change, options: { args: [$D/mos.conf, nat, $OUTSIDE] } }"
	pipeline wall '"tcp port 9022"' \
		"{ pm: wall, file: $D/change, options: { args: [$D/mos.conf, drop, 9022] } }"
	pipeline watch '"tcp port 9023"' \
		"{ pm: watch, file: $D/tell, options: { args: [$D/mos.conf, streams] } }"
} | box_config "$D/box.yaml"
need_box "$D/box.yaml"
for port in 9020 9022 9023; do in_server "$PYTHON" tests/net/peer.py who-server $port & done
for port in 9020 9022 9023; do wait_for 100 listens server $port; done

who() { in_client "$PYTHON" tests/net/peer.py who-client $SERVER "$1" 2>/dev/null; }
seen=$(who 9020)
is "${seen% *}" "$OUTSIDE" "the server sees the address that the program has set"
at_least "${seen#* }" 40000 "and the port"
check "the box answers ARP for that address" \
	bash -c "ip -n $NET-server neigh show $OUTSIDE | grep -q lladdr"
both_bulk "through the program" $SERVER 9021 8
check "the program is killed" pm_kill nat 1 0
wait_for 100 pm_pid nat >/dev/null
seen=$(who 9020)
is "${seen% *}" "$OUTSIDE" "and its successor translates connections as before"
is "$(in_client timeout 1 bash -c "echo >/dev/tcp/$SERVER/9022" 2>/dev/null; echo $?)" 124 \
	"a connection whose first packet is dropped hears nothing"
is "$(who 9023 | cut -d' ' -f1)" "$CLIENT" "one that is only watched is as it was"
stop_box
finish
