#!/usr/bin/env bash
# run.sh - the benchmarks: how fast against what people would use instead (make bench; root)
#
#   BENCH_N=10     alternations (six at least for a verdict)
#   BENCH_S=3      seconds of one measurement
#   BENCH=REGEX    only what matches of GROUP/VARIANT, e.g. BENCH='^bulk/(testpmd|reader4)$'
#   BENCH=targets  only what a comparison with a target needs
#
# Prints a table and writes it to build/bench.json.  Each group is a file beside this one; the
# figures are explained in table.py, how the variants are made in lib.sh.
set -u
cd "$(dirname "$0")/../.." || exit 1
export B=${B:-build} BENCH=${BENCH:-} BENCH_N=${BENCH_N:-10} BENCH_S=${BENCH_S:-3}
GROUPS_ALL='bulk http loss latency offline scale events stages udp jumbo recovery'
BENCH_DIR=$(mktemp -d --suffix=-flowos-bench)
export BENCH_DIR
CHILD=''
. tests/child.sh

# A group cleans up after itself; also when it hangs in a command, nothing of it stays.
clean_up() {
	end_child "$CHILD"
	hugepages_back
	rm -rf "$BENCH_DIR"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
: >"$BENCH_DIR/records.tsv"
: >"$BENCH_DIR/comparisons.tsv"

machine() {
	local kib
	kib=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)
	echo "# $(nproc) x $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)," \
		"Linux $(uname -r), $((kib >> 20)) GiB;" \
		"load before: $(cut -d' ' -f1-3 /proc/loadavg)"
	echo "# Everything shares these processors: both ends, the kernel between and the box."
	echo "# Variants take turns, $BENCH_N times, $BENCH_S s each; medians, in brackets the 95 %" \
		"interval of the median."
	echo "# $(dpkg-query -W -f '${Package} ${Version}, ' iperf3 nginx wrk dpdk-dev privoxy \
		libnids-dev tcpflow 2>/dev/null)$(git log -1 --format='commit %h' 2>/dev/null)"
}

# Does anything of the group match?  Which variants is the group's to know.
skipped() { # group
	[ -n "$BENCH" ] && [ "$BENCH" != targets ] && ! grep -qE "$1" <<<"$BENCH" &&
		! grep -qE "$BENCH" <<<"$1/"
}

machine
for group in $GROUPS_ALL; do
	[ -e "tests/bench/$group.sh" ] || continue
	! skipped "$group" || continue
	start=$SECONDS
	setsid bash "tests/bench/$group.sh" &
	CHILD=$!
	wait $CHILD || echo "# $group: failed" >&2
	CHILD=''
	echo "# $group: $((SECONDS - start)) s"
done
python3 tests/bench/table.py "$BENCH_DIR" "$B/bench.json"
