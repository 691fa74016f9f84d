#!/usr/bin/env bash
# Receive buffers of less than two segments at both ends, a module that inserts more than they hold,
# bad wires.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/impair.sh"
need_bad_wires
D=$NET_TMP
mkdir "$D/www"
$PYTHON tests/net/marks.py "$D/up" "$D/up.want" 3 200000 100 10 >"$D/up.n"
$PYTHON tests/net/marks.py "$D/down" "$D/down.want" 4 200000 100 10 >"$D/down.n"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline tiny '"tcp port 9000 or tcp port 80"' "$(pm_marks)" | box_config "$D/box.yaml"
need_box "$D/box.yaml"

n=0
while read -r row; do
	# shellcheck disable=SC2086 # its words
	try $row 80
	start=$SECONDS
	rm -f "$D"/*.got
	in_server "$PYTHON" tests/net/peer.py bulk-server 9000 "$D/down" "$D/up.got" 2304 &
	pid=$!
	wait_for 100 listens server 9000
	check "$TRY: it ends" in_client timeout 100 "$PYTHON" tests/net/peer.py bulk-client "$TO" 9000 \
		"$D/up" "$D/down.got" 2304
	wait $pid
	same_file "$D/down.got" "$D/down.want" "$TRY: the bytes down" &&
		same_file "$D/up.got" "$D/up.want" "$TRY: the bytes up" && n=$((n + 1))
	echo "# $((SECONDS - start)) s"
	tried
done < <(tries)

read -r marks deleted inserted < <(cat "$D/up.n" "$D/down.n" |
	awk '{a += $1; b += $2; c += $3} END {print a, b, c}')
at_least "$(counter edits_applied)" $((n * marks)) "edits were made, at least one for each mark"
is "$(counter bytes_deleted)" $((n * deleted)) "and took every byte that they should, once"
is "$(counter bytes_inserted)" $((n * inserted)) "and gave every byte, once"
box_is_well
stop_box
finish
