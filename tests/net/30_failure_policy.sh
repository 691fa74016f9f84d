#!/usr/bin/env bash
# Flows that kill their module are taken out of its hands, one that hangs is killed by its watchdog, and
# on_failure says what becomes of the others' flows while it is down.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
ABSENT=/tmp/$NET-absent # where a module that is no longer root sees it
rm -f "$ABSENT"
mkdir "$D/www"
seq -f "line %.0f has a ~ in it" 600000 >"$D/www/text"
sed 's/~/tilde/' "$D/www/text" >"$D/want"
start_nginx "$D/www" 8080 || skip_all "nginx does not start"
in_server "$PYTHON" tests/net/poison.py server 80 &
wait_for 100 listens server 80

policy() { # on_failure
	pipeline web '"tcp port 80 or tcp port 8080"' "{ pm: web, file: $B/tests/pm/poison.so,
          on_failure: $1, options: { absent: $ABSENT } }" | box_config "$D/box.yaml"
}
get() { in_client "$PYTHON" tests/net/poison.py client "$SERVER" 80 "$1"; }

# ---- quarantine ------------------------------------------------------------------------------

policy restart
need_box "$D/box.yaml"
is "$(get good)" "a tilde b" "the module works"
slow_fetch "http://$SERVER:8080/open/text" "$D/got"
curl=$!
is "$(get untouched)" "$(printf 'hello \1 world ~\n~ end')" \
	"untouched, the flow that kills it goes on without it"
is "$(counter flows_quarantined)" 1 "it is counted"
at_least "$(counter pm_deaths_on_flow)" 3 "as are the deaths on it"
is "$(get good)" "a tilde b" "the module lives on for others"
is "$(get folded)" "$(printf 'a tilde b\nc \1 ~ d\n~ e')" \
	"edited and acknowledged, it goes on translated"
is "$(get live)" "reset" "with edits unacknowledged, it is reset"
is "$(counter flows_quarantined)" 3 "three are in quarantine"
# The first death is by a kill that finds its heartbeat old, but nobody has seen it stand: as where a busy
# machine has run neither it nor the keeper.
keeper=$(pm_pid keeper) pid=$(pm_pid web)
kill -STOP "$keeper"
get hang >"$D/hang" &
hang=$!
sleep 1.5
kill -KILL "$pid"
kill -CONT "$keeper"
wait $hang
is "$(cat "$D/hang")" "$(printf 'before tilde \2 ~ after')" \
	"one that makes it hang likewise: the watchdog kills it"
at_least "$(grep -c 'pm.web.0 .* hangs; killing it' "$D/box.log")" 3 \
	"the log says that it hung; a kill whose victim nobody saw hang did not count against the flow"
is "$(counter flows_quarantined)" 4 "four are in quarantine"
check "a transfer of another flow is under way" kill -0 $curl
hurry
wait $curl
is $? 0 "it ends well"
same_file "$D/got" "$D/want" "with every byte edited once"
before=$(counter pm_deaths_on_flow)
check "kills from outside" pm_kill web 5 0.1
is "$(counter pm_deaths_on_flow)" "$before" "count against no flow"
is "$(counter pm_rules_broken)" 0 "no value of the module was refused"
check "the audit is clean" flowosctl_in_box audit
stop_box

# ---- while it is down ------------------------------------------------------------------------

# shellcheck disable=SC2317,SC2329 # called by wait_for
is_down() {
	[ "$(box_status "[p['state'] for p in s['processes'] if p['name'] == 'web'][0]")" != running ]
}
down() {
	local pid
	pid=$(pm_pid web)
	touch "$ABSENT"
	kill -KILL "$pid"
	wait_for 50 is_down
}
policy bypass
need_box "$D/box.yaml"
is "$(get good)" "a tilde b" "bypass: the module works"
down
is "$(get good)" "a ~ b" "bypass: while it is down, flows go on without it"
at_least "$(counter flows_bypassed)" 1 "bypass: it is counted"
n=$(pm_restarts web)
sleep 3
ok $(($(pm_restarts web) - n > 12)) "a module that does not start is tried ever more rarely"
rm "$ABSENT"
check "bypass: it comes back" wait_for 100 pm_changed web 0
is_good() { [ "$(get good)" = "a tilde b" ]; }
wait_for 50 is_good
is "$(get good)" "a tilde b" "bypass: new flows go through it again"
check "bypass: the audit is clean" flowosctl_in_box audit
stop_box

policy block
need_box "$D/box.yaml"
is "$(get good)" "a tilde b" "block: the module works"
down
in_client curl -s -S --max-time 3 -o "$D/none" "http://$SERVER:8080/text" 2>/dev/null
is $? 28 "block: while it is down, no connection begins"
at_least "$(counter drop_pm_down)" 1 "block: its first packets are counted"
get good >"$D/late" &
late=$!
rm "$ABSENT"
wait $late
is "$(cat "$D/late")" "a tilde b" "block: a connection that was refused a moment ago begins when it is back"
stop_box
finish
