#!/usr/bin/env bash
# Installed and run by a real systemd in a container: traffic flows, every unit is killed under
# load, a hung PM is killed by its watchdog, and stopping leaves nothing.
. "$(dirname "$0")/lib.sh"
. tests/net/systemd/container.sh
why=$(sd_lacks)
[ -z "$why" ] || skip_all "$why"
trap 'sd_stop; net_cleanup' EXIT
need_topo
D=$NET_TMP
INST=$D/inst

# ---- installing ------------------------------------------------------------------------------

need "make install" make -s B="$B" install DESTDIR="$INST"
# A slow reader makes the server stop anywhere, also inside a needle: the PM is to await the rest.
cp "$B/tests/pm/hostile.so" "$INST/usr/lib/flowos/pm"
{
	pipeline web '"tcp port 80"' '{ pm: web, file: /usr/lib/flowos/pm/replace.so, hold: { time: 60s },
          spare: yes, options: { find: "needle", with: "haystack" } }' \
		'{ pm: digest, options: { file: streams.tsv } }'
	pipeline bad '"tcp port 81"' '{ pm: bad, file: /usr/lib/flowos/pm/hostile.so,
          options: { attack: neighbours } }'
} | box_config "$D/box.yaml"
sed 's,run_dir: .*,run_dir: /run/flowos,' "$D/box.yaml" >"$INST/etc/flowos/flowos.yaml"
cp "$INST/etc/flowos/flowos.yaml" "$D/before"
check "once more" make -s B="$B" install DESTDIR="$INST"
check "the configuration is left alone" cmp "$D/before" "$INST/etc/flowos/flowos.yaml"
for f in "$INST"/usr/lib/systemd/system/flowos-*.service; do
	check "${f##*/} is exposed less than 3.0" \
		systemd-analyze security --offline=true --threshold=30 --no-pager "$f"
done
if ! sd_boot "$INST"; then
	tail -n 5 "$D/systemd.log" | sed 's/^/# /'
	skip_all 'no systemd container boots on this machine, see above'
fi
UNITS=$(in_sd flowosctl units)
is "$(echo "$UNITS" | tr '\n' ' ')" "flowos-ingress@ingress.lan.0.service $(
	)flowos-ingress@ingress.wan.0.service flowos-classifier@classifier.0.service $(
	)flowos-pm@pm.web.0.service flowos-pm-spare@pm.web.0.service $(
	)flowos-pm@pm.digest.0.service flowos-pm@pm.bad.0.service $(
	)flowos-egress@egress.0.service " \
	"flowosctl units names one unit per process, two of one with a spare"
need "flowosctl enable" in_sd flowosctl enable
check "daemon-reload" in_sd systemctl daemon-reload
is "$(in_sd systemctl show -P Wants flowos.target | tr ' ' '\n' | sort | tr '\n' ' ')" \
	"$(printf '%s\n' "$UNITS" flowos-keeper.service flowos-traffic.service | sort | tr '\n' ' ')" \
	"flowos.target wants them"
# shellcheck disable=SC2086 # names
is "$(in_sd systemd-analyze verify --man=no flowos.target $UNITS 2>&1)" "" \
	"systemd-analyze verify has nothing to say"

# ---- running ---------------------------------------------------------------------------------

mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 300000 >"$D/www/text"
sed 's/needle/haystack/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
# shellcheck disable=SC2317,SC2329 # called by need
start_target() { in_sd timeout 150 systemctl start flowos.target; }
NR_UNITS=$(($(echo "$UNITS" | wc -l) + 2))
# shellcheck disable=SC2086,SC2317,SC2329 # names; called by check
all_are() { # state
	local states
	states=$(in_sd systemctl is-active flowos-keeper flowos-traffic $UNITS | sort | uniq -c | xargs)
	[ "$states" = "$NR_UNITS $1" ] || { echo "$states"; return 1; }
}
say_journal() { in_sd journalctl -q --no-pager -o cat -n 40 -u 'flowos*' | sed 's/^/# /'; }
before=$NR_FAILED
check "systemctl start flowos.target" start_target
check "$NR_UNITS units are active, packets are taken" all_are active
if [ "$NR_FAILED" != "$before" ]; then
	say_journal
	finish
fi

fetch_right() { # sentence
	rm -f "$D/got"
	fetch "http://$SERVER/open/text" "$D/got"
	same_file "$D/got" "$D/want" "$1"
}
fetch_right "the edited bytes are right"
status() { # name: of the main process of a unit
	in_sd grep "^$2:" "/proc/$(in_sd systemctl show -P MainPID "$1")/status" |
		cut -f 2- | tr '\t' ' '
}
PM=flowos-pm@pm.web.0.service SPARE=flowos-pm-spare@pm.web.0.service
for u in $UNITS; do
	is "$(status "$u" CapPrm) $(status "$u" NoNewPrivs) $(status "$u" Seccomp)" \
		"0000000000000000 1 2" "$u has no capability, can gain none, is filtered"
done
is "$(for u in flowos-keeper $UNITS; do status "$u" Uid | cut -d' ' -f1; done | sort -u | wc -l)" \
	$((4 + $(echo "$UNITS" | grep -c pm@))) \
	"keeper, ingress, classifier, egress and each PM are a user each"
is "$(status "$SPARE" Uid)" "$(status "$PM" Uid)" "a PM's spare is its PM's user"
is "$(in_sd sh -c "nsenter -t $(in_sd systemctl show -P MainPID "$PM") -n ip -br link" | wc -l)" 1 \
	"a PM sees no network but its own loopback"

# What no unit's filter says the host's own does, before it loads the module.
owner() { in_sd stat -c %U "/proc/$(in_sd systemctl show -P MainPID "$1")/environ"; }
is "$(owner "$PM") $(owner "$SPARE")" "root root" "not even others of their user can look into PMs"

# ---- killing ---------------------------------------------------------------------------------

restarts() { in_sd systemctl show -P NRestarts "$1"; }
back() { # unit, restarts before
	[ "$(restarts "$1")" -gt "$2" ] && [ "$(in_sd systemctl is-active "$1")" = active ]
}
status_json() { in_sd flowosctl status -o json | "$PYTHON" -c "import json,sys
s = json.load(sys.stdin)
print($1)"; }
main_pid() { in_sd systemctl show -P MainPID "$1"; }
holder() { status_json "[p['pid'] for p in s['processes'] if p['name'] == 'web'][0]"; }
has_lease() { [ "$(holder)" = "$(main_pid "$1")" ]; }
# Killed, its counterpart has the lease; started again, it waits: its process has the module and sleeps.
swaps() { # unit that has the lease, the other
	wait_for 100 has_lease "$1" || { echo "$1 has no lease"; return 1; }
	kill_one "$1" KILL || { echo "$1 does not come back"; return 1; }
	has_lease "$2" && in_sd grep -q replace.so "/proc/$(main_pid "$1")/maps"
}
kill_one() { # unit, signal
	local n
	n=$(restarts "$1")
	in_sd systemctl kill -s "$2" --kill-who=main "$1"
	wait_for 200 back "$1" "$n"
}

# There is always a transfer under way; slowly, so that one lasts for several kills.
transfers=0 broken=0
transfer() {
	in_client curl -s -S --max-time 200 --limit-rate 2M -o "$D/slow" "http://$SERVER/open/text" &
	curl=$!
}
settle() {
	wait $curl && cmp -s "$D/slow" "$D/want" || broken=$((broken + 1))
	transfers=$((transfers + 1))
}
disturb() { # sentence, command...
	kill -0 $curl 2>/dev/null || { settle; transfer; }
	check "$@"
}
transfer
for u in flowos-keeper.service $UNITS; do
	disturb "killed, $u comes back" kill_one "$u" KILL
done
# either may be it, after all of that
which_is_it() {
	ONE=$PM OTHER=$SPARE
	has_lease "$PM" || ONE=$SPARE OTHER=$PM
}
which_is_it
disturb "a PM killed, its spare's unit has its lease, and its own waits" swaps $ONE $OTHER
disturb "that one killed: likewise" swaps $OTHER $ONE
disturb "systemctl restart of the keeper" in_sd systemctl restart flowos-keeper
disturb "systemctl restart of a PM" in_sd systemctl restart "$PM"
which_is_it
disturb "a PM that hangs is killed by its watchdog" kill_one "$ONE" STOP
settle
is "$broken" 0 "the transfers meanwhile ended well, with the right bytes"
echo "# $transfers transfers"
check "the audit is clean" in_sd flowosctl audit
check "all units are active" all_are active
fetch_right "after all of that the edited bytes are right"
is "$(status_json "s['counters'].get('pm_rules_broken')")" 0 "no value of a PM was refused"
at_least "$(in_sd cat /var/lib/flowos/pm.digest.0/streams.tsv | wc -l)" 2 \
	"a PM wrote to its own directory"

in_server "$PYTHON" tests/net/poison.py server 81 &
wait_for 100 listens server 81
in_client "$PYTHON" tests/net/poison.py client "$SERVER" 81 attack >/dev/null 2>&1 &
died_of_it() { in_sd journalctl -q --no-pager -o cat -u flowos-pm@pm.bad.0 | grep -q 'status=31/SYS'; }
check "a module that kills its neighbours dies of it" wait_for 100 died_of_it
quarantined() { [ "$(status_json "s['counters'].get('flows_quarantined')")" = 1 ]; }
check "again and again, until the flow is taken from it" wait_for 100 quarantined
check "and its unit is active again" wait_for 100 all_are active

# ---- reloading ----

reload_with() { # word
	sed "s/haystack/$1/" "$D/before" >"$SD_ROOT/etc/flowos/flowos.yaml"
	in_sd timeout 60 systemctl reload flowos-traffic
}
check "systemctl reload, the module having other options" reload_with hayrick
rm -f "$D/got"
fetch "http://$SERVER/open/text" "$D/got"
sed 's/needle/hayrick/' "$D/www/text" >"$D/other"
same_file "$D/got" "$D/other" "it edits by them"
check "and the ones before" reload_with haystack
check "all units are active" wait_for 100 all_are active

# ---- stopping --------------------------------------------------------------------------------

# The target goes first, its parts follow: systemctl does not wait for them.
# shellcheck disable=SC2317,SC2329 # called by check
stop_target() {
	in_sd systemctl stop flowos.target && wait_for 300 all_are inactive
}
check "systemctl stop flowos.target" stop_target
check "all units are inactive, none has failed" all_are inactive
is "$(in_sd ps -eo comm= | grep -c '^flowos')" 0 "no process is left"
check "nor the run directory" in_sd test ! -e /run/flowos
is "$(in_box ip -d link show lan | grep -c xdp)" 0 "nor the XDP program"
fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/www/text" "the bridge carries the bytes as they are"
check "it starts again" start_target
fetch_right "and edits again"

# ---- another configuration -------------------------------------------------------------------

sed -e '/digest/d' -e 's/spare: yes, //' "$D/before" >"$SD_ROOT/etc/flowos/flowos.yaml"
check "without digest and the spare, enable again" in_sd flowosctl enable
check "daemon-reload, again" in_sd systemctl daemon-reload
check "systemctl restart flowos.target" in_sd timeout 60 systemctl restart flowos.target
is "$(status_json "' '.join(sorted(p['name'] for p in s['processes'] if p['pid']))" | xargs)" \
	"bad classifier.0 egress.0 ingress.lan.0 ingress.wan.0 keeper web" \
	"the new box has one PM less"
is "$(in_sd systemctl is-active flowos-pm@pm.digest.0.service $SPARE | xargs)" "inactive inactive" \
	"digest's unit has stopped, as has the spare"
fetch_right "and the bytes are right"
check "and stops again" stop_target
[ "$NR_FAILED" = 0 ] || say_journal
finish
