#!/usr/bin/env bash
# hostile.sh [PAIRS [ATTACK...]] - what an attacking module costs the flows of others (make bench-hostile)
#
# A download runs through one pipeline at full speed.  A module of another pipeline attacks whenever it
# sees a byte (tests/pm/hostile.c), which is sent to it twenty times a second for a while, then not for
# a while, in turn.  Printed: megabytes a second without and with (medians), and the median of the
# ratios of the PAIRS (12) of neighbouring whiles; `none` shows what chance does.  Needs root, and
# cores that have nothing else to do.
. "$(dirname "$0")/../net/lib.sh"
PAIRS=${1:-12}
[ $# = 0 ] || shift
ATTACKS=${*:-none $(grep -oE '\{"[a-z]+", [a-z]+\}' tests/pm/hostile.c | cut -d'"' -f2)}
need_root
D=$NET_TMP
echo "$(nproc) cores, Linux $(uname -r), load $(cut -d' ' -f1-3 /proc/loadavg)"
topo_up || exit 1
mkdir "$D/www"
truncate -s 256G "$D/www/zeros"
start_nginx "$D/www" || exit 1
in_server "$PYTHON" tests/net/poison.py server 81 &
wait_for 100 listens server 81

# Bytes that have come to the client, and when.
now() { in_client sh -c 'echo "$(cat /sys/class/net/eth0/statistics/rx_bytes) $(date +%s%N)"'; }
speed() { # megabytes per second, over half a second
	local a b
	a=$(now)
	sleep 0.5
	b=$(now)
	echo "$a $b" | awk '{ printf "%.1f\n", ($3 - $1) * 1e3 / ($4 - $2) }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
printf '%-12s %10s %10s %8s\n' attack without with ratio
for attack in $ATTACKS; do
	{
		pipeline good '"tcp port 80"' "$(pm_replace web needle haystack)"
		pipeline bad '"tcp port 81"' "{ pm: bad, file: $B/tests/pm/hostile.so,
          options: { attack: $attack } }"
	} | box_config "$D/box.yaml"
	box_start "$D/box.yaml" || exit 1
	in_client curl -s -o /dev/null "http://$SERVER/zeros" &
	good=$!
	sleep 0.5
	: >"$D/pairs"
	for _ in $(seq "$PAIRS"); do
		without=$(speed)
		in_client "$PYTHON" tests/net/poison.py client "$SERVER" 81 attacks >/dev/null 2>&1 &
		bad=$!
		sleep 0.3
		echo "$without $(speed)" >>"$D/pairs"
		kill $bad
		wait $bad 2>/dev/null
		sleep 0.7 # an attack may last for half a second
	done
	kill $good
	wait $good 2>/dev/null
	echo "$attack $(cut -d' ' -f1 "$D/pairs" | median) $(cut -d' ' -f2 "$D/pairs" | median)" \
		"$(awk '{ print $2 / $1 }' "$D/pairs" | median)" |
		awk '{ printf "%-12s %10.1f %10.1f %8.2f\n", $1, $2, $3, $4 }'
	box_stop
done
