#!/usr/bin/env bash
# recovery.sh [FLOWS [PACKETS_PER_SECOND [KILLS]]] - how long a killed PM is missed (make bench)
#
# FLOWS established connections (10000) carry PACKETS_PER_SECOND (20000) through one module that
# edits, in namespaces; its process is killed KILLS times (100), cold and then with `spare: yes`.
# What is measured: tests/bench/recovery.c.  Needs root, and cores that have nothing else to do.
. "$(dirname "$0")/../net/lib.sh"
FLOWS=${1:-10000} RATE=${2:-20000} KILLS=${3:-100}
need_root
D=$NET_TMP
idle() { awk '/^cpu / { print $5 }' /proc/stat; }
echo "$FLOWS flows, $RATE packets/s, one editing module; $(nproc) cores, Linux $(uname -r)," \
	"load $(cut -d' ' -f1-3 /proc/loadavg)"
for spare in no yes; do
	# each in a network of its own: what the first leaves behind would be counted against the second
	topo_up || exit 1
	in_server "$B/bench/load" server 80 &
	wait_for 100 listens server 80
	in_client sysctl -q -w net.ipv4.ip_local_port_range='2000 65000'
	pipeline web '"tcp port 80"' "$(pm_replace web needle haystack "spare: $spare")" |
		box_config "$D/box.yaml"
	sed -i 's/flows: 8K/flows: 64K/; s/frames: 16K/frames: 64K/' "$D/box.yaml"
	box_start "$D/box.yaml" || exit 1
	in_client "$B/bench/load" client "$SERVER" 80 "$FLOWS" "$RATE" >"$D/load" 2>&1 &
	load=$!
	wait_for 600 grep -q established "$D/load" || { cat "$D/load"; exit 1; }
	sleep 1
	echo "spare: $spare"
	before=$(idle)
	in_box "$B/bench/recovery" "$D/run/control.sock" web "$KILLS" 1500
	echo "$(idle) $before $(getconf CLK_TCK) $((KILLS * 3 / 2)) $(nproc)" |
		awk '{ printf "cores idle for %d%% of the time\n", ($1 - $2) * 100 / $3 / $4 / $5 }'
	kill $load
	wait $load 2>/dev/null
	box_stop
	topo_down
	sleep 5
done
