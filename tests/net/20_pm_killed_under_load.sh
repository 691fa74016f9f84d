#!/usr/bin/env bash
# A PM that is editing is killed again and again during a transfer: every byte once, edits included.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 2000000 >"$D/www/text"
sed 's/needle/haystack/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "$(pm_replace web needle haystack 'hold: { time: 10s }')" |
	box_config "$D/box.yaml"
need_box "$D/box.yaml"

fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "undisturbed, $(wc -l <"$D/www/text") edits are right"
slow_fetch "http://$SERVER/open/text" "$D/got"
curl=$!
check "the PM is killed 10 times" pm_kill web 10 0.4
check "during the transfer" kill -0 $curl
hurry
wait $curl
is $? 0 "the transfer ends well"
same_edited "$D/got" "$D/want" "killed 10 times, the bytes are the same"
at_least "$(pm_restarts web)" 10 "status reports the restarts"
is "$(counter pm_rules_broken)" 0 "no value of the PM was refused"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
