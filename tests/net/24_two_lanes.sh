#!/usr/bin/env bash
# Two lanes, each with its own classifier, module and egress: the addresses of a connection decide
# which one takes both its directions, by whatever queue its packets come.
. "$(dirname "$0")/lib.sh"
NET_QUEUES=2
need_topo
for i in $(seq 100 131); do
	ip -n "$NET-client" addr add "10.77.0.$i/24" dev eth0
	ip -n "$NET-client" -6 addr add "fd77::$i/64" dev eth0 nodad
done
pipeline edit '"tcp portrange 9000-9002"' \
	"$(pm_replace edit needle haystack 'hold: { bytes: 64K, time: 60s }')" |
	box_config "$NET_TMP/box.yaml"
sed -i 's/^box:/&\n  lanes: 2/' "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"

both_peers "100 connections, edited both ways" swap $SERVER 9001 100 needle haystack
both_peers "and again, over IPv6" swap $SERVER6 9002 100 needle haystack
both_bulk "one connection" $SERVER 9000 50
pm_kill pm.edit.0 4 0.2 &
KILL0=$!
pm_kill pm.edit.1 4 0.2 &
KILL1=$!
both_peers "while the modules of both lanes are killed" swap $SERVER 9001 200 needle haystack
wait $KILL0
ok $? "the module of lane 0 was killed four times"
wait $KILL1
ok $? "the module of lane 1 was killed four times"
for lane in 0 1; do
	at_least "$(counter_of "classifier.$lane" flows_opened)" 20 "lane $lane opened connections"
	at_least "$(counter_of "egress.$lane" edits_applied)" 760 "lane $lane edited them"
done
is "$(counter flows_opened)" 401 "each connection was in one lane"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
