#!/usr/bin/env bash
# User-defined events (tests/pm/eventful.c), all stages in one process (engine.c --time), over captures of
# one packet after the other on flows drawn uniformly; four events happen at each packet.  Processor time,
# from the first data on.
#
# dispatch: what the PM's part takes, divided by four and less the same where on_event calls the four
# handlers itself; then less the same of a module that has no events and calls them in on_data: this
# includes the built-in event below them (its way from the classifier, window and commit).
# throughput: packets per second of processor of all stages; the flows take up their 4 or 64 events with
# their first data; each of the 64 is asked at each packet.
. "$(dirname "$0")/lib.sh"
PACKETS=500000
FULL="$B/tests/pm/eventful.so" LESS="$B/tests/pm/eventless.so"
compare 'dispatch of an event that happens, 1 k flows' ns fire/events1k fire/direct1k difference '<=30'
compare 'dispatch of an event that happens, 192 k flows' ns fire/events192k fire/direct192k \
	difference '<=150'
for k in 1 192; do
	compare "with its share of the built-in event, $k k flows" ns fire/events${k}k fire/off${k}k \
		difference -
done
for n in 16 64; do
	target=-
	[ $n != 64 ] || target='>=0.9'
	compare "$n events on each of 192 k flows, for 4" packets/s rate/$n rate/4 ratio $target
done

config() { # variant, connections in thousands, module, options
	pipeline web '"tcp port 80"' "{ pm: m, file: $3, options: { file: $D/$1.out$4 } }" |
		file_config "$D/$1.yaml"
	printf 'memory:\n  flows: %d\n  frames: 32K\n' $((2 * $2 * 1024 + 4096)) >>"$D/$1.yaml"
}

for k in 1 192; do
	"$B/bench/gen" uniform "$D/$k.pcap" $((k * 1000)) $PACKETS 64 >/dev/null ||
		die 'no room for the captures'
	config off${k}k $k "$LESS" ''
	config direct${k}k $k "$FULL" ', call: direct'
	config events${k}k $k "$FULL" ', registered: 4'
done
for n in 4 16 64; do
	config $n 192 "$FULL" ", registered: $n, add: data"
done

variant_start() { VARIANT=$1; }
variant_stop() { :; }

measure() { # variant
	local k=192 nr all pm missed
	[[ $1 != *[a-z]1k ]] || k=1
	# shellcheck disable=SC2046 # words
	set -- "$1" $("$B/bench/engine" --time $((k * 3000)) "$D/$1.yaml" "$D/$k.pcap")
	nr=${2:-0} all=${3:-0} pm=${4:-0} missed=${5:-1}
	# as many happen in all variants, or they cannot be compared (off: some packets come together)
	[ "$missed" = 0 ] && [ "$nr" -gt 0 ] &&
		{ [[ $1 = off* ]] || [ "$(cat "$D/$1.out")" = $((4 * PACKETS)) ]; } || {
		note "$1: not all events happened"
		return 1
	}
	case $1 in
	*k) record fire "$1" "$(awk -v t="$pm" -v n="$nr" 'BEGIN {printf "%.2f", t / n / 4}')" ;;
	*) record rate "$1" "$(awk -v t="$all" -v n="$nr" 'BEGIN {printf "%.0f", n * 1e9 / t}')" ;;
	esac
}
alternate events1k direct1k off1k events192k direct192k off192k 64 4 16
