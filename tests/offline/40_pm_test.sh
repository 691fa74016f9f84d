#!/usr/bin/env bash
# flowosctl pm test: a sound module passes; faults of four kinds are found, shrunk, and found again by
# the command that is printed; what must leave is written, compared, and kept.  Every module that is
# shipped survives any bytes, any end, any order.  No root needed.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
CTL=$B/bin/flowosctl
ROOT=$PWD
FUZZ=$([ "$FULL" = 1 ] && echo 200 || echo 40)
export TMPDIR=$D

# A run of pm test; its exit status, its lines in $D/out.
pm_test() {
	"$CTL" pm test "$@" >"$D/out" 2>&1
}

# The module fails for the reason given, with this disturbance left over, and fails again.
finds() { # module, reason (extended regex), what is left (extended regex), how many, sentence
	local status again
	pm_test "tests/kit/$1.c" -r "$D/in.pcap"
	status=$?
	is $status 1 "$1: $5 is found"
	is "$(grep -cE "$2" "$D/out")" 1 "$1: it says how" || sed 's/^/# /' "$D/out"
	is "$(grep -cE "^ +[0-9]+: .*($3)" "$D/out") of $(grep -cE '^ +[0-9]+:' "$D/out")" \
		"$4 of $4" \
		"$1: what is left over is what matters" || sed 's/^/# /' "$D/out"
	again=$(sed -n 's/^again: flowosctl //p' "$D/out")
	cp "$D/out" "$D/first"
	eval "\"$CTL\" $again" >"$D/out" 2>&1
	is "$?:$(grep -cE "$2" "$D/out")" 1:1 "$1: the printed command fails in the same way"
}

"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" mixed 5 >/dev/null

check "color passes, from its source" pm_test tests/pm/color.c -r "$D/in.pcap" --runs 60
is "$(grep -c 'the same bytes left each time' "$D/out")" 1 "and says what was tried"
check "replace, with options, writes down what leaves" pm_test replace -o find=needle -o with=pin \
	-r "$D/in.pcap" --runs 10 --write-expect "$D/expect"
at_least "$(grep -c 'pin' "$D/expect")" 1 "in words that one can read"
is "$(grep -c 'needle' "$D/expect")" 0 "as it is after the module"
check "and again, compared with that" pm_test replace -o find=needle -o with=pin -r "$D/in.pcap" \
	--runs 0 --expect "$D/expect"
pm_test replace -o find=needle -o with=pins -r "$D/in.pcap" --expect "$D/expect"
is "$?:$(grep -c '^FAILED: not as expected' "$D/out")" 1:1 "another output than expected is a failure"
pm_test replace -r "$D/in.pcap"
is "$?:$(grep -c '^init() refused' "$D/out")" 1:1 "a module that refuses to start is one"
"$PYTHON" - "$D/in.pcap" "$D/raw.pcap" "$D/torn.pcap" <<-'END'
	import struct, sys
	data = open(sys.argv[1], "rb").read()
	raw, torn, at = bytearray(data[:20] + struct.pack("<I", 101)), bytearray(data[:24]), 24
	while at < len(data):
	    head, n = data[at:at + 8], struct.unpack("<I", data[at + 8:at + 12])[0]
	    packet, at = data[at + 16:at + 16 + n], at + 16 + n
	    if packet[12:14] in (b"\x08\x00", b"\x86\xdd"):
	        raw += head + struct.pack("<II", n - 14, n - 14) + packet[14:]
	    if packet[12:14] == b"\x08\x00" and packet[23] == 6 and not packet[47] & 2:
	        torn += head + struct.pack("<II", n, n) + packet
	open(sys.argv[2], "wb").write(raw)
	open(sys.argv[3], "wb").write(torn)
END
check "a capture without Ethernet headers" pm_test tests/pm/color.c -r "$D/raw.pcap" --runs 30
at_least "$(sed -n 's/.* each time: \([0-9]*\) cuts.*/\1/p' "$D/out")" 100 "is cut as any other"
check "one without beginnings" pm_test tests/pm/color.c -r "$D/torn.pcap" --runs 2
is "$(grep -c 'nothing was played in another way' "$D/out")" 1 "cannot be, which is said"
printf '%s\n' 'version: 1' 'pipelines:' '  - { name: p, match: tcp, stages: [ { pm: pcapng, options: {' \
	"      file: [$D/one.pcapng, $D/two.pcapng], size: 4K } } ] }" >"$D/files.yaml"
check "a module that writes two files" pm_test pcapng -c "$D/files.yaml" -r "$D/in.pcap" --runs 2
is "$(ls "$D"/*.pcapng 2>/dev/null)" "" "has written none of those that the configuration names"
pm_test count -r "$D/in.pcap" -o flie=x --runs 1
is "$?:$(grep -c "does not know the option 'flie'" "$D/out")" 0:1 \
	"an option that the module does not know is told, once"
pm_test tests/kit/naive.c -r "$D/in.pcap" --segments 7 --no-kill --no-reorder --runs 1
is "$?:$(grep -c '^again:.*--segments 7' "$D/out")" 1:1 "segments of a length asked for"

finds naive 'bytes fin instead of' 'packets one by one' 1 'a match across segments'
finds forgetful 'bytes fin instead of' 'module 0 is killed' 1 'memory that does not survive a kill'
finds crashes 'died of signal 6' \
	'a segment ends before byte 3$|packets one by one|segments of 3 bytes' 2 \
	'a crash that one cut causes'
finds leaves 'ended its process' \
	'a segment ends before byte 3$|packets one by one|segments of 3 bytes' 2 \
	'an exit() that one cut causes'

pm_test tests/kit/overflow.c -r "$D/in.pcap" --asan --runs 0
is "$?:$(grep -c 'heap-buffer-overflow' "$D/out")" 1:1 "--asan sees a read beyond a buffer" ||
	sed 's/^/# /' "$D/out" | head -20
if command -v valgrind >/dev/null; then
	pm_test tests/kit/overflow.c -r "$D/in.pcap" --valgrind --runs 0
	is "$?:$(grep -c 'Invalid read of size 1' "$D/out")" 1:1 "--valgrind sees it, too" ||
		sed 's/^/# /' "$D/out" | head -20
else
	skip 'valgrind is not installed'
fi

if gdb -q -batch -ex run --args /bin/true 2>&1 | grep -q 'exited normally'; then
	printf 'set width 0\nrun\nbt\nquit\n' | DEBUGINFOD_URLS='' "$CTL" pm test tests/kit/crashes.c \
		-r "$D/in.pcap" --gdb --runs 0 --segments 3 >"$D/out" 2>&1
	at_least "$(grep -cE 'in on_data .*crashes\.c:[0-9]' "$D/out")" 1 \
		"--gdb shows the line that it dies in" ||
		tail -n 20 "$D/out" | sed 's/^/# /'
else
	skip '--gdb: gdb is not installed, or may not trace'
fi

# Each shipped module, with the options of its example or those of tests/kit/options; what it writes to
# relative paths counts from where one stands, and what it reads too.
ln -s "$ROOT/config" "$D/config"
cd "$D" || exit 1
for so in "$B"/pms/*.so; do
	pm=$(basename "$so" .so)
	conf=()
	if [ -e "config/examples/$pm.yaml" ]; then
		conf=(-c "config/examples/$pm.yaml")
	else
		for option in $(sed -n "s/^$pm //p" "$ROOT/tests/kit/options"); do
			conf+=(-o "$option")
		done
	fi
	check "$pm survives $FUZZ random recordings" \
		pm_test "$pm" "${conf[@]}" --fuzz "$FUZZ" -r "$D/in.pcap"
	[ $NR_FAILED = 0 ] || tail -n 12 "$D/out" | sed 's/^/# /'
done
"$CTL" pm test count -r "$D/in.pcap" --runs 1000000 >"$D/out" 2>&1 &
sleep 0.5
kill -TERM $!
wait $!
is "$?:$(cat "$D/out")" 130: "told to end, it ends"
is "$(ls -d "$D"/flowos-pmtest-* 2>/dev/null)" "" "no directory is left behind"
finish
