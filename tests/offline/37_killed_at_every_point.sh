#!/usr/bin/env bash
# On a capture, every process but egress (which writes the output) kills itself once at every kill
# point (shm/killpoint.h) that it passes: what is written is byte-identical.  No root needed.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
RUNS=5 # a process has a few lives in each
"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" rough 7 needle noodle noodle soup | sort >"$D/want"
pipeline web '{ proto: tcp }' "$(pm_replace one needle noodle)" "$(pm_replace two noodle soup)" \
	"$(pm_to_file digest "$D/streams.tsv")" | file_config "$D/box.yaml"
check "undisturbed" offline "$D/box.yaml" "$D/in.pcap" "$D/plain.pcap"
"$PYTHON" tests/offline/assemble.py "$D/plain.pcap" 2>&1 | sort >"$D/got"
is "$(diff "$D/got" "$D/want" | head -n 2)" "" "the streams are the edited ones"
sort "$D/streams.tsv" >"$D/streams"

POINTS=$(grep -rhoE 'fos_killpoint\("[^"]+"' ingress classifier pmhost egress shm | cut -d'"' -f2 |
	sort -u)
killed() { find "$D/kills" -type f ! -name 'egress.*' | wc -l; }
same() { # sentence
	is "$(cmp "$D/plain.pcap" "$D/out.pcap" 2>&1)" "" "$1: the same bytes are written"
	is "$(sort "$D/streams.tsv" | diff - "$D/streams" | head -n 2)" "" "$1: PMs saw the same bytes"
}
for seed in $([ "$FULL" = 1 ] && seq 20 || seq 1); do
	rm -rf "$D/kills"
	mkdir "$D/kills"
	for point in $POINTS; do
		: >"$D/kills/egress.0:$point" # as if it had died there already
	done
	export FLOWOS_KILL_AT="$seed $D/kills"
	for run in $(seq $RUNS); do
		before=$(killed)
		check "seed $seed, run $run" offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
		same "seed $seed, run $run, $(($(killed) - before)) deaths"
	done
	unset FLOWOS_KILL_AT
done
lacking() { # process, pattern of points
	echo "$POINTS" | grep -xE "$2" | while read -r name; do
		[ -e "$D/kills/$1:$name" ] || echo "$name"
	done | xargs
}
is "$(lacking ingress 'replay\.(filled|committed|phase)|frame\.(filled|away)')" "" \
	"ingress died wherever it reads a capture"
is "$(lacking classifier.0 'txn\..*|frame\.claimed|hint\..*')" "" "the classifier wherever it commits"
is "$(lacking pm.two.0 'txn\.(publish|commit|committed|apply|applied|undo_forgotten)|hint\..*')" "" \
	"a PM that edits, too"
is "$(lacking pm.digest.0 'pm\..*|txn\.(publish|commit|committed|apply|applied)')" "" \
	"and one that writes a file"
finish
