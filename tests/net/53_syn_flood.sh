#!/usr/bin/env bash
# A SYN flood through the box while a page is edited on its way: every byte arrives, the flood's
# connections stay within their bound, and new connections come through.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 400000 >"$D/www/text"
sed 's/needle/haystack/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
# a loss while a pattern is cut in two keeps the module waiting for a retransmission
pipeline web '"tcp port 80"' "$(pm_replace web needle haystack 'hold: { bytes: 64K, time: 60s }')" |
	box_config "$D/box.yaml"
echo 'limits: { half_open: 512 }' >>"$D/box.yaml"
need_box "$D/box.yaml"
fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "before the flood"

slow_fetch "http://$SERVER/open/text" "$D/got"
curl=$!
sleep 1
in_client "$PYTHON" tests/net/odd.py flood eth0 $SERVER 80 5 >"$D/flood"
is $? 0 "the flood: $(cat "$D/flood") SYNs"
check "during the transfer" kill -0 $curl
sent=$(cat "$D/flood")
evicted=$(counter half_open_evicted)
at_least "$evicted" 1000 "half-open connections made way for others"
half=$(in_box "$B/bin/flowosctl" get flows -o json "$BOX_CONFIG" | "$PYTHON" -c 'import json, sys
print(sum(f["state"] == "syn" and not f["reverse"] for f in json.load(sys.stdin)))')
at_least 512 "$half" "$half of $sent are left, of 512 at the most"
hurry
wait $curl
is $? 0 "the transfer ends well"
same_edited "$D/got" "$D/want" "every byte of it, edited"
is "$(counter flows_evicted)" 0 "nobody else had to go"
fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "after the flood"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
