#!/usr/bin/env bash
# While curl and iperf3 move bytes, every process of the box is killed 20 times (FULL=1: 200), one after
# the other, at random moments: no connection is lost, every byte comes once, and in the end no frame
# and no descriptor is missing or too many.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
TIMES=20
[ "$FULL" = 1 ] && TIMES=200
SEED=${SEED:-$RANDOM}
echo "# SEED=$SEED"
RANDOM=$SEED
mkdir "$D/www"
seq -f 'line %.0f has a ~ in it' 400000 >"$D/www/text"
sed 's/~/tilde/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80 or tcp port 5201"' "{ pm: web, file: $B/tests/pm/poison.so }" \
	"$(pm_to_file digest "$D/streams.tsv")" | box_config "$D/box.yaml"
need_box "$D/box.yaml"
PROCESSES='keeper ingress.lan.0 ingress.wan.0 classifier.0 pm.web.0 pm.digest.0 egress.0'

pid_of() { # process
	if [ "$1" = keeper ]; then
		pgrep -f -- "flowos-keeper .*$D/run/"
	else
		pgrep -f -- "--keeper $D/run/.* --proc $1\$"
	fi | head -n 1
}
# Frames that some process keeps, once what was under way has come to rest.
held() {
	flowosctl_in_box audit -o json | "$PYTHON" -c "import json,sys
f = json.load(sys.stdin)['frames']
print(f['classifier'] + f['egress'])"
}
# Those that tell of a module's death come with its process: one that a keeper was restarted under has none.
descriptors() {
	find "/proc/$(pid_of keeper)/fd" -type l -not -lname '*seccomp notify*' | wc -l
}
deaths_told() { find "/proc/$(pid_of keeper)/fd" -lname '*seccomp notify*' | wc -l; }
# The supervisor is the only one that lives through all of it.
supervisor() {
	find "/proc/$BOX_PID/fd" -type l | wc -l
	sed -n 's/^VmData:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$BOX_PID/status"
}
at_rest() { [ "$(held)" = "$HELD" ]; }
same_descriptors() { [ "$(descriptors)" = "$FDS" ]; }

fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "undisturbed, the bytes are right"
# The first keeper made everything, one that was restarted was handed it: that is what is compared, once the
# stages have found it.
keeper=$(pid_of keeper)
kill -KILL "$keeper"
wait_for 100 pm_changed keeper "$keeper"
HELD='' FDS=''
settled() {
	local before="$HELD $FDS"
	sleep 0.5
	HELD=$(held) FDS=$(descriptors)
	[ "$before" = "$HELD $FDS" ]
}
wait_for 50 settled
read -r SUPER_FDS SUPER_KB <<<"$(supervisor | xargs)"
is_up() { [ -n "$(pid_of "$1")" ]; }
in_server iperf3 -s -1 >"$D/iperf3" 2>&1 &
wait_for 100 listens server 5201
in_client iperf3 -c $SERVER -b 30M -t $((TIMES * 7 * 12 / 100 + 4)) >"$D/iperf3.client" 2>&1 &
iperf=$!
broken=0 pages=0
(
	while [ ! -e "$D/stop" ]; do
		in_client curl -s -S --max-time 120 --limit-rate 5M -o "$D/got" \
			"http://$SERVER/open/text" && cmp -s "$D/got" "$D/want" || echo broken
		echo page
	done >"$D/pages" 2>"$D/curl.log"
) &
curls=$!
kills=0
for _ in $(seq $TIMES); do
	for p in $PROCESSES; do
		sleep "0.$(printf %02d $((4 + RANDOM % 13)))"
		wait_for 100 is_up "$p"
		pid=$(pid_of "$p")
		[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null && kills=$((kills + 1))
	done
done
touch "$D/stop"
wait $curls
broken=$(grep -c broken "$D/pages")
pages=$(grep -c page "$D/pages")
at_least $kills $((TIMES * 6)) "processes were killed, each about $TIMES times"
is "$broken" 0 "$pages pages meanwhile ($kills kills): every byte once"
[ "$broken" = 0 ] || sed 's/^/# /' "$D/curl.log"
wait $iperf
is $? 0 "iperf3 meanwhile comes to its end"
is "$(counter pm_rules_broken)" 0 "no value of a PM was refused"
fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "afterwards, the bytes are right"
check "no frame is kept that was not before" wait_for 100 at_rest
wait_for 100 same_descriptors
is "$(descriptors)" "$FDS" "the keeper has as many descriptors as before"
check "and one for the death of each module at most" test "$(deaths_told)" -le 2
read -r fds kb <<<"$(supervisor | xargs)"
is "$fds" "$SUPER_FDS" "as has the supervisor"
at_least $((SUPER_KB + 300)) "$kb" "whose memory has not grown either ($SUPER_KB kB, now $kb)"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
