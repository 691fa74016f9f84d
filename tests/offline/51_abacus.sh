#!/usr/bin/env bash
# abacus: two subscribers' accounts from a capture in which one loses segments and one hides bytes in
# retransmissions.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP

PYTHONPATH=tests/offline "$PYTHON" - "$D/in.pcap" <<'EOF'
import random
import sys

from mkcap import Connection, write

packets = []
for n, (src, kind) in enumerate([("10.1.0.1", "clean"), ("10.1.0.1", "lossy"),
                                 ("10.1.0.2", "tunnel"), ("192.0.2.9", "clean")]):
    c = Connection(random.Random(n), src, 4000 + n, "10.77.0.1", 80)
    c.segment(0, 2, 0, syn=True)
    c.segment(1, 0x12, 0, syn=True)
    c.segment(0, 0x10, 0)
    c.segment(0, 0x18, 0, b"question" * 10)
    if kind == "lossy":
        c.segment(0, 0x18, 0, b"question" * 10)
    if kind == "tunnel":
        c.segment(0, 0x18, 40, b"smuggled" * 5)
        c.segment(0, 0x18, 40, b"contrary" * 5)
    c.sent[0] = 80
    c.segment(1, 0x18, 0, b"answer" * 100)
    c.segment(1, 0x18, 600, b"more" * 50)
    if kind == "lossy":
        c.segment(1, 0x18, 300, b"answer" * 50 + b"more" * 50)
    c.sent[1] = 800
    c.segment(1, 0x11, 800)
    c.sent[1] += 1
    c.segment(0, 0x11, 80)
    c.sent[0] += 1
    c.segment(1, 0x10, 801)
    packets += c.out
write(sys.argv[1], packets)
EOF

want="$(printf 'account\t10.1.0.1/32\t2\t160\t1600\t580\t0
account\t10.1.0.2/32\t1\t80\t800\t80\t2
tunnel\t10.1.0.2\t4002\t10.77.0.1\t80\t40\t40')"

accounts() { # extra option
	pipeline all '"tcp"' "{ pm: abacus, file: $B/pms/abacus.so,
          options: { subscribers: [\"10.1.0.0/16 each 32\"], file: $D/out.tsv$1 } }" |
		file_config "$D/box.yaml"
	rm -f "$D/out.tsv"
	check "$2: runs" offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
	is "$(sort "$D/out.tsv")" "$want" "$2: charged once, repeated bytes free, the tunnel reported"
}

accounts "" "settled each 10 s"
accounts ", settle: 0" "settled at the end"

for bad in '"10.1.0.0/33"' '"10.1.0.0/16 each 8"' '"10.1.0.0/16 for 32"' '"10.1.0.0/16 each"'; do
	pipeline all '"tcp"' "{ pm: abacus, file: $B/pms/abacus.so, options: { subscribers: [$bad] } }" |
		file_config "$D/box.yaml"
	offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
	is "$(grep -c "options: subscribers.*: $bad" "$D/offline.log")" 1 "$bad is refused, and named"
done
finish
