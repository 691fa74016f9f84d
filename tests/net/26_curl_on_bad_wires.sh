#!/usr/bin/env bash
# curl of 20 MB with 3000 edits of each kind while both wires lose, delay, reorder and duplicate.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/impair.sh"
need_bad_wires
D=$NET_TMP
mkdir "$D/www"
read -r marks deleted inserted < <($PYTHON tests/net/marks.py "$D/www/file" "$D/want" 7 20000000 \
	3000 100)
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "$(pm_marks)" | box_config "$D/box.yaml"
need_box "$D/box.yaml"

n=0
while read -r row; do
	# shellcheck disable=SC2086 # its words
	try $row 80
	start=$SECONDS
	# BBR without SACK on lossy wires is slow (README, Known limits)
	FETCH_S=$([ "$FULL" = 1 ] && echo 250 || echo 100) fetch "http://$URL/open/file" "$D/got"
	same_file "$D/got" "$D/want" "$TRY: 20 MB" && n=$((n + 1))
	echo "# $((SECONDS - start)) s"
	tried
done < <(tries)

edits_exact $n "$marks" "$deleted" "$inserted"
box_is_well
stop_box
finish
