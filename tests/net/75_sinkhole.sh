#!/usr/bin/env bash
# A module that sends packets of its own: it answers queries for names it blocks, and the server is not
# asked.  Killed again and again meanwhile: each query has one answer, from one of the two.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
pipeline dns '"udp port 53"' "{ pm: sink, file: $B/tests/pm/sinkhole.so, $PATIENT }" |
	box_config "$D/box.yaml"
need_box "$D/box.yaml"
in_server "$PYTHON" tests/net/dns.py server 53 "$D/asked" &
wait_for 100 grep -q ready "$D/asked"

is "$(in_client "$PYTHON" tests/net/dns.py client $SERVER 53 40)" \
	"blocked 20 open 20 again 0 wrong 0 lost 0" "the module answers for blocked names, else the server"
is "$(in_client "$PYTHON" tests/net/dns.py client $SERVER6 53 40)" \
	"blocked 20 open 20 again 0 wrong 0 lost 0" "over IPv6 too"
is "$(counter packets_sent_by_pm)" 40 "the answers are counted"

in_client "$PYTHON" tests/net/dns.py client $SERVER 53 600 >"$D/got" &
client=$!
check "the module is killed 5 times" pm_kill sink 5 0.5
wait $client
is "$(cat "$D/got")" "blocked 300 open 300 again 0 wrong 0 lost 0" "meanwhile: each query has one answer"
is "$(grep -c blocked "$D/asked")" 0 "the server was never asked for a blocked name"
is "$(grep -c open "$D/asked")" 340 "and once for each other"
is "$(counter packets_sent_by_pm)" 340 "each answer was sent once"
is "$(counter pm_sends_malformed) $(counter pm_sends_foreign) $(counter pm_sends_gone)" "0 0 0" \
	"none was refused"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
