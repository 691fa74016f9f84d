#!/usr/bin/env bash
# replace with shorter, longer, equal and no text; the string cut by segment borders at every
# offset; both directions at once.
. "$(dirname "$0")/lib.sh"
NET_OFFLOADS=off # each write of the endpoints stays a segment of its own
need_topo
# Held bytes are not acknowledged, and a sender that falls back to its timer may have one segment in
# flight, here one byte: the timer is not to run out because the machine took long between two writes.
for host in "client $CLIENT" "server $SERVER"; do
	ip -n "$NET-${host% *}" route replace 10.77.0.0/24 dev eth0 proto kernel scope link \
		src "${host#* }" rto_min 20s
	ip -n "$NET-${host% *}" -6 route replace fd77::/64 dev eth0 proto kernel metric 256 rto_min 20s
done
{
	pipeline shorter '"tcp port 9001"' "$(pm_replace shorter needle pin)"
	pipeline longer '"tcp port 9002"' "$(pm_replace longer needle 'a much longer haystack')"
	pipeline equal '"tcp port 9003"' "$(pm_replace equal needle NEEDLE)"
	pipeline nothing '"tcp port 9004"' "$(pm_replace nothing needle '')"
	pipeline itself '"tcp port 9005"' "$(pm_replace itself aab aaab)"
} | box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"
both_peers "shorter" cuts $SERVER 9001 needle pin
both_peers "longer" cuts $SERVER 9002 needle 'a much longer haystack'
both_peers "of equal length" cuts $SERVER 9003 needle NEEDLE
both_peers "by nothing" cuts $SERVER 9004 needle ''
both_peers "by text that contains the string" cuts $SERVER 9005 aab aaab
both_peers "longer, over IPv6" cuts $SERVER6 9002 needle 'a much longer haystack'
at_least "$(counter edits_applied)" 1000 "the box counts the edits"
stop_box
finish
