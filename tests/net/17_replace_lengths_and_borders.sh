#!/usr/bin/env bash
# replace with shorter, longer, equal and no text; the string cut by segment borders at every
# offset; both directions at once.
. "$(dirname "$0")/lib.sh"
NET_OFFLOADS=off # each write of the endpoints stays a segment of its own
need_topo
# a busy machine may take longer between two writes than the module would wait by default
HOLD='hold: { bytes: 64K, time: 10s }'
{
	pipeline shorter '"tcp port 9001"' "$(pm_replace shorter needle pin "$HOLD")"
	pipeline longer '"tcp port 9002"' "$(pm_replace longer needle 'a much longer haystack' "$HOLD")"
	pipeline equal '"tcp port 9003"' "$(pm_replace equal needle NEEDLE "$HOLD")"
	pipeline nothing '"tcp port 9004"' "$(pm_replace nothing needle '' "$HOLD")"
	pipeline itself '"tcp port 9005"' "$(pm_replace itself aab aaab "$HOLD")"
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
