#!/usr/bin/env bash
# Typed messages: `requests` imports http.request, `transfer` exports it, and nobody says so in the
# configuration.  The graph shows the link; each request of a capture has one line, in order; a box where
# nobody exports it is refused with the line.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP

flowosctl check --graph config/examples/requests.yaml >"$D/graph" 2>&1
is $? 0 "the example passes check"
is "$(grep -c 'transfer -> requests: http.request/1' "$D/graph")" 1 "the graph shows who gives it to whom"
flowosctl check --graph=dot config/examples/requests.yaml >"$D/dot" 2>&1
is "$(grep -c '"transfer" -> "requests" .*http.request/1' "$D/dot")" 1 "so does Graphviz's"
sed '/pm: transfer/d' config/examples/requests.yaml >"$D/alone.yaml"
flowosctl check "$D/alone.yaml" >"$D/said" 2>&1
is "$?:$(grep -cE "alone.yaml:[0-9]+:[0-9]+: error: PM 'requests' imports 'http.request'" "$D/said")" 1:1 \
	"without an exporter it is an error with its line"

"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" http 7 >/dev/null
{
	printf 'version: 1\npipelines:\n  - name: web\n    match: "tcp"\n    modules:\n'
	printf '      - { pm: requests, file: %s, options: { file: %s } }\n' \
		"$B/pms/requests.so" "$D/requests.tsv"
	printf '      - { pm: transfer, file: %s }\n' "$B/pms/transfer.so"
} >"$D/box.yaml"
check "a capture goes through" offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
# who sent what, read without FlowOS
tshark -r "$D/in.pcap" -Y http.request -d tcp.port==80,http -T fields -e http.request.method \
	-e http.request.uri 2>"$D/tshark.log" | sort >"$D/want"
cut -f2,4 "$D/requests.tsv" | sort >"$D/got"
at_least "$(wc -l <"$D/want")" 10 "tshark finds requests in it"
is "$(diff "$D/want" "$D/got" | head -n 4)" "" "and there is one line for each of them"
is "$(sort "$D/requests.tsv" | awk -F'\t' 'NF != 6' | head -n 2)" "" "of six columns"
is "$(awk -F'\t' '$1 > 0' "$D/requests.tsv" | wc -l | awk '{ print ($1 > 0) }')" 1 \
	"those behind others on a connection, too"
finish
