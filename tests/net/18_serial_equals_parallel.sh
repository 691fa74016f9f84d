#!/usr/bin/env bash
# Two PMs in sequence, and two side by side, give the bytes that one after the other gives on a file.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
seq -f 'line %.0f: a needle in a noodle, soupless' 20000 >"$D/file"
sed 's/needle/noodle/g' "$D/file" >"$D/first"
sed 's/noodle/soup/g' "$D/first" >"$D/both"
{
	pipeline serial '"tcp port 9001"' "$(pm_replace one needle noodle)" \
		"$(pm_replace two noodle soup)"
	pipeline parallel '"tcp port 9002"' "parallel:
          - $(pm_replace edit needle noodle)
          - $(pm_to_file digest "$D/digest.tsv")"
	pipeline mixed '"tcp port 9003"' "parallel:
          - $(pm_to_file count "$D/count.tsv")
          - $(pm_replace three needle noodle)" "$(pm_replace four noodle soup)"
} | box_config "$D/box.yaml"
need_box "$D/box.yaml"

through() { # port, expected file, sentence
	in_server "$PYTHON" tests/net/peer.py bulk-server "$1" "$D/file" "$D/up.got" &
	wait_for 100 listens server "$1"
	check "$3: finishes" in_client "$PYTHON" tests/net/peer.py bulk-client $SERVER "$1" \
		"$D/file" "$D/down.got"
	wait $!
	same_file "$D/down.got" "$2" "$3: to the client"
	same_file "$D/up.got" "$2" "$3: to the server"
}

through 9001 "$D/both" "in sequence"
through 9002 "$D/first" "side by side"
through 9003 "$D/both" "side by side, then in sequence"
stop_box
is "$(awk -F'\t' -v s="$(sha "$D/file")" '$7 == s' "$D/digest.tsv" | wc -l)" 2 \
	"the PM beside the editor saw its stage's input, both ways"
finish
