#!/usr/bin/env bash
# A capture of more connections than there are frames, none of whose bytes is ever acknowledged: what
# egress keeps of each must not leave ingress without a frame.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
pipeline web '"tcp port 80"' "{ pm: reader, file: $B/tests/pm/reader.so }" | file_config "$D/box.yaml"
check "a capture of 10,000 connections" "$B/bench/gen" uniform "$D/in.pcap" 10000 20000 64
check "it is processed to its end" timeout 120 "$B/bin/flowosctl" run "$D/box.yaml" \
	--read "$D/in.pcap" --write "$D/out.pcap"
streams() { "$B/bin/flowosctl" digest "$1" | cut -f2- | sort | sha256sum; }
is "$(streams "$D/out.pcap")" "$(streams "$D/in.pcap")" "and every byte is in the output"

# Few frames, and a table in which those connections are far apart: whose turn it is to give one up is
# found all the same.
printf 'memory: { flows: 1M, frames: 1K }\n' >>"$D/box.yaml"
check "so it is where a flow table is much larger than the frames" timeout 120 "$B/bin/flowosctl" run \
	"$D/box.yaml" --read "$D/in.pcap" --write "$D/out.pcap"
is "$(streams "$D/out.pcap")" "$(streams "$D/in.pcap")" "and every byte is in the output"
finish
