#!/usr/bin/env bash
# Linux before 6.4 maps the rings of an AF_XDP socket only before it is bound, so sockets are made
# anew when a process that used them is restarted.  Any kernel can be worked with in this way:
# every process is killed during a transfer, and all bytes arrive, edited, once.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f "line %.0f has a needle in it" 2000000 >"$D/www/text"
sed 's/needle/haystack/' "$D/www/text" >"$D/want"
printf needle >"$D/www/small"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "$(pm_replace web needle haystack 'hold: { time: 10s }')" |
	box_config "$D/box.yaml"
FLOWOS_MAP_BEFORE_BIND=1
export FLOWOS_MAP_BEFORE_BIND
need_box "$D/box.yaml"

small_is_edited() {
	[ "$(in_client curl -s --max-time 2 "http://$SERVER/open/small")" = haystack ]
}

is "$(box_status "s['sockets_made']")" 1 "the sockets were made once, for the stages to map"
fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "undisturbed, $(wc -l <"$D/www/text") edits are right"
slow_fetch "http://$SERVER/open/text" "$D/got"
curl=$!
for name in ingress.lan.0 egress.0 keeper classifier.0 ingress.wan.0; do
	check "$name is killed" pm_kill "$name" 1 0
	sleep 0.5
done
check "during the transfer" kill -0 $curl
hurry
wait $curl
is $? 0 "the transfer ends well"
same_edited "$D/got" "$D/want" "the bytes are the same"
at_least "$(box_status "s['sockets_made']")" 5 "sockets were made anew for every ingress, egress and keeper"
at_least "$(counter frames_swept)" 1 "frames of the old ones were taken back"
check "the audit is clean" flowosctl_in_box audit
# meanwhile the bridge has what is new
wait_for 50 small_is_edited
fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "and afterwards it works as before"
stop_box
finish
