#!/usr/bin/env bash
# What each further PM costs: bulk throughput of one connection with 1, 2, 4 and 8 readers in a row
# (percent of the throughput with one, per further reader), and the processor time of a reader per packet.
. "$(dirname "$0")/lib.sh"
for n in 2 4 8; do
	target=-
	[ $n != 4 ] || target='<=8'
	compare "each of $((n - 1)) further readers, bulk" % "loss/reader$n" - value "$target"
done
for n in 1 4 8; do
	target=-
	[ $n != 4 ] || target='<=200'
	compare "processor time per packet of a reader, of $n" ns "cpu/reader$n" - value "$target"
	compare "doorbells of all processes per packet, $n readers" 1/packet "bells/reader$n" - value -
	compare "sleeps of all processes per packet, $n readers" 1/packet "sleeps/reader$n" - value -
done
NEEDED="$NEEDED reader1" # what the others are percents of
bench_topo
serve_iperf
FIRST=''

ticks() { # of all PM processes
	local pid
	for pid in $(box_status "' '.join(str(p['pid']) for p in s['processes']
			if p['proc'].startswith('pm.'))"); do
		awk '{print $14 + $15}' "/proc/$pid/stat"
	done | awk '{n += $1} END {print n}'
}

measure() { # readerN
	local n=${1#reader} before after gbits packets
	before=$(ticks)
	gbits=$(gbits 1)
	after=$(ticks)
	packets=$(counter rx_packets)
	record bulk "$1" "$gbits"
	[ "$n" != 1 ] || FIRST=$gbits
	[ "$n" = 1 ] || [ -z "$FIRST" ] || record loss "$1" \
		"$(awk -v a="$FIRST" -v b="$gbits" -v n="$n" 'BEGIN {print 100 * (1 - b / a) / (n - 1)}')"
	record cpu "$1" "$(awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v n="$n" \
		-v p="$packets" 'BEGIN {print t / hz / n / p * 1e9}')"
	record bells "$1" "$(awk -v b="$(counter bells)" -v p="$packets" 'BEGIN {print b / p}')"
	record sleeps "$1" "$(awk -v b="$(counter sleeps)" -v p="$packets" 'BEGIN {print b / p}')"
}
alternate reader1 reader4 reader2 reader8
