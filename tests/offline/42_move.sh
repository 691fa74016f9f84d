#!/usr/bin/env bash
# A module moves connections of a capture to another pipeline: what is before that byte has passed the
# one pipeline's editor, the rest the other's; every byte once; two runs write the same bytes; a move
# that cannot be is refused with its reason and changes nothing.  No root needed.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
MOVER=$B/tests/pm/mover.so

# byte, directions, where to
config() {
	pipeline first '{ proto: tcp }' \
		"{ pm: mover, file: $MOVER, direction: $2, options: { to: ${3:-second}, at: $1 } }" \
		"$(pm_replace before needle pin)"
	printf '  - name: second\n    match: "tcp port 1"\n    stages:\n'
	printf '      - %s\n' "$(pm_replace after needle NEEDLESS)" \
		"{ pm: digest, options: { file: $D/second.tsv } }"
	printf '  - name: packets\n    match: "tcp port 2"\n    stages:\n'
	printf '      - { pm: count, options: { file: /dev/null } }\n'
}

# Streams of in.pcap edited as they must be, against those of out.pcap: how many differ.  `reverse`: those
# from port 80 by the one editor up to byte $1 and by the other from there on; `both`: one direction takes
# the other along at whatever byte that stands; `none`: all by the first.
differ() {
	"$PYTHON" - "$D/in.pcap" "$D/out.pcap" "$1" "$2" <<'PY'
import subprocess, sys
def streams(path):
    cmd = ["tshark", "-n", "-r", path, "-Y", "tcp.len > 0", "-T", "fields", "-o",
           "tcp.desegment_tcp_streams:FALSE"]
    for f in ["ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "tcp.seq", "tcp.payload"]:
        cmd += ["-e", f]
    out = subprocess.run(cmd, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    pieces = {}
    for line in out.stdout.decode().splitlines():
        *key, seq, payload = line.split("\t")
        at = pieces.setdefault(tuple(key), {})
        for i, byte in enumerate(bytes.fromhex(payload.replace(":", "")), int(seq) - 1):
            at.setdefault(i, byte)
    return {k: bytes(v[i] for i in range(len(v))) for k, v in pieces.items()}
before, after, at, moved = streams(sys.argv[1]), streams(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
bad = 0
for key, data in before.items():
    cuts = {"none": [len(data)], "both": range(min(at, len(data)) + 1),
            "reverse": [min(at, len(data)) if key[1] == "80" else len(data)]}[moved]
    bad += all(after.get(key) != data[:cut].replace(b"needle", b"pin") +
               data[cut:].replace(b"needle", b"NEEDLESS") for cut in cuts)
print(bad, len(before) > 4)
PY
}

for case in plain:0 plain:100 rough:1 rough:1700; do
	kind=${case%:*}
	for at in ${case#*:}; do
		what="$kind, at byte $at"
		"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" $kind $at >/dev/null
		config $at reverse | file_config "$D/move.yaml"
		check "$what: runs" \
			offline "$D/move.yaml" "$D/in.pcap" "$D/out.pcap" || continue
		is "$(differ $at reverse)" "0 True" \
			"$what: each reply by the one editor, then by the other"
		check "$what: a second run" \
			offline "$D/move.yaml" "$D/in.pcap" "$D/again.pcap"
		is "$(cmp "$D/out.pcap" "$D/again.pcap" 2>&1)" "" "$what: two runs are byte-identical"
		config $at both | file_config "$D/move.yaml"
		check "$what, both directions: runs" \
			offline "$D/move.yaml" "$D/in.pcap" "$D/out.pcap"
		is "$(differ $at both)" "0 True" "$what, both directions: each at one byte"
	done
done
"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" rough 5 >/dev/null
config 10 both packets | file_config "$D/move.yaml"
check "to a pipeline with readers of packets: runs" \
	offline "$D/move.yaml" "$D/in.pcap" "$D/out.pcap"
is "$(differ 10 none)" "0 True" "nothing is moved"
is "$(grep -c 'the streams differ' "$NET_TMP/offline.log")" 1 "and the reason is said, once"
finish
