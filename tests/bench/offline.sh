#!/usr/bin/env bash
# A capture of 1 GB in the page cache: 1,000 connections at a time, 100 KB each, one segment in a
# hundred out of order.  Reassembly, and reassembly with a search for a string that is not there: ours
# (one reader) against libnids, which verifies checksums and reassembles as we do, and tcpflow, which
# writes the streams to files (in memory).  Per second of processor time and of wall time.
. "$(dirname "$0")/lib.sh"
MB=${BENCH_MB:-1000}
for what in reassembly search; do
	for per in core wall; do
		t1='>=1.0'
		[ $per = core ] || t1='>=1.5'
		compare "offline $what, per $per second, ours / libnids" Gbit/s \
			"$what.$per/ours" "$what.$per/libnids" ratio "$t1"
	done
	compare "offline $what, wall" Gbit/s "$what.wall/ours" - value '>=10'
done
compare "offline reassembly, per core second, ours / tcpflow" Gbit/s \
	reassembly.core/ours reassembly.core/tcpflow ratio -
compare "offline reassembly, wall, ours / tcpflow" Gbit/s \
	reassembly.wall/ours reassembly.wall/tcpflow ratio -
TEXT='not in the data'
CAPTURE=$BENCH_DIR/offline.pcap
"$B/bench/gen" tcp "$CAPTURE" "$MB" 1000 100 10 1448 >/dev/null || die 'no room for the capture'
BITS=$(($(stat -c %s "$CAPTURE") * 8))
cat "$CAPTURE" >/dev/null
hugepages_reserve 400
for what in reassembly search; do
	options=''
	[ $what = reassembly ] || options=", options: { find: \"$TEXT\", file: $D/hits }"
	pipeline web '"tcp port 80"' "{ pm: reader, file: $READER$options }" |
		file_config "$D/$what.yaml"
	printf 'memory:\n  hugepages: require\n' >>"$D/$what.yaml"
done

variant_start() { VARIANT=$1; }
variant_stop() { rm -rf "$D/flows"; }

rates() { # what, command...
	local what=$1 got
	shift
	got=$(cpu_wall "$@") || return 1
	record "$what.core" "$VARIANT" "$(awk -v b=$BITS '{print b / 1e9 / $1}' <<<"$got")"
	record "$what.wall" "$VARIANT" "$(awk -v b=$BITS '{print b / 1e9 / $2}' <<<"$got")"
}

measure() { # variant
	case $1 in
	ours)
		rates reassembly "$B/bin/flowosctl" run "$D/reassembly.yaml" --read "$CAPTURE"
		rates search "$B/bin/flowosctl" run "$D/search.yaml" --read "$CAPTURE"
		;;
	libnids)
		rates reassembly "$B/bench/nids" "$CAPTURE"
		rates search "$B/bench/nids" "$CAPTURE" "$TEXT"
		;;
	tcpflow)
		mkdir "$D/flows"
		rates reassembly tcpflow -q -S enable_report=NO -r "$CAPTURE" -o "$D/flows"
		;;
	esac
}
alternate ours libnids tcpflow
