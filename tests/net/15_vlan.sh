#!/usr/bin/env bash
# VLAN-tagged and QinQ traffic is edited like any other and keeps its tags; the box counts them.
. "$(dirname "$0")/lib.sh"
need_topo
serve_needles 20000
pipeline web '{ vlan: 42, proto: tcp }' "$(pm_replace web needle haystack)" |
	box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"

fetch "http://$SERVER/open/page" "$NET_TMP/got"
same_file "$NET_TMP/got" "$NET_TMP/www/page" "untagged traffic does not match \`vlan: 42\`"
is "$(counter rx_vlan)" 0 "and the box has seen no tag"
need "both hosts tag with VLAN 42" vlan_on 42
fetch "http://$SERVER/open/page" "$NET_TMP/got"
same_file "$NET_TMP/got" "$NET_TMP/want" "a page in VLAN 42 is edited"
fetch "http://[$SERVER6]/open/page" "$NET_TMP/got"
same_file "$NET_TMP/got" "$NET_TMP/want" "the same over IPv6"
seen=$(counter rx_vlan)
at_least "$seen" 50 "the box counts the tagged packets that it received"
check "tagged pings pass" in_client ping -q -c 3 -W 2 $SERVER
check "the tags come off" vlan_off

need "both hosts tag with 7 outside 42 (QinQ)" vlan_on 42 7
both_bulk "in QinQ" $SERVER 9000 20
at_least "$(counter rx_vlan)" $((seen + 1000)) "the box counts them"
stop_box
finish
