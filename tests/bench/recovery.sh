#!/usr/bin/env bash
# How long a killed PM is missed: CONNECTIONS carry RATE packets a second in all (half of them data, half
# their acknowledgements) through one module that edits; its process is killed KILLS times, cold and then
# with `spare: yes`.  What is measured: recovery.c.  One run of many kills takes the place of the
# alternations.
. "$(dirname "$0")/lib.sh"
CONNECTIONS=${CONNECTIONS:-10000} RATE=${RATE:-20000} KILLS=${KILLS:-$((10 * BENCH_N))}
for spare in no yes; do
	for what in 'median' 'p99'; do
		compare "kill to first release, spare: $spare, $what" ms "$what/spare-$spare" - value -
	done
done
[ "$BENCH" != targets ] || exit 0
[ "$(id -u)" = 0 ] || die 'needs root (network namespaces)'
note "$CONNECTIONS connections, $RATE packets/s, one editing module, $KILLS kills each"
TURN=1
idle() { awk '/^cpu / { print $5 }' /proc/stat; }
for spare in no yes; do
	# each in a network of its own: what the first leaves behind would be counted against the second
	topo_up || die 'no network'
	in_server "$B/bench/load" server 80 &
	wait_for 100 listens server 80
	in_client sysctl -q -w net.ipv4.ip_local_port_range='2000 65000'
	pipeline web '"tcp port 80"' "$(pm_replace web needle haystack "spare: $spare")" |
		box_config "$D/box.yaml"
	sed -i 's/flows: 8K/flows: 64K/; s/frames: 16K/frames: 64K/' "$D/box.yaml"
	box_start "$D/box.yaml" || die 'the box does not start'
	in_client "$B/bench/load" client "$SERVER" 80 "$CONNECTIONS" $((RATE / 2)) >"$D/load" 2>&1 &
	load=$!
	wait_for 600 grep -q established "$D/load" || { cat "$D/load"; exit 1; }
	sleep 1
	before=$(idle)
	in_box "$B/bench/recovery" "$D/run/control.sock" web "$KILLS" 1500 | tee "$D/recovery" |
		sed "s/^/# recovery: spare: $spare: /"
	echo "$(idle) $before $(getconf CLK_TCK) $((KILLS * 3 / 2)) $(nproc)" | awk '{
		printf "# recovery: cores idle for %d%% of the time\n", ($1 - $2) * 100 / $3 / $4 / $5 }'
	for what in median p99; do
		record $what "spare-$spare" "$(sed -n \
			"s/^kill to first release.* $what *\\([0-9.]*\\) ms.*/\\1/p" "$D/recovery")"
	done
	kill $load
	wait $load 2>/dev/null
	box_stop
	topo_down
	sleep 5
done
