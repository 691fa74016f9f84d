#!/usr/bin/env bash
# 500 connections at once, both ends sending edited bytes, over bad wires.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/impair.sh"
need_bad_wires
mkdir "$NET_TMP/www"
start_nginx "$NET_TMP/www" || skip_all "nginx does not start"
pipeline many '"tcp port 9001 or tcp port 80"' "$(pm_replace edit z '<a longer replacement>')" |
	box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"

n=0
while read -r row; do
	# shellcheck disable=SC2086 # its words
	try $row 80
	start=$SECONDS
	both_peers "$TRY: 500 connections bring the right bytes both ways" swap "$TO" 9001 500 z \
		'<a longer replacement>' && n=$((n + 1))
	echo "# $((SECONDS - start)) s"
	tried
done < <(tries)

# 19 in each text
is "$(counter bytes_deleted)" $((n * 500 * 2 * 19)) "every edit took its byte, once"
is "$(counter bytes_inserted)" $((n * 500 * 2 * 19 * 22)) "and gave others, once"
is "$(counter flows_evicted)" 0 "no connection was removed for want of room"
box_is_well
stop_box
finish
