#!/usr/bin/env bash
# Web pages, a twentieth of them advertisements: pages per second, and the 99th percentile of the time
# to fetch one.  4 KB, 100 KB and 4 MB over 32 connections kept alive (4 for 4 MB), and 4 KB with a
# connection each.
. "$(dirname "$0")/lib.sh"
for size in 4k 100k 4m close; do
	for peer in nginx privoxy bridge testpmd; do
		rate=- p99=-
		[ "$size $peer" != '100k nginx' ] || rate='>=0.9' p99='<=0.8'
		[ "$size $peer" != '4m testpmd' ] || rate='>=0.95' # bulk, edited
		compare "HTTP $size, adblock / $peer" pages/s "$size/adblock" "$size/$peer" ratio $rate
		compare "HTTP $size, adblock / $peer, p99" ms "$size.p99/adblock" "$size.p99/$peer" \
			ratio $p99
	done
	for ours in none reader1 reader4 parallel4 replace; do
		compare "HTTP $size, $ours / testpmd" pages/s "$size/$ours" "$size/testpmd" ratio -
	done
done
bench_topo
make_pages
start_nginx "$D/www" || die 'nginx does not start'

# What rewrites must have done so: a page comes whole and without the advertisement.
rewrites() { # variant
	in_client curl -s -S --max-time 20 "http://$TARGET/100k.html" >"$D/got" || return 1
	grep -q '</html>' "$D/got" && ! grep -q 'ads.example' "$D/got"
}

one() { # variant, metric, path, connections...
	local variant=$1 metric=$2 got
	shift 2
	got=$(pages "$@")
	record "$metric" "$variant" "${got% *}" && record "$metric.p99" "$variant" "${got#* }"
}

measure() { # variant
	case $1 in
	nginx | privoxy | adblock) rewrites "$1" || note "$1 does not rewrite" ;;
	esac
	one "$1" 100k 100k.html 32
	one "$1" 4m 4m.html 4
	[ "$BENCH" != targets ] || return 0
	one "$1" 4k 4k.html 32
	one "$1" close 4k.html 32 -H 'Connection: close'
}
alternate adblock nginx testpmd privoxy bridge none reader1 reader4 parallel4 replace
