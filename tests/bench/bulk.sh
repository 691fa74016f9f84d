#!/usr/bin/env bash
# Bulk TCP, 1 and 16 connections (iperf3): what arrives at the server, Gbit/s.
. "$(dirname "$0")/lib.sh"
for n in 1 16; do
	for v in bridge testpmd; do
		for ours in none reader1 reader4 parallel4 replace; do
			target=-
			[ "$ours $v $n" != 'reader4 testpmd 1' ] || target='>=1.0'
			compare "bulk, $n conn., $ours / $v" Gbit/s "bulk$n/$ours" "bulk$n/$v" ratio $target
		done
	done
done
# The sender's bytes are a file of pages, for all three.  (What `adblock` edits is HTTP: http.sh.)
compare 'bulk of pages, deleting / testpmd' Gbit/s file/delete file/testpmd ratio -
compare 'bulk of pages, deleting / bridge' Gbit/s file/delete file/bridge ratio -
VARIANTS='testpmd reader4 delete bridge none reader1 parallel4 replace'
bench_topo
make_pages
serve_iperf
# large enough for every run
for _ in $(seq $((BENCH_S * 150))); do cat "$D/www/4m.html"; done >"$D/pages"

measure() { # variant
	case $1 in
	testpmd | bridge | delete) record file "$1" "$(gbits 1 -F "$D/pages")" ;;
	esac
	[ "$1" != delete ] || return 0
	for n in 1 16; do
		[ "$BENCH $n" = 'targets 16' ] || record bulk$n "$1" "$(gbits $n)"
	done
}
# shellcheck disable=SC2086 # a list
alternate $VARIANTS
