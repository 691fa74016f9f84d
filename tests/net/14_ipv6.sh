#!/usr/bin/env bash
# The same over IPv6: an edited page, and bulk both ways.
. "$(dirname "$0")/lib.sh"
need_topo
mkdir "$NET_TMP/www"
seq -f 'line %.0f has a needle' 5000 >"$NET_TMP/www/page"
sed 's/needle/haystack/' "$NET_TMP/www/page" >"$NET_TMP/want"
start_nginx "$NET_TMP/www" || skip_all "nginx does not start"
{
	pipeline web '"ip6 and tcp port 80"' "$(pm_replace web needle haystack)"
	pipeline bulk '"ip6 and tcp port 9000"' "$(pm_replace bulk 'not in the data' 'x')"
} | box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"
fetch "http://[$SERVER6]/open/page" "$NET_TMP/got"
same_file "$NET_TMP/got" "$NET_TMP/want" "a page over IPv6 is edited"
fetch "http://$SERVER/open/page" "$NET_TMP/got"
same_file "$NET_TMP/got" "$NET_TMP/www/page" "over IPv4, which no pipeline matches, it is not"
both_bulk "over IPv6" $SERVER6 9000 50
stop_box
finish
