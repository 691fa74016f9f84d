#!/usr/bin/env bash
# As many modules as a box can have, the last one included, are told of their flows.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
{
	printf 'version: 1\nmemory: { frames: 8K, flows: 4K }\npipelines:\n'
	printf '  - name: all\n    match: "tcp"\n    stages:\n'
	for i in {0..31}; do
		[ $((i % 4)) -ne 0 ] || printf '      - parallel:\n'
		printf '          - { pm: tell%d, file: %s, options: { file: %s } }\n' \
			"$i" "$B/tests/pm/tell.so" "$D/told$i"
	done
} >"$D/box.yaml"
"$PYTHON" "$(dirname "$0")/mkcap.py" "$D/in.pcap" plain 1 >"$D/streams"
timeout 120 "$B/bin/flowosctl" run "$D/box.yaml" --read "$D/in.pcap" --write "$D/out.pcap" >"$D/run" 2>&1
is $? 0 "a capture passes 32 modules"
is "$(grep -c 'killed' "$D/run")" 0 "and no process ends"
check "the last one is told of something" test -s "$D/told31"
is "$(sort "$D/told31" | sha256sum)" "$(sort "$D/told0" | sha256sum)" "of all that the first one is told"
finish
