#!/usr/bin/env bash
# midstat: round trips of both ends from a capture whose times are known, of each packet or of the
# handshake alone; what came again is not measured; a line for each direction; and what is refused.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP

PYTHONPATH=tests/offline "$PYTHON" - "$D/in.pcap" <<'EOF'
import random
import sys

from mkcap import Connection, write

c = Connection(random.Random(1), "10.1.0.1", 4000, "10.77.0.1", 80)
us = []


def at(ms, side, flags, pos, data=b"", syn=False):
    us.append(int(ms * 1000))
    c.segment(side, flags, pos, data, syn)
    c.sent[side] = max(c.sent[side], pos + len(data) + (flags & 1))


at(0, 0, 2, 0, syn=True)
at(20, 1, 0x12, 0, syn=True)            # the server's first: 20 ms
at(25, 0, 0x10, 0)                      # the client's: 5 ms
at(30, 0, 0x18, 0, b"a" * 100)
at(90, 1, 0x10, 0)                      # 60
at(1100, 0, 0x18, 100, b"b" * 100)
at(1130, 1, 0x10, 0)                    # 30
at(2100, 0, 0x18, 200, b"c" * 100)
at(2200, 0, 0x18, 200, b"c" * 100)      # again: whose acknowledgement is it?
at(2210, 1, 0x10, 0)
at(2300, 0, 0x18, 300, b"d" * 100)
at(2312, 1, 0x10, 0)                    # 12
at(3050, 1, 0x18, 0, b"e" * 1000)
at(3058, 0, 0x10, 400)                  # the client's: 8
at(3100, 1, 0x18, 2000, b"g" * 1000)    # ahead of a hole
at(3101, 1, 0x18, 1000, b"f" * 1000)
at(3102, 0, 0x10, 400)                  # 2
at(3200, 1, 0x11, 3000)
at(3210, 0, 0x11, 400)                  # 10
at(3220, 1, 0x10, 3001)                 # 10
write(sys.argv[1], c.out, us)
EOF

run() { # options
	pipeline all '"tcp"' "{ pm: midstat, file: $B/pms/midstat.so, options: { file: $D/out.tsv$1 } }" |
		file_config "$D/box.yaml"
	rm -f "$D/out.tsv"
	offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
}

run ", every: 0"
is "$(sort "$D/out.tsv")" "$(printf '10.1.0.1\t4000\t10.77.0.1\t80\t400\t1\t100\t0\t0\t0\t4\t%s\tfin
10.77.0.1\t80\t10.1.0.1\t4000\t3000\t0\t0\t0\t1\t0\t5\t%s\tfin' "5583	2000	10000" \
	"22181	10000	10000")" "both directions, each packet measured, but for what came again" ||
	sed 's/^/# /' "$D/offline.log" "$D/out.tsv"
run ", every: 100"
is "$(cut -f11-14 "$D/out.tsv" | sort | tr '\t\n' ' |')" "1 20000 20000 20000|1 5000 5000 5000|" \
	"the handshake alone"
for bad in -1 3601 x; do
	run ", every: $bad"
	is "$(grep -c "options: every: \"$bad\"" "$D/offline.log")" 1 "every: $bad is refused, and named"
done
out=$(flowosctl midstat --once --run-dir "$D/none" 2>&1)
is "$?:$(grep -c 'no box is running' <<<"$out")" 1:1 "flowosctl midstat without a box: one line"
for bad in "--sort size" "--interval 0" "-n x" "--sort" "--twice"; do
	# shellcheck disable=SC2086 # two words
	out=$(flowosctl midstat $bad 2>&1)
	is "$?:$(grep -c 'usage: flowosctl midstat' <<<"$out")" 2:1 "$bad is refused"
done
finish
