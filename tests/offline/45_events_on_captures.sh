#!/usr/bin/env bash
# What modules are told of the TCP connections of captures, event by event, is what an independent model
# (events_model.py: tshark's fields and nothing of FlowOS) says: of those that the model knows.  Made-up
# captures always, those of the corpus where there is one.
. "$(dirname "$0")/../net/lib.sh"

D=$NET_TMP
cat >"$D/tell.yaml" <<-EOT
	version: 1
	memory: { frames: 8K, flows: 4K }
	limits: { idle: 168h, handshake: 5m, closing: 5m }
	pipelines:
	  - name: all
	    match: "tcp"
	    stages:
	      - { pm: tell, file: $B/tests/pm/tell.so, options: { file: $D/tell } }
EOT

# Events of one capture, sorted by flow, each flow's in their order.  The end of the file and of the box's
# patience are one to the model; copies that differ depend on how long the first one was kept.
told() { # capture, connections left out by the model
	rm -f "$D/tell"
	"$B/bin/flowosctl" run "$D/tell.yaml" --read "$1" >"$D/run" 2>&1 || return 1
	sed -e 's/\tend 3$/\tend 5/' -e '/\tdiffers /d' "$D/tell" |
		awk -F'\t' 'FILENAME != "-" { out[$1, $2, $3, $4]; out[$3, $4, $1, $2]; next }
			{ split($1, k, " "); if (!((k[1], k[2], k[3], k[4]) in out)) print }' "$2" - |
		LC_ALL=C sort -s -k1,5 >"$D/got"
}

lines=0 files=0
compare() { # capture, name
	"$PYTHON" "$(dirname "$0")/events_model.py" "$1" 2>"$D/left_out" |
		LC_ALL=C sort -s -k1,5 >"$D/want"
	sed -i '/^Running as/d' "$D/left_out"
	[ -s "$D/want" ] || return
	told "$1" "$D/left_out"
	is $? 0 "$2 is read" || tail -n 3 "$D/run" | sed 's/^/# /'
	check "$2: $(wc -l <"$D/want") events as the model says" cmp -s "$D/want" "$D/got" ||
		diff "$D/want" "$D/got" | head -n 6 | sed 's/^/# /'
	lines=$((lines + $(wc -l <"$D/want"))) files=$((files + 1))
}

for kind in rough:1 rough:2 rough:3 v6:4 mixed:5; do
	"$PYTHON" "$(dirname "$0")/mkcap.py" "$D/made.pcap" ${kind%:*} ${kind#*:} >"$D/streams"
	compare "$D/made.pcap" "a capture made by $kind"
done
check "$files made captures gave $lines events to compare" test $files:$((lines > 1500)) = 5:1

. "$(dirname "$0")/corpus.sh"
lines=0 files=0
for c in $(captures MANIFEST.tsv); do
	compare "$CORPUS/$c" "$c"
done
check "$files captures gave something to compare: $lines events" test "$lines" -gt 2000
finish
