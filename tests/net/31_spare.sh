#!/usr/bin/env bash
# A PM with a warm spare: killed, the spare has its lease and goes on where it was.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 600000 >"$D/www/text"
sed 's/needle/haystack/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "$(pm_replace web needle haystack 'spare: yes')" | box_config "$D/box.yaml"
need_box "$D/box.yaml"

# One that has taken over is a spare by its command line for ever.
spares() { pgrep -f -- "$D/run/.*--proc pm.web.0 --spare" | grep -vx "$(pm_pid web)" | xargs; }
# The spare becomes the PM: it is the same process.  Then there is another spare.
takes_over() { # signal
	local pid spare
	wait_for 150 spare_is_warm
	pid=$(pm_pid web) spare=$(spares)
	kill -"$1" "$pid"
	wait_for 100 pm_changed web "$pid" || return 1
	[ "$(pm_pid web)" = "$spare" ] || { echo "$(pm_pid web) is not the spare, $spare"; return 1; }
}
# It has loaded the module and sleeps.
# shellcheck disable=SC2317,SC2329 # called by wait_for
spare_is_warm() {
	local pid
	pid=$(spares)
	[ -n "$pid" ] && grep -q replace.so "/proc/$pid/maps" && grep -q '^State:.S' "/proc/$pid/status"
}
writable() { grep -c ' rw-s .*pm.web.0' "/proc/$1/maps"; }

wait_for 100 spare_is_warm
is "$(spares | wc -w)" 1 "one spare waits"
check "it has loaded the module" spare_is_warm
is "$(writable "$(spares)")" 0 "it can write no region"
is "$(writable "$(pm_pid web)")" 1 "the PM can write its own"
# Short turns on a processor, Linux 6.12 and later; who is in no hurry has those that egress has.
turn() { sed -n 's/^se.slice *: *//p' "/proc/$1/sched"; }
# shellcheck disable=SC2317,SC2329 # called by wait_for
unhurried() { [ "$(turn "$(pm_pid web)")" = "$(turn "$egress")" ]; }
# shellcheck disable=SC2317,SC2329 # called by wait_for
hurried() { [ "$(turn "$(spares)")" -lt "$(turn "$egress")" ]; }
egress=$(pgrep -f "$D/run/.*--proc egress.0")
policy=$(chrt -p "$egress" | sed -n 's/.*policy: //p')
turns=
# CAP_SYS_NICE, which root has but in some containers
may_hasten() { (($((0x$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status))) >> 23 & 1)); }
if may_hasten && [ "$policy" = SCHED_OTHER ] && [ -n "$(turn "$egress")" ] &&
	[ "$(printf '6.12\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.12 ]; then
	turns=yes
	wait_for 50 unhurried
	check "the PM is in no hurry" unhurried
	wait_for 50 hurried
	check "its spare is to have a processor at once" hurried
else
	skip "no turns of a length of their own: Linux $(uname -r), $policy, or no CAP_SYS_NICE"
fi
slow_fetch "http://$SERVER/open/text" "$D/got"
curl=$!
for i in 1 2 3 4; do
	check "killed, time $i: the spare is the PM" takes_over KILL
done
check "asked to end: the spare is the PM" takes_over TERM
check "during a transfer" kill -0 $curl
if [ -n "$turns" ]; then
	wait_for 50 unhurried
	check "a spare that has taken over is in no hurry any more" unhurried
fi
hurry
wait $curl
is $? 0 "which ends well"
same_edited "$D/got" "$D/want" "with every byte edited once"
check "upgrade" in_box "$B/bin/flowosctl" upgrade pm/web "$B/tests/pm/color.so" "$D/box.yaml"
# shellcheck disable=SC2317,SC2329 # called by wait_for
spare_has_color() { grep -q color.so "/proc/$(spares)/maps"; }
wait_for 50 spare_has_color
check "after an upgrade the spare has the new module" spare_has_color
check "the audit is clean" flowosctl_in_box audit
stop_box
is "$(ip netns pids "$NET-box" | wc -l)" 0 "no process is left"
finish
