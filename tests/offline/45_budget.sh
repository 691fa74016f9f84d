#!/usr/bin/env bash
# What a packet costs, and a connection without data, counted and not timed: instructions of each process
# on fixed captures within the budget (tests/bench/budget: measured, 5 % more are allowed), and neither
# memory allocated nor system calls made per packet.  All stages run in one process,
# tests/bench/engine.c, under callgrind.
#
#   BUDGET=write tests/run.sh tests/offline/45_budget.sh    writes what was measured; a commit that
#                                                           raises it says why
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
BUDGET_FILE=tests/bench/budget
command -v valgrind >/dev/null || skip_all 'valgrind is not installed'
# Another compiler makes other instructions.
WITH=$(sed -n 's/^# compiler: //p' $BUDGET_FILE)
HAVE="$(gcc -dumpmachine 2>/dev/null) gcc $(gcc -dumpversion 2>/dev/null)"
grep -qE '^(ccache )?gcc .*-O2' "$B/.flags" && ! grep -q fsanitize "$B/.flags" &&
	[ "$WITH" = "$HAVE" ] || skip_all "the budget is for $WITH -O2"

config() { # name, stage
	pipeline web '"tcp port 80"' "$2" | file_config "$D/$1.yaml"
}
config count "$(pm_to_file count "$D/count.tsv")"
config reader "{ pm: reader, file: $B/tests/pm/reader.so }"
config edit "$(pm_replace edit qz -)"
"$B/bench/gen" tcp "$D/short.pcap" 1 50 20 10 1448 >"$D/short.nr" &&
	"$B/bench/gen" tcp "$D/long.pcap" 4 50 80 10 1448 >"$D/long.nr" || skip_all 'no captures'
SHORT=$(cat "$D/short.nr") LONG=$(cat "$D/long.nr")
SETUPS=1000
"$B/bench/gen" setups "$D/setups.pcap" $SETUPS >"$D/setups.nr" || skip_all 'no captures'

# Inclusive instructions of a stage's work(), by file and name; what is inlined is listed twice.
instructions() { # callgrind's output, file:function
	callgrind_annotate --inclusive=yes --threshold=100 "$1" 2>/dev/null |
		awk -v f="$2" '
			{ at = index($0, f); after = substr($0, at + length(f), 1); n = $1 }
			at && (after == "" || after == " ") {
				gsub(",", "", n)
				if (n + 0 > m) m = n + 0
			}
			END { print m + 0 }'
}

# Calls of functions by name, from anywhere.
calls() { # callgrind's output, regular expression
	"$PYTHON" - "$1" "$2" <<-'END'
		import re, sys
		names, current, total = {}, None, 0
		for line in open(sys.argv[1]):
		    if line.startswith("cfn="):
		        m = re.match(r"cfn=\((\d+)\)(?: (.*))?", line)
		        if m.group(2):
		            names[m.group(1)] = m.group(2)
		        current = m.group(1)
		    elif line.startswith("fn="):
		        m = re.match(r"fn=\((\d+)\)(?: (.*))?", line)
		        if m.group(2):
		            names[m.group(1)] = m.group(2)
		    elif line.startswith("calls=") and re.fullmatch(sys.argv[2], names.get(current, "")):
		        total += int(line[6:].split()[0])
		print(total)
	END
}

engine() { # configuration, capture, options of tests/bench/engine.c...
	local c=$1 capture=$2
	shift 2
	valgrind --tool=callgrind --callgrind-out-file="$D/$c.$capture" "$B/bench/engine" "$@" \
		"$D/$c.yaml" "$D/$capture.pcap" >"$D/out" 2>"$D/err"
}

budget() { awk -v c="$1" -v p="$2" '$1 == c && $2 == p {print $3}' $BUDGET_FILE; }

{
	sed '/^[^#]/d' $BUDGET_FILE
} >"$D/budget"
within() { # row of the budget, callgrind's output, divisor, of what
	local stage n
	for stage in ingress=ingress.c:ingress_work classifier=classifier.c:classifier_work \
		pm=pmhost/host.c:work egress=egress/egress.c:work; do
		n=$(($(instructions "$2" "${stage#*=}") / $3))
		is_within=$(awk -v n=$n -v b="$(budget "$1" "${stage%=*}")" \
			'BEGIN {print (n > 0 && n <= b * 1.05) ? 0 : 1}')
		echo "$1 ${stage%=*} $n" >>"$D/budget"
		ok "$is_within" "$1: instructions per $4 of ${stage%=*} are within the budget" ||
			echo "# $n, measured before: $(budget "$1" "${stage%=*}")"
	done
}
cp "$D/reader.yaml" "$D/write.yaml"
for c in count reader edit write; do
	# what nobody gets is not made ready to be sent
	options=()
	[ $c != write ] || options=(--write "$D/out.pcap")
	need "$c: all stages run over $LONG packets" engine $c long "${options[@]}"
	within $c "$D/$c.long" "$LONG" packet
done
need "setup: all stages run over $SETUPS connections without data" engine reader setups
within setup "$D/reader.setups" $SETUPS connection
[ "${BUDGET:-}" != write ] || cp "$D/budget" $BUDGET_FILE

# Four times the packets on as many connections: what is allocated or asked of the kernel for each of
# them would show.
need "reader: and over $SHORT packets" engine reader short
ALLOCATE='(m|c|re)alloc|free|posix_memalign|mmap|munmap'
more=$(($(calls "$D/reader.long" "$ALLOCATE") - $(calls "$D/reader.short" "$ALLOCATE")))
ok $((more * 20 > LONG - SHORT)) "no memory is allocated per packet" ||
	echo "# $more more calls for $((LONG - SHORT)) more packets"
if command -v strace >/dev/null; then
	for c in short long; do
		strace -f -o "$D/$c.calls" "$B/bench/engine" "$D/reader.yaml" "$D/$c.pcap" >/dev/null
	done
	more=$(($(wc -l <"$D/long.calls") - $(wc -l <"$D/short.calls")))
	ok $((more * 20 > LONG - SHORT)) "and no system call made" ||
		echo "# $more more for $((LONG - SHORT)) more packets"
else
	skip 'strace is not installed: system calls are not counted'
fi
finish
