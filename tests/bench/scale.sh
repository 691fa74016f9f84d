#!/usr/bin/env bash
# Many connections at once, from generated captures: processor time per packet with 1 k to 1 M of them,
# packets drawn uniformly over them (what the handshakes cost is measured alone and taken off), memory
# per idle connection with four PMs, connections set up and torn down per second.
. "$(dirname "$0")/lib.sh"
PACKETS=3000000 # what their handshakes take is a difference of two long runs
for k in 10 100 1000; do
	target=-
	[ $k != 1000 ] || target='<=1.5'
	compare "cost per packet, ${k} k connections / 1 k" ns "packet/${k}k" packet/1k ratio $target
done
compare 'memory per idle connection, 4 PMs' bytes idle/memory - value '<=2048'
compare 'connections set up and torn down, wall' 1/s setups/setups - value '>=200000'
HOW_MANY='1 10 100 1000'
# a million connections need some 850 pages of 2 MiB; memory may be in pieces
for _ in 1 2 3; do
	hugepages_reserve 1400
	[ "$(cat "$HUGE")" -lt 1400 ] || break
	echo 1 >/proc/sys/vm/compact_memory
done

more_memory() { # file, lines under `memory`...
	local file=$1
	shift
	{
		echo memory:
		printf '  %s\n' "$@"
	} >>"$file"
}

config() { # connections in thousands, [hugepages]
	pipeline web '"tcp port 80"' "{ pm: reader, file: $READER }" | file_config "$D/$1k.yaml"
	more_memory "$D/$1k.yaml" "flows: $((2 * $1 * 1024 + 4096))" 'frames: 32K' \
		"hugepages: ${2:-auto}"
}

captures() {
	local k
	for k in $HOW_MANY; do
		wanted "${k}k" || continue
		"$B/bench/gen" uniform "$D/$k.pcap" $((k * 1000)) $PACKETS 64 >/dev/null &&
			"$B/bench/gen" uniform "$D/$k.none.pcap" $((k * 1000)) 0 64 >/dev/null &&
			config "$k" require || die 'no room for the captures'
	done
	"$B/bench/gen" setups "$D/setups.pcap" 200000 >/dev/null
	config 200 require
}

variant_start() { VARIANT=$1; }
variant_stop() { :; }

cpu() { # configuration, capture
	local got
	got=$(cpu_wall "$B/bin/flowosctl" run "$D/$1.yaml" --read "$D/$2.pcap") && echo "${got% *}"
}

# What twice as many idle connections take more, per connection: regions with two slots for each, and what
# the processes have of their own.
idle() {
	local k at sizes=()
	for k in 128 256; do
		pipeline web '"tcp port 80"' "{ pm: r1, file: $READER }" \
			"{ pm: r2, file: $READER }" "{ pm: r3, file: $READER }" \
			"{ pm: r4, file: $READER }" | file_config "$D/idle.yaml"
		more_memory "$D/idle.yaml" "flows: $((2 * k))K"
		"$B/bench/gen" uniform "$D/idle.pcap" $((k * 1024)) 0 64 >/dev/null &&
			at=$("$B/bench/engine" --memory "$D/idle.yaml" "$D/idle.pcap") || return 1
		sizes+=("$at")
	done
	rm -f "$D/idle.pcap"
	echo $(((sizes[1] - sizes[0]) / (128 * 1024)))
}

measure() { # variant
	local with without wall
	case $1 in
	memory) record idle memory "$(idle)" ;;
	setups)
		wall=$(cpu_wall "$B/bin/flowosctl" run "$D/200k.yaml" --read "$D/setups.pcap")
		record setups setups "$(awk -v w="${wall#* }" 'BEGIN {print 200000 / w}')"
		;;
	*)
		with=$(cpu "$1" "${1%k}") && without=$(cpu "$1" "${1%k}.none") &&
			record packet "$1" "$(awk -v a="$with" -v b="$without" -v n=$PACKETS \
				'BEGIN {printf "%.1f", (a - b) * 1e9 / n}')"
		;;
	esac
}
captures
alternate 1k 1000k 10k 100k setups memory
