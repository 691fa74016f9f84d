#!/usr/bin/env bash
# loss.sh - goodput through the box on a path that loses before the box, against the same path
# without it (root; `make bench-loss`)
#
# One curl at a time fetches SIZE MB from nginx; 1 % of the packets from the server are lost on their
# way to the box, none behind it, and nothing is edited.  Alternately A: the box is stopped and the
# kernel's bridge forwards; B: the box runs with a module that looks for a text in the stream and
# does not find it: TCP is put in order, nothing is changed.  The same wires, hosts and options both
# times (hosts' TSO, GSO, GRO and checksum offload off, see tests/net/impair.sh); the wire's random
# numbers start from the number of the alternation.  Printed: the median goodput of each and the
# ratio of the medians.  The aim is 0.8.
#
#   SIZE=20 RUNS=10 tests/bench/loss.sh [CONGESTION:ONE-WAY DELAY IN us]...
#
# The delay is added on the server's wire, both ways.  0: what veth and processes take, some tens
# of us, where a lost packet costs next to nothing without the box.
. "$(dirname "$0")/../net/lib.sh"
. "$(dirname "$0")/../net/impair.sh"
need_bad_wires
D=$NET_TMP
SIZE=${SIZE:-20} RUNS=${RUNS:-10}
mkdir "$D/www"
make_file "$D/www/file" "$SIZE" 1
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "$(pm_replace edit 'a text that is not there' other)" |
	box_config "$D/box.yaml"

# Mbit/s of one transfer.
goodput() { # seed, delay
	SEED=$1 wire wan ab:loss=100 "delay=$2" || return 1
	in_client curl -s -S --max-time 120 -o "$D/got" -w '%{speed_download}\n' \
		"http://$SERVER/file" | awk '{printf "%.1f\n", $1 * 8 / 1e6}'
	cmp -s "$D/got" "$D/www/file" || echo "bench: the file arrived damaged" >&2
	unwire wan
	[ "$(did wan ab loss)" -gt 0 ] || echo "bench: nothing was lost" >&2
}

median() { sort -n | awk '{a[NR] = $1} END {print (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2}'; }

[ $# -gt 0 ] || set -- cubic:2000 bbr:2000 cubic:0
for what in "$@"; do
	hosts_tcp "${what%:*}" 1 1
	: >"$D/a"
	: >"$D/b"
	for i in $(seq "$RUNS"); do
		goodput "$i" "${what#*:}" >>"$D/a"
		box_start "$D/box.yaml" || skip_all "the box does not start"
		goodput "$i" "${what#*:}" >>"$D/b"
		box_stop
	done
	a=$(median <"$D/a") b=$(median <"$D/b")
	echo "# ${what%:*}, delay ${what#*:} us each way, without: $(paste -sd' ' "$D/a")"
	echo "# ${what%:*}, delay ${what#*:} us each way, with:    $(paste -sd' ' "$D/b")"
	echo "${what%:*}, $((2 * ${what#*:})) us added: $a Mbit/s without the box, $b with it: ratio" \
		"$(awk -v a="$a" -v b="$b" 'BEGIN {printf "%.2f", b / a}')"
done
