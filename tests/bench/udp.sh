#!/usr/bin/env bash
# Datagrams one way as fast as the sender can: what arrives of frames of 64 to 1500 bytes, against the
# kernel's routing without and with address translation: `nat`, `checksum` and `nat` in a row and side
# by side.  And pages through `adblock` against the kernel's routing over the number of connections.
. "$(dirname "$0")/lib.sh"
SIZES='64 512 1500'
FLOWS='1 16 64 256'
for size in $SIZES; do
	for ours in nat serial beside; do
		for peer in route masquerade; do
			compare "UDP $size bytes, $ours / kernel $peer" frames/s "udp$size/$ours" \
				"udp$size/$peer" ratio -
		done
	done
done
for n in $FLOWS; do
	compare "HTTP 100k, $n conn., adblock / kernel routing" pages/s "web$n/adblock" "web$n/route" \
		ratio -
done
NAT="{ pm: nat, file: $B/pms/nat.so, options: { pool: 10.77.0.100 } }"
SUM="{ pm: checksum, file: $B/pms/checksum.so, options: { file: $D/sums } }"
MATCH='udp or tcp'
bench_topo
make_pages
start_nginx "$D/www" || die 'nginx does not start'

bench_stages() { # variant
	case $1 in
	nat) echo "      - $NAT" ;;
	serial) printf '      - %s\n' "$SUM" "$NAT" ;;
	beside) printf '      - parallel:\n          - %s\n          - %s\n' "$SUM" "$NAT" ;;
	esac
}

masquerade() { # add|delete
	if [ "$1" = add ]; then
		in_box nft "add table ip bench
			add chain ip bench post { type nat hook postrouting priority 100; }
			add rule ip bench post oifname wan udp dport 9009 snat to 10.77.0.100"
	else
		in_box nft 'delete table ip bench'
	fi
}

frames() { # size
	local sink
	in_server "$B/bench/udp" sink 9009 "$BENCH_S" >"$D/sink" &
	sink=$!
	in_client "$B/bench/udp" send $SERVER 9009 "$1" $((BENCH_S + 1))
	wait $sink
	cat "$D/sink"
}

measure() { # variant
	local size n got
	[ "$1" != masquerade ] || masquerade add
	for size in $SIZES; do
		[ "$1" = adblock ] || record "udp$size" "$1" "$(frames "$size")"
	done
	[ "$1" != masquerade ] || masquerade delete
	for n in $FLOWS; do
		case $1 in adblock | route) ;; *) continue ;; esac
		got=$(pages 100k.html "$n")
		record "web$n" "$1" "${got% *}"
	done
}
variant_start_as=$(declare -f variant_start)
eval "plain_${variant_start_as}"
variant_start() { # masquerade is routing with a table that measure() makes
	plain_variant_start "${1/masquerade/route}"
}
alternate route nat masquerade serial beside adblock
