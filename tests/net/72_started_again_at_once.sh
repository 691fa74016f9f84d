#!/usr/bin/env bash
# A module that cannot start, under a manager that starts its processes again at once, as systemd does with
# units, one of which is its spare's: whichever asks waits for the lease ever longer.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
BOX_CONFIG=$D/box.yaml
in_server "$PYTHON" tests/net/poison.py server 80 &
wait_for 100 listens server 80
ABSENT=/tmp/$NET-absent # while it is there init() refuses; where a module that is no longer root sees it
rm -f "$ABSENT"
pipeline web '"tcp port 80"' "{ pm: web, file: $B/tests/pm/poison.so, spare: yes,
          options: { absent: $ABSENT } }" | box_config "$BOX_CONFIG"

# Restart=always, RestartSec=
unit() { # seconds, program, argument...
	local rest=$1 program=$2
	shift 2
	until [ -e "$D/over" ]; do
		in_box "$B/bin/$program" "$@"
		sleep "$rest"
	done >>"$D/box.log" 2>&1
}
stage() { # seconds, program, process, [argument]
	unit "$1" "$2" --keeper "$D/run/control.sock" --proc "${@:3}" &
}
unit 0.05 flowos-keeper "$BOX_CONFIG" --socket "$D/run/control.sock" &
stage 0.05 flowos-ingress ingress.lan.0
stage 0.05 flowos-ingress ingress.wan.0
stage 0.05 flowos-classifier classifier.0
stage 0.05 flowos-egress egress.0
stage 0.05 flowos-pmhost pm.web.0 --or-spare
of_web() { box_status "[p['$1'] for p in s['processes'] if p['name'] == 'web'][0]" 2>/dev/null; }
# shellcheck disable=SC2317,SC2329 # called by wait_for
runs() { [ "$(of_web state)" = running ] && in_client ping -q -c 1 -W 1 "$SERVER" >/dev/null; }
need "keeper and stages run, started by hand" wait_for 200 runs
stage 0.5 flowos-pmhost pm.web.0 --spare
# shellcheck disable=SC2317,SC2329 # called by wait_for
works() { [ "$(in_client "$PYTHON" tests/net/poison.py client "$SERVER" 80 good)" = "a tilde b" ]; }
check "the module works" wait_for 50 works

# shellcheck disable=SC2317,SC2329 # called by wait_for
lives() { [ "$(of_web restarts)" -ge "$1" ]; }
touch "$ABSENT"
kill -KILL "$(pm_pid web)"
check "it dies again and again" wait_for 300 lives 10
before=$(of_web restarts)
sleep 4
# where spares need not wait there is one more life at least whenever one has been started
nr=$(($(of_web restarts) - before))
[ $nr -le 4 ]
ok $? "each successor waits longer for the lease" || echo "# $nr lives in 4 s"
wait_for 100 lives $((before + nr + 1))
is $? 0 "but one has it in the end"
rm -f "$ABSENT"
check "that works where it can" wait_for 100 works
touch "$D/over"
check "stopped" flowosctl_in_box stop
# shellcheck disable=SC2317,SC2329 # called by wait_for
nobody() { ! pgrep -f -- "$D/run/control.sock" >/dev/null; }
wait_for 100 nobody
is $? 0 "no process is left"
finish
