#!/usr/bin/env bash
# A module's process that is stopped (SIGSTOP) for a moment, for a second, for ever; and what is left of
# a box of which nothing can be taken over.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a ~ in it' 300000 >"$D/www/text"
sed 's/~/tilde/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
start_nginx "$D/www" 8080 || skip_all "a second nginx does not start"
{
	pipeline web '"tcp port 80"' "{ pm: web, file: $B/tests/pm/poison.so }"
	pipeline other '"tcp port 8080"' "{ pm: other, file: $B/tests/pm/poison.so }"
} | box_config "$D/box.yaml"
need_box "$D/box.yaml"
deaths() {
	box_status "[p['counters'] for p in s['processes'] if p['name'] == 'keeper'][0].get('pm_deaths', 0)"
}
slowly() {
	slow_fetch "http://$SERVER/open/text" "$D/got"
	curl=$!
	sleep 0.3
}

# ---- stopped ---------------------------------------------------------------------------------

slowly
pid=$(pm_pid web)
for pause in 0.001 0.01 1; do
	kill -STOP "$pid"
	sleep $pause
	kill -CONT "$pid"
done
hurry
wait $curl
is $? 0 "stopped for 1 ms, 10 ms and 1 s: the transfer ends well"
same_file "$D/got" "$D/want" "with every byte edited once"
# on a machine that is very busy the watchdog may have lost its patience with it
pid=$(pm_pid web) before=$(deaths)
slowly
kill -STOP "$pid"
fetch "http://$SERVER:8080/open/text" "$D/meanwhile"
same_file "$D/meanwhile" "$D/want" "stopped for ever: flows of others pass meanwhile"
check "its watchdog kills it" wait_for 80 pm_changed web "$pid"
hurry
wait $curl
is $? 0 "the flow that waited ends well"
same_file "$D/got" "$D/want" "with every byte edited once"
at_least "$(deaths)" $((before + 1)) "the death is counted"
fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "new flows pass the module again"
check "the audit is clean" flowosctl_in_box audit
pid=$(pm_pid web)
if gdb -q -batch -p "$pid" -ex bt -ex 'shell sleep 5' 2>&1 | grep -q '^#0'; then
	is "$(pm_pid web)" "$pid" "its watchdog has patience while a debugger holds it"
	fetch "http://$SERVER/open/text" "$D/got"
	same_file "$D/got" "$D/want" "and it goes on"
else
	skip 'a debugger: gdb is not installed, or may not trace'
fi

# ---- stale -----------------------------------------------------------------------------------

# Only modules' processes are left, which hold nothing: there is no box to take over.
old=$(pm_pid web)
core='keeper ingress.lan.0 ingress.wan.0 classifier.0 egress.0'
pids=$(for p in $core; do box_status "[p['pid'] for p in s['processes'] if p['proc'] == '$p'][0]"; done)
# shellcheck disable=SC2086 # a list of numbers
kill -KILL "$BOX_PID" $pids
wait "$BOX_PID" 2>/dev/null
# descriptors could still be taken out of one that has not let go of its memory
for p in $pids; do
	wait_for 100 box_gone "$p"
done
check "modules' processes live on without a box" kill -0 "$old"
need_box "$D/box.yaml"
check "a new box is made, which says what is lost" grep -q 'connections with edits are lost' "$D/box.log"
ok $(($(pm_pid web) == old)) "with modules' processes of its own"
check "those of the old one have ended" wait_for 20 box_gone "$old"
fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "nothing of the old one is taken for the new one's"
check "the audit is clean again" flowosctl_in_box audit
stop_box
is "$(ip netns pids "$NET-box" | wc -l)" 0 "no process is left"
finish
