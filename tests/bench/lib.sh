# lib.sh - what the benchmarks share; to be sourced by the groups (tests/bench/*.sh), which run.sh
# starts with these set:
#   BENCH_DIR   records.tsv (metric, variant, alternation, value), comparisons.tsv, and what is made
#               once for several groups
#   BENCH_N     alternations;  BENCH_S  seconds of one measurement
#   BENCH       what is wanted: extended regular expression over GROUP/VARIANT, or `targets`
#
# A group names its variants, how each is measured, and what is compared with what.  The variants of
# a comparison take turns (A B C A B C ...); each pair of one turn gives one ratio.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
D=$NET_TMP
GROUP=$(basename "$0" .sh)
BOX=10.77.0.3
: "${BENCH_DIR:?}" "${BENCH_N:=10}" "${BENCH_S:=3}" "${BENCH:=}"
NEEDED='' # variants that comparisons with a target need

die() {
	echo "bench: $GROUP: $*" >&2
	exit 1
}

note() { echo "# $GROUP: $*" >&2; }

record() { # metric, variant, value
	[ -n "$3" ] || {
		note "$2: no result for $1"
		return 1
	}
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$TURN" "$3" >>"$BENCH_DIR/records.tsv"
}

# The result is a line of the table.  kind: ratio (ours / peer), difference (ours - peer), value.
# Metrics are written METRIC/VARIANT; target: `>=1.0`, `<=120` or `-`.
compare() { # name, unit, ours, peer or -, kind, target
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$BENCH_DIR/comparisons.tsv"
	[ "$6" = - ] || NEEDED="$NEEDED ${3#*/} ${4#*/}"
}

wanted() { # variant
	case $BENCH in
	'') return 0 ;;
	targets) case " $NEEDED " in *" $1 "*) return 0 ;; *) return 1 ;; esac ;;
	*) [[ "$GROUP/$1" =~ $BENCH ]] ;;
	esac
}

# A B C A B C ...: start, measure, stop.  `measure VARIANT` records.
alternate() { # variants...
	local v list=''
	for v in "$@"; do
		wanted "$v" && list="$list $v"
	done
	[ -n "$list" ] || return 0
	for TURN in $(seq "$BENCH_N"); do
		for v in $list; do
			variant_start "$v" || die "$v does not start"
			measure "$v"
			variant_stop
		done
	done
}

# ---- the network -----------------------------------------------------------------------------

# Every offload of every device off, so that what passes are the frames that a wire would carry, and
# all variants see the same: checksums are there (DPDK's driver needs that), nothing is larger than
# the MTU.  MTU= of all devices.
bench_topo() {
	local off='tso off gso off gro off tx off' d
	[ "$(id -u)" = 0 ] || die 'needs root (network namespaces)'
	NET_OFFLOADS=off
	topo_up || die 'no network'
	for d in lan wan; do
		# shellcheck disable=SC2086 # words
		in_box ethtool -K $d $off >/dev/null 2>&1
		ip -n "$NET-box" link set $d mtu "${MTU:-1500}"
	done
	for d in client server; do
		# shellcheck disable=SC2086
		ip netns exec "$NET-$d" ethtool -K eth0 $off >/dev/null 2>&1
		ip -n "$NET-$d" link set eth0 mtu "${MTU:-1500}"
	done
	ip -n "$NET-box" addr add $BOX/24 dev br0
	hugepages_reserve 700
	note "$(topo_describe); checksum offload off, too; MTU ${MTU:-1500}"
}

# ---- variants --------------------------------------------------------------------------------

READER="$B/tests/pm/reader.so"

readers() { # N, [parallel]
	local i
	for i in $(seq "$1"); do
		[ -z "${2:-}" ] || [ "$i" != 1 ] || echo '      - parallel:'
		echo "      ${2:+    }- { pm: r$i, file: $READER }"
	done
}

AD='<script src="http://ads.example/ad.js">document.write("an advertisement")</script>'

# Configuration of a variant; `bench_stages VARIANT` of a group may know more of them.
bench_config() { # variant
	{
		printf '  - name: bench\n    match: "%s"\n    stages:\n' \
			"$([ "$1" = none ] && echo tcp port 9 || echo "${MATCH:-tcp}")"
		case $1 in
		none) readers 1 ;;
		spin) readers 1 ;;
		reader*) readers "${1#reader}" ;;
		parallel*) readers "${1#parallel}" parallel ;;
		adblock) echo "      - $(pm_adblock ads.example)" ;;
		delete) echo "      - $(pm_replace edit 'http://ads.example/ad.js' '')" ;;
		replace | together) echo "      - $(pm_replace edit 'not in the data' x)" ;;
		*) bench_stages "$1" ;;
		esac
	} | box_config "$D/$1.yaml"
	sed -i 's/frames: 16K/frames: 32K/' "$D/$1.yaml"
	[ "$1" != spin ] || sed -i 's/^box:/&\n  wait: spin/' "$D/$1.yaml"
}

start_testpmd() {
	local pmd='-- --forward-mode=io --nb-cores=1 -a --disable-link-check --total-num-mbufs=32768'
	command -v dpdk-testpmd >/dev/null || die 'dpdk-testpmd is missing: apt-get install dpdk-dev'
	mkfifo "$D/pmd.in" 2>/dev/null
	# it ends when its standard input does
	sleep 100000 >"$D/pmd.in" &
	PMD_IN=$!
	# shellcheck disable=SC2086 # words
	ip netns exec "$NET-box" stdbuf -oL dpdk-testpmd --no-pci --no-huge --file-prefix "$NET" -m 512 \
		--lcores '0@(0-1),1@(0-1)' --vdev net_af_xdp0,iface=lan \
		--vdev net_af_xdp1,iface=wan $pmd <"$D/pmd.in" >"$D/pmd.log" 2>&1 &
	PMD=$!
	wait_for 300 grep -q '^Done' "$D/pmd.log"
}

proxy_nginx() {
	mkdir -p "$D/proxy"
	cat >"$D/proxy/nginx.conf" <<-END
		user root;
		worker_processes 1;
		daemon off;
		pid $D/proxy/pid;
		error_log $D/proxy/error.log;
		events { worker_connections 4096; }
		http {
			access_log off;
			client_body_temp_path $D/proxy/body;
			proxy_temp_path $D/proxy/proxy;
			fastcgi_temp_path $D/proxy/fastcgi;
			uwsgi_temp_path $D/proxy/uwsgi;
			scgi_temp_path $D/proxy/scgi;
			keepalive_requests 1000000;
			upstream web { server $SERVER; keepalive 64; keepalive_requests 1000000; }
			server {
				listen $BOX:80 backlog=4096;
				location / {
					proxy_pass http://web;
					proxy_http_version 1.1;
					proxy_set_header Connection "";
					proxy_buffers 64 16k;
					sub_filter '$AD' '';
					sub_filter_once off;
				}
			}
		}
	END
	# a simple command, so that $! is the proxy itself
	ip netns exec "$NET-box" nginx -e "$D/proxy/error.log" -p "$D/proxy" -c "$D/proxy/nginx.conf" \
		>"$D/proxy/out" 2>&1 &
	PROXY=$!
	wait_for 100 listens box 80
}

proxy_privoxy() {
	mkdir -p "$D/privoxy"
	cat >"$D/privoxy/config" <<-END
		confdir /etc/privoxy
		actionsfile $D/privoxy/ads.action
		filterfile $D/privoxy/ads.filter
		listen-address $BOX:80
		accept-intercepted-requests 1
		keep-alive-timeout 60
		connection-sharing 1
		max-client-connections 512
		buffer-limit 16384
	END
	printf '{ +filter{ads} }\n/\n' >"$D/privoxy/ads.action"
	printf 'FILTER: ads\ns|<script src="http://ads\\.example/[^>]*>[^<]*</script>||g\n' \
		>"$D/privoxy/ads.filter"
	ip netns exec "$NET-box" privoxy --no-daemon "$D/privoxy/config" >"$D/privoxy/out" 2>&1 &
	PROXY=$!
	wait_for 100 listens box 80
}

# The kernel routes: both hosts think that the other is a neighbour.
route_up() {
	in_box sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.lan.proxy_arp=1 \
		net.ipv4.conf.wan.proxy_arp=1 net.ipv4.conf.all.rp_filter=0
	ip -n "$NET-box" addr del $BOX/24 dev br0
	for d in "lan $CLIENT" "wan $SERVER"; do
		ip -n "$NET-box" link set "${d% *}" nomaster
		ip -n "$NET-box" route add "${d#* }/32" dev "${d% *}"
	done
	forget_neighbours
}

route_down() {
	for d in lan wan; do
		ip -n "$NET-box" route flush dev $d
		ip -n "$NET-box" link set $d master br0
	done
	in_box sysctl -q -w net.ipv4.conf.lan.proxy_arp=0 net.ipv4.conf.wan.proxy_arp=0
	ip -n "$NET-box" addr add $BOX/24 dev br0
	forget_neighbours
}

forget_neighbours() {
	ip -n "$NET-client" neigh flush dev eth0
	ip -n "$NET-server" neigh flush dev eth0
}

on_one_core() { # command...: what it starts stays on the first core, this shell does not
	local all status
	all=$(taskset -pc $BASHPID) && taskset -pc 0 $BASHPID >/dev/null || return
	"$@"
	status=$?
	taskset -pc "${all##* }" $BASHPID >/dev/null
	return $status
}

variant_start() { # variant
	VARIANT=$1 TARGET=$SERVER
	case $1 in
	bridge) ;;
	route) route_up ;;
	testpmd) start_testpmd ;;
	nginx) TARGET=$BOX && proxy_nginx ;;
	privoxy) TARGET=$BOX && proxy_privoxy ;;
	together) bench_config "$1" && on_one_core box_start "$D/$1.yaml" ;;
	*) bench_config "$1" && box_start "$D/$1.yaml" ;;
	esac && wait_for 50 in_client ping -q -c 1 -W 1 "$TARGET"
}

variant_stop() {
	case $VARIANT in
	bridge) ;;
	route) route_down ;;
	testpmd)
		kill "$PMD_IN" "$PMD" 2>/dev/null
		wait "$PMD_IN" "$PMD" 2>/dev/null
		;;
	nginx | privoxy)
		kill "$PROXY"
		wait "$PROXY" 2>/dev/null
		;;
	*) box_stop ;;
	esac
	# AF_XDP sockets go a moment after their owner
	sleep 0.3
}

# ---- measurements ----------------------------------------------------------------------------

serve_iperf() {
	in_server iperf3 -s -D --logfile "$D/iperf.log"
	wait_for 100 listens server 5201
}

gbits() { # connections, [more arguments]: Gbit/s that arrived
	in_client iperf3 -c $SERVER -t "$BENCH_S" -J --connect-timeout 5000 -P "$@" 2>/dev/null |
		$PYTHON -c 'import json, sys
print("%.4f" % (json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"] / 1e9))' 2>/dev/null
}

# Pages of about so many bytes, a twentieth of it advertisements.
make_pages() {
	mkdir -p "$D/www"
	$PYTHON - "$D/www" "$AD" <<-'END'
		import random, sys
		folder, ad = sys.argv[1:]
		r = random.Random(1)
		words = ["".join(r.choices("etaoinshrdlu", k=r.randint(2, 9))) for _ in range(500)]
		def page(size):
		    out, n = ["<html><body>\n"], 0
		    while n < size:
		        p = "<p>" + " ".join(r.choices(words, k=220)) + "</p>\n" + ad + "\n"
		        out.append(p)
		        n += len(p)
		    return ("".join(out))[:size - 16].rsplit("<", 1)[0] + "</body></html>\n"
		for name, size in (("4k", 4096), ("100k", 102400), ("4m", 4 << 20)):
		    open(folder + "/" + name + ".html", "w").write(page(size))
	END
}

# Requests per second and the 99th percentile in ms, with so many connections.
pages() { # path, connections, [more arguments of wrk]
	local path=$1 n=$2
	shift 2
	in_client wrk -t 1 -c "$n" -d "${BENCH_S}s" --timeout 10s --latency "$@" \
		"http://$TARGET/$path" >"$D/wrk" 2>&1
	awk '
		function ms(t) { return t ~ /us$/ ? t / 1000 : t ~ /ms$/ ? t + 0 : t * 1000 }
		$1 == "99%" { p99 = ms($2) }
		$1 == "Requests/sec:" { rate = $2 }
		/Socket errors|Non-2xx/ { print "# " $0 > "/dev/stderr" }
		END { if (rate > 0) printf "%.1f %.3f\n", rate, p99 }' "$D/wrk"
}

# User and system seconds of a command and all its children, and wall seconds: "CPU WALL".
cpu_wall() { # command...
	local TIMEFORMAT='%U %S %R'
	{ time "$@" >"$D/cpu.out" 2>&1; } 2>"$D/cpu.time" || {
		note "failed: $*: $(tail -n 1 "$D/cpu.out")"
		return 1
	}
	awk '{printf "%.3f %.3f\n", $1 + $2, $3}' "$D/cpu.time"
}
