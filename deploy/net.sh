# net.sh - the network in which FlowOS is shown and tested; to be sourced by bash (root).
#
#    namespace NET-client             namespace NET-box              namespace NET-server
#   +--------------------+      +---------------------------+      +--------------------+
#   | eth0  10.77.0.2/24 |------| lan ----- br0 ------ wan  |------| eth0  10.77.0.1/24 |
#   |       fd77::2/64   | veth |    (a Linux bridge)       | veth |       fd77::1/64   |
#   +--------------------+      +---------------------------+      +--------------------+
#
# The box is a bump in the wire: both hosts are in one subnet, and with FlowOS stopped the bridge
# carries everything.  Set before topo_up:
#   NET          prefix of the namespaces' names             (flowos)
#   NET_QUEUES   receive and transmit queues of every device (1)
#   NET_OFFLOADS on: the hosts' TSO/GSO/GRO stay as they are (the kernel switches the senders' TSO
#                off while XDP is attached); off: all three are off, so that frames on the wire are
#                what the hosts' TCP built                   (on)
#   B            build directory                            (build)
# NET_TMP is a directory for configurations, logs and pages; net_cleanup removes it and the rest.

NET=${NET:-flowos}
NET_QUEUES=${NET_QUEUES:-1}
NET_OFFLOADS=${NET_OFFLOADS:-on}
B=$(realpath -m "${B:-build}")
NET_TMP=$(mktemp -d --suffix="-$NET")
# the keeper's socket lies in it, and a socket's path is short
[ ${#NET_TMP} -le 70 ] || { rmdir "$NET_TMP" && NET_TMP=$(mktemp -d -p /tmp --suffix="-$NET"); } || exit 1
CLIENT=10.77.0.2 SERVER=10.77.0.1 CLIENT6=fd77::2 SERVER6=fd77::1
HUGE=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
PYTHON=python3
[ ! -x /usr/bin/python3 ] || PYTHON=/usr/bin/python3 # the one that Debian's python3-* are for
BOX_PID='' HUGE_BEFORE=''

in_client() { ip netns exec "$NET-client" "$@"; }
in_box() { ip netns exec "$NET-box" "$@"; }
in_server() { ip netns exec "$NET-server" "$@"; }

# ---- topology --------------------------------------------------------------------------------

host_up() { # namespace, address, IPv6 address
	local run="ip netns exec $1"
	ip -n "$1" link set lo up
	# A kernel whose default is another may refuse cubic in a namespace; reno never is refused.
	$run sysctl -q -w net.ipv4.tcp_congestion_control=cubic 2>/dev/null ||
		$run sysctl -q -w net.ipv4.tcp_congestion_control=reno
	$run sysctl -q -w net.ipv4.tcp_no_metrics_save=1 net.ipv6.conf.eth0.accept_dad=0 \
		net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.eth0.router_solicitations=0
	# An XDP program sees the frame, not the tags that a device keeps beside it.
	$run ethtool -K eth0 txvlan off tx-vlan-stag-hw-insert off >/dev/null
	if [ "$NET_OFFLOADS" = off ]; then
		$run ethtool -K eth0 tso off gso off gro off >/dev/null
	fi
	ip -n "$1" addr add "$2/24" dev eth0
	ip -n "$1" -6 addr add "$3/64" dev eth0 nodad
	ip -n "$1" link set eth0 up
}

veth() { # host's namespace, the box's end
	local q="numrxqueues $NET_QUEUES numtxqueues $NET_QUEUES"
	# shellcheck disable=SC2086 # two words each
	ip -n "$1" link add eth0 $q type veth peer name "$2" netns "$NET-box" $q
	in_box sysctl -q -w "net.ipv6.conf.$2.disable_ipv6=1"
	ip -n "$NET-box" link set "$2" master br0 up
}

topo_up() {
	local ns
	topo_down
	for ns in client box server; do
		ip netns add "$NET-$ns" || return 1
	done
	ip -n "$NET-box" link set lo up
	ip -n "$NET-box" link add br0 type bridge stp_state 0 mcast_snooping 0 forward_delay 0
	in_box sysctl -q -w net.ipv6.conf.br0.disable_ipv6=1
	ip -n "$NET-box" link set br0 up
	veth "$NET-client" lan && veth "$NET-server" wan || return 1
	host_up "$NET-client" $CLIENT $CLIENT6
	host_up "$NET-server" $SERVER $SERVER6
	wait_for 50 in_client ping -q -c 1 -W 1 $SERVER
}

# Kill what runs inside, then remove the namespaces; harmless when there are none.
topo_down() {
	local ns pids
	for ns in client box server shim; do
		[ -e "/run/netns/$NET-$ns" ] || continue
		pids=$(ip netns pids "$NET-$ns" 2>/dev/null)
		# shellcheck disable=SC2086 # a list of numbers
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
		ip netns del "$NET-$ns" 2>/dev/null
	done
	return 0
}

topo_describe() {
	echo "client $CLIENT -- lan [ box: bridge br0 ] wan -- $SERVER server," \
		"$NET_QUEUES queue(s), hosts' TSO/GSO/GRO $NET_OFFLOADS, congestion control" \
		"$(in_client sysctl -n net.ipv4.tcp_congestion_control)"
}

# Try a command every 0.1 s, at most three times N times: N is what a machine takes that has nothing else
# to do.
wait_for() { # N, command...
	local n=$((3 * $1))
	shift
	while ! "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || return 1
		sleep 0.1
	done
}

listens() { # namespace suffix, port
	[ -n "$(ip netns exec "$NET-$1" ss -Hltn "sport = :$2")" ]
}

# ---- servers in the server's namespace -------------------------------------------------------

# nginx serving a directory on port 80 (or PORT): /x has a Content-Length, /open/x is the same
# file delimited by the closing of the connection.
start_nginx() { # directory [port]
	local dir=$NET_TMP/nginx-${2:-80}
	mkdir -p "$dir"
	cat >"$dir/nginx.conf" <<-END
		user root;
		worker_processes 1;
		daemon off;
		pid $dir/pid;
		error_log $dir/error.log;
		events { worker_connections 4096; }
		http {
			access_log off;
			sendfile on;
			default_type text/html;
			send_timeout 600s; # a page that is cut off would have no mark of it
			client_body_temp_path $dir/body;
			proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi;
			uwsgi_temp_path $dir/uwsgi;
			scgi_temp_path $dir/scgi;
			server {
				listen ${2:-80} backlog=4096;
				listen [::]:${2:-80} backlog=4096;
				root $1;
				location /open/ {
					alias $1/;
					ssi on;
					ssi_types *;
					chunked_transfer_encoding off;
					keepalive_timeout 0;
				}
			}
		}
	END
	in_server nginx -e "$dir/error.log" -p "$dir" -c "$dir/nginx.conf" >"$dir/out" 2>&1 &
	wait_for 100 listens server "${2:-80}" && return
	cat "$dir/out" "$dir/error.log" >&2
	return 1
}

# ---- the box ---------------------------------------------------------------------------------

flowosctl() { "$B/bin/flowosctl" "$@"; }

# Start FlowOS in the box's namespace and wait until it says that it is ready.
box_start() { # configuration file
	BOX_CONFIG=$1
	: >"$NET_TMP/box.log"
	# A simple command, so that $! is flowosctl itself; bash ignores SIGINT in background jobs.
	ip netns exec "$NET-box" env --default-signal=INT "$B/bin/flowosctl" run "$1" \
		>"$NET_TMP/box.log" 2>&1 &
	BOX_PID=$!
	wait_for 300 ready_or_dead
	grep -q '^flowos: ready' "$NET_TMP/box.log" && return
	echo "net.sh: the box did not become ready:" >&2
	tail -n 20 "$NET_TMP/box.log" >&2
	box_stop
	return 1
}

ready_or_dead() {
	grep -q '^flowos: ready' "$NET_TMP/box.log" || ! kill -0 "$BOX_PID" 2>/dev/null
}

# Ask it to stop (Ctrl-C); kill it when it has not within 20 s.  Returns its exit status.
box_stop() {
	local pid=$BOX_PID
	[ -n "$pid" ] || return 0
	BOX_PID=''
	kill -INT "$pid" 2>/dev/null
	if ! wait_for 200 box_gone "$pid"; then
		echo "net.sh: the box did not stop within 20 s" >&2
		kill -KILL "$pid" 2>/dev/null
	fi
	wait "$pid" 2>/dev/null
}

box_gone() { ! kill -0 "$1" 2>/dev/null; }

# A command of flowosctl that looks at the running box.
flowosctl_in_box() { in_box "$B/bin/flowosctl" "$@" "$BOX_CONFIG"; }

# One value out of `flowosctl status -o json`: an expression over s (the document).
box_status() { # python expression
	in_box "$B/bin/flowosctl" status -o json "$BOX_CONFIG" |
		$PYTHON -c "import json,sys; s = json.load(sys.stdin); print($1)"
}

counter() { box_status "s['counters'].get('$1', 'no such counter')"; }
# The same of one process, by its full name (ingress.lan.0).
counter_of() { # process, counter
	box_status "[p['counters'].get('$2', 0) for p in s['processes'] if p['proc'] == '$1'][0]"
}
pid_now() { box_status "[p['pid'] for p in s['processes'] if p['name'] == '$1'][0]"; } # 0 = it is down
# Never 0, which kill would take for the caller's own process group.
pm_pid() {
	local pid
	for _ in $(seq 200); do
		pid=$(pid_now "$1") || return 1
		[ "$pid" -gt 0 ] && echo "$pid" && return
		sleep 0.1
	done
	return 1
}
pm_restarts() { box_status "[p['restarts'] for p in s['processes'] if p['name'] == '$1'][0]"; }

# Kill a PM N times, each time after its successor has come up.
pm_kill() { # name, times, seconds between
	local i pid old=''
	for i in $(seq "$2"); do
		wait_for 100 pm_changed "$1" "$old" || return 1
		pid=$(pm_pid "$1") && kill -KILL "$pid" || return 1
		old=$pid
		[ "$i" = "$2" ] || sleep "$3"
	done
}

pm_changed() { # name, previous pid
	local pid
	pid=$(pid_now "$1") && [ "$pid" -gt 0 ] && [ "$pid" != "$2" ]
}

# ---- hugepages -------------------------------------------------------------------------------

# Reserve N pages of 2 MiB if the machine has them to give; net_cleanup restores the count.
hugepages_reserve() { # N
	[ -w $HUGE ] || return 0
	[ -n "$HUGE_BEFORE" ] || HUGE_BEFORE=$(cat $HUGE)
	echo "$1" >$HUGE 2>/dev/null
	return 0
}

hugepages_restore() {
	[ -z "$HUGE_BEFORE" ] || echo "$HUGE_BEFORE" >$HUGE 2>/dev/null
	HUGE_BEFORE=''
}

# ---- files -----------------------------------------------------------------------------------

sha() { sha256sum "$@" | cut -d' ' -f1; }

# A file of N MB that does not compress and has no hole; the same for the same seed.
make_file() { # file, megabytes, seed
	$PYTHON - "$1" "$2" "$3" <<-'END'
		import random, sys
		r = random.Random(int(sys.argv[3]))
		with open(sys.argv[1], "wb") as f:
		    for _ in range(int(sys.argv[2])):
		        f.write(r.randbytes(1000000))
	END
}

net_cleanup() {
	local job
	box_stop
	for job in $(jobs -p); do
		kill -TERM "$job" 2>/dev/null
	done
	topo_down
	wait 2>/dev/null
	hugepages_restore
	rm -rf "$NET_TMP"
}
