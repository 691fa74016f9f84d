#!/usr/bin/env bash
# recovery_table.sh [KILLS [FLOWS...]] - how long each killed process is missed (make bench-recovery)
#
# FLOWS established connections (100, 10000, 100000) carry 20,000 packets a second in all, half of them
# data and half their acknowledgements, through one module that edits, in namespaces; each process is
# killed KILLS times (100), the module's cold and then with `spare: yes`.  What is measured:
# tests/bench/recovery.c.  MANAGER=systemd: the same under a real systemd in a container.  Needs root, and
# cores that have nothing else to do: the last column says how idle they were.
. "$(dirname "$0")/../net/lib.sh"
KILLS=${1:-100} RATE=20000 PAUSE=${PAUSE:-700}
[ $# = 0 ] || shift
need_root
D=$NET_TMP
idle() { awk '/^cpu / { print $5, systime() }' /proc/stat; }
if [ "${MANAGER:-}" = systemd ]; then
	. tests/net/systemd/container.sh
	trap 'sd_stop; net_cleanup' EXIT
fi
echo "$RATE packets/s, one editing module; $(nproc) cores, Linux $(uname -r)," \
	"load $(cut -d' ' -f1-3 /proc/loadavg); ms: median, p99, least"
printf '%7s %-16s %28s %28s %8s %5s\n' flows process 'kill to lease' 'kill to first work' kills idle

start_box() {
	if [ "${MANAGER:-}" != systemd ]; then
		box_start "$D/box.yaml"
		return
	fi
	make -s B="$B" install DESTDIR="$D/inst" && cp "$B/bench/recovery" "$D/inst/usr/bin/" &&
		sed 's,run_dir: .*,run_dir: /run/flowos,; s,file: [^ ,]*/,file: /usr/lib/flowos/pm/,' \
			"$D/box.yaml" >"$D/inst/etc/flowos/flowos.yaml" &&
		sd_boot "$D/inst" && in_sd flowosctl enable && in_sd systemctl daemon-reload &&
		in_sd timeout 60 systemctl start flowos.target
}
measure() { # process
	if [ "${MANAGER:-}" = systemd ]; then
		in_sd recovery /run/flowos/control.sock "$1" "$KILLS" "$PAUSE" row
	else
		in_box "$B/bench/recovery" "$D/run/control.sock" "$1" "$KILLS" "$PAUSE" row
	fi
}
row() { # flows, process, how
	local before line
	before=$(idle)
	line=$(measure "$2") || line="$line (not all)"
	echo "$(idle) $before $(getconf CLK_TCK) $(nproc)" | awk -v flows="$1" -v what="$2 $3" \
		-v line="$line" '{ printf "%7s %-16s %s %4d%%\n", flows, what, line,
		($1 - $3) * 100 / $5 / ($2 - $4 + 1e-9) / $6 }'
}
for flows in ${*:-100 10000 100000}; do
	for spare in ${SPARES:-no yes}; do
		# each in a network of its own: what the first leaves behind would count against the second
		topo_up || exit 1
		# so many ends as the limit of descriptors asks for
		ends=$((flows / 18000 + 1)) loads=
		for i in $(seq $ends); do
			in_server "$B/bench/load" server $((79 + i)) &
			wait_for 100 listens server $((79 + i))
		done
		in_client sysctl -q -w net.ipv4.ip_local_port_range='2000 65000'
		pipeline web '"tcp portrange 80-99"' "$(pm_replace web needle haystack "spare: $spare")" |
			box_config "$D/box.yaml"
		sed -i "s/flows: 8K/flows: $((flows > 20000 ? 512 : 64))K/; s/frames: 16K/frames: 64K/" \
			"$D/box.yaml"
		start_box || exit 1
		for i in $(seq $ends); do
			in_client "$B/bench/load" client "$SERVER" $((79 + i)) $((flows / ends)) \
				$((RATE / 2 / ends)) >"$D/load$i" 2>&1 &
			loads="$loads $!"
			wait_for 1200 grep -q established "$D/load$i" || { cat "$D/load$i"; exit 1; }
		done
		sleep 1
		if [ $spare = yes ]; then
			PAUSE=1500 row "$flows" pm.web.0 spare
		else
			for process in pm.web.0 ingress.lan.0 classifier.0 egress.0 keeper; do
				row "$flows" $process ''
			done
		fi
		# shellcheck disable=SC2086 # a list of numbers
		{ kill $loads && wait $loads; } 2>/dev/null
		[ "${MANAGER:-}" = systemd ] && { sd_stop; rm -rf --one-file-system "$SD_ROOT"; }
		box_stop
		topo_down
		sleep 2
	done
done
