#!/usr/bin/env bash
# The supervisor is killed: stages run on, the next `run` adopts them, `stop` ends them; and stages are
# restarted, and a module replaced, while a transfer is under way.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
# one byte: a word that the end of a segment cuts in two may pass as it is (README.md, "Known limits")
seq -f 'line %.0f has a ~ in it' 600000 >"$D/www/text"
sed 's/~/tilde/' "$D/www/text" >"$D/want"
echo 'the colour of a ~' >"$D/www/shade"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "$(pm_replace web '~' tilde)" | box_config "$D/box.yaml"
need_box "$D/box.yaml"

pids() { box_status "' '.join(str(p['pid']) for p in s['processes'])"; }
slowly() { # file
	slow_fetch "http://$SERVER/open/text" "$1"
	curl=$!
}
ends_well() { # file, sentence
	hurry
	wait $curl
	is $? 0 "$2: it ends well"
	same_file "$1" "$D/want" "$2: the bytes are right"
}

# ---- killed and adopted ----------------------------------------------------------------------

kill_supervisor() {
	kill -KILL "$BOX_PID"
	wait "$BOX_PID" 2>/dev/null
}
before=$(pids)
slowly "$D/got"
kill_supervisor
is "$(pids)" "$before" "the supervisor is killed: every process runs on"
fetch "http://$SERVER/open/text" "$D/alone"
same_file "$D/alone" "$D/want" "without it, pages are edited"
pm=$(pm_pid web)
kill -KILL "$pm"
wait_for 50 box_gone "$pm"
need_box "$D/box.yaml"
check "it says what it did" grep -q 'adopted 5 of 6 processes' "$D/box.log"
check "the PM that died meanwhile is started" wait_for 100 pm_changed web "$pm"
is "$(pids | cut -d' ' -f1-4)" "$(echo "$before" | cut -d' ' -f1-4)" "the others are as they were"
ends_well "$D/got" "a transfer that was under way"
check "an adopted process that is killed is started again: a PM" pm_kill web 2 0.2
# shellcheck disable=SC2317,SC2329 # called by check
kill_keeper() {
	local pid
	pid=$(pm_pid keeper)
	kill -KILL "$pid" && wait_for 100 pm_changed keeper "$pid"
}
slowly "$D/got"
check "and the keeper, with all that it held" kill_keeper
ends_well "$D/got" "a transfer meanwhile"
check "the audit is clean" flowosctl_in_box audit

# ---- supervisor and keeper killed together ------------------------------------------------------

# shellcheck disable=SC2317,SC2329 # called by check
xdp_is_on() { [ "$(in_box ip -o link show | grep -c ' xdp')" = 2 ]; }
slowly "$D/got"
sleep 0.5
keeper=$(pm_pid keeper)
before=$(pids | cut -d' ' -f2-)
kill -KILL "$BOX_PID" "$keeper"
wait "$BOX_PID" 2>/dev/null
wait_for 50 box_gone "$keeper"
check "supervisor and keeper are killed together: packets are still taken" xdp_is_on
fetch "http://$SERVER/open/text" "$D/alone"
same_file "$D/alone" "$D/want" "without both, pages are edited"
need_box "$D/box.yaml"
check "a new supervisor adopts the stages, with a new keeper" grep -q 'adopted 6 of 6' "$D/box.log"
is "$(pids | cut -d' ' -f2-)" "$before" "they are as they were"
ends_well "$D/got" "a transfer that was under way then"
check "the new keeper, killed, comes back" kill_keeper
check "and a PM" pm_kill web 2 0.2
slowly "$D/got"
kill -KILL "$BOX_PID" "$(pm_pid keeper)" "$(pm_pid egress.0)" "$(pm_pid web)"
wait "$BOX_PID" 2>/dev/null
sleep 0.3
need_box "$D/box.yaml"
check "with egress and a PM at the same time: adopted" grep -q 'adopted 4 of 6' "$D/box.log"
ends_well "$D/got" "a transfer then"
check "the audit is clean after that" flowosctl_in_box audit
sed 's/"~"/"noodle"/' "$D/box.yaml" >"$D/other.yaml"
kill_supervisor
kill -KILL "$(pm_pid keeper)"
in_box "$B/bin/flowosctl" run "$D/other.yaml" >"$D/out" 2>&1
is $? 1 "what is left of a box is not taken for another file's"
check "it says whose it is" grep -q "what is left of a box of .*box.yaml" "$D/out"
need_box "$D/box.yaml"

# ---- restart and upgrade ---------------------------------------------------------------------

slowly "$D/got"
for stage in pm/web ingress classifier egress keeper; do
	check "flowosctl restart $stage" in_box "$B/bin/flowosctl" restart $stage "$D/box.yaml"
done
check "during the transfer" kill -0 $curl
ends_well "$D/got" "a transfer while each was restarted"

refused() { # sentence, module, regex
	local pid
	pid=$(pm_pid web)
	in_box "$B/bin/flowosctl" upgrade pm/web "$2" "$D/box.yaml" >"$D/out" 2>&1
	is $? 1 "$1: refused"
	check "$1: a line says why" grep -qE "$3" "$D/out" || sed 's/^/# /' "$D/out"
	[ -n "${4:-}" ] || is "$(pm_pid web)" "$pid" "$1: the module in use was not touched"
	fetch "http://$SERVER/open/shade" "$D/got"
	is "$(cat "$D/got")" "the colour of a tilde" "$1: it goes on"
}
refused "a module of another ABI" "$B/tests/pm/wrong_abi.so" 'ABI'
refused "one that does not load" "$B/tests/pm/unresolved.so" 'no_host_has_this'
refused "one on another stream" "$B/pms/count.so" 'another (stream|set of)'
refused "one whose init() refuses" "$B/tests/pm/refuses.so" 'runs .*replace.so again' restarted
slowly "$D/got"
check "flowosctl upgrade" in_box "$B/bin/flowosctl" upgrade pm/web "$B/tests/pm/color.so" "$D/box.yaml"
fetch "http://$SERVER/open/shade" "$D/new"
is "$(cat "$D/new")" "the color of a ~" "new bytes go through the new module"
hurry
wait $curl
is $? 0 "the transfer during which it was replaced ends well"
sed 's/tilde/~/' "$D/got" >"$D/back"
same_file "$D/back" "$D/www/text" "its bytes are those of the old module, then of the new one"

# ---- orphans ---------------------------------------------------------------------------------

check "the audit is clean at the end" flowosctl_in_box audit
kill_supervisor
check "flowosctl stop ends what a killed supervisor left" in_box "$B/bin/flowosctl" stop "$D/box.yaml"
is "$(ip netns pids "$NET-box" | wc -l)" 0 "no process is left"
BOX_PID=''
need_box "$D/box.yaml"
keeper=$(pm_pid keeper)
kill_supervisor
kill -KILL "$keeper"
check "also when the keeper is gone" in_box "$B/bin/flowosctl" stop "$D/box.yaml"
is "$(ip netns pids "$NET-box" | wc -l)" 0 "no process is left then"
BOX_PID=''
finish
