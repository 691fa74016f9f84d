# impair.sh - the hosts of the network tests behind bad wires; to be sourced after lib.sh
#
#    client                     shim                      box                      shim        server
#   +------+   +-------------------------------+   +--------------+   +-----------------------+ +------+
#   | eth0 |---| lan-host =[impair]= lan-box   |---| lan  br0 wan |---| wan-box =[]= wan-host |-| eth0 |
#   +------+   +-------------------------------+   +--------------+   +-----------------------+ +------+
#
# On each side of the box a process (impair.c) carries the frames between two devices of the
# namespace NET-shim and does to them what it is told.  The hosts' and the shim's checksum and
# segmentation offloads are off: what passes has to be complete.  For the same reason there is
# nothing here that a Debian 12 kernel without netem would lack.

need_bad_wires() {
	need_root
	need "the impairment shim compiles" gcc -std=gnu11 -O2 -o "$NET_TMP/impair" \
		tests/net/impair.c
	need_topo
	for ns in client server; do
		ip netns exec "$NET-$ns" ethtool -K eth0 tx off tso off gso off gro off >/dev/null
	done
}

veth() { # host's namespace, the box's end: in the place of net.sh's
	local dev
	[ -e "/run/netns/$NET-shim" ] || ip netns add "$NET-shim" || return 1
	ip -n "$1" link add eth0 type veth peer name "$2-host" netns "$NET-shim" || return 1
	ip -n "$NET-box" link add "$2" type veth peer name "$2-box" netns "$NET-shim" || return 1
	in_box sysctl -q -w "net.ipv6.conf.$2.disable_ipv6=1"
	ip -n "$NET-box" link set "$2" master br0 up
	for dev in "$2-host" "$2-box"; do
		ip netns exec "$NET-shim" sysctl -q -w "net.ipv6.conf.$dev.disable_ipv6=1"
		ip netns exec "$NET-shim" ethtool -K "$dev" tx off tso off gso off gro off >/dev/null
		ip -n "$NET-shim" link set "$dev" up || return 1
	done
	wire "$2"
}

# What the wire on one side of the box does from now on (nothing: carry).  `ab` is the direction
# from the host to the box.  Options: see impair.c; the seed is $SEED.
wire() { # lan|wan [option...]
	local side=$1 out=$NET_TMP/impair.$1
	shift
	unwire "$side"
	: >"$out" # `ready` is to be its own
	ip netns exec "$NET-shim" "$NET_TMP/impair" "$side-host" "$side-box" "${SEED:-1}" "$@" \
		>"$out" 2>&1 &
	echo $! >"$out.pid"
	wait_for 100 grep -q ready "$out" && return
	cat "$out" >&2
	return 1
}

# Stop it; it has then written what it did.
unwire() { # lan|wan
	local pid
	pid=$(cat "$NET_TMP/impair.$1.pid" 2>/dev/null) || return 0
	rm -f "$NET_TMP/impair.$1.pid"
	kill -TERM "$pid" 2>/dev/null
	wait_for 50 box_gone "$pid"
}

# How often a stopped wire did something: `did lan ab lost`.
did() { # lan|wan, ab|ba, key
	sed -nE "s/^$2 .*\\b$3=([0-9]+).*/\\1/p" "$NET_TMP/impair.$1"
}

both() { # lan|wan, key: the same, both directions together
	echo $(($(did "$1" ab "$2") + $(did "$1" ba "$2")))
}

# ---- the hosts' TCP --------------------------------------------------------------------------

# Congestion control by route: a namespace may not choose one that the machine restricts.
hosts_tcp() { # bbr|cubic, SACK 0|1, timestamps 0|1
	local host
	for host in "client $CLIENT" "server $SERVER"; do
		ip netns exec "$NET-${host% *}" sysctl -q -w "net.ipv4.tcp_sack=$2" \
			"net.ipv4.tcp_timestamps=$3" &&
			ip -n "$NET-${host% *}" route replace 10.77.0.0/24 dev eth0 proto kernel \
				scope link src "${host#* }" congctl "$1" &&
			ip -n "$NET-${host% *}" -6 route replace fd77::/64 dev eth0 proto kernel \
				metric 256 congctl "$1" || return 1
	done
}

# Do both kernels say so of a connection that they have?  (By `ss`, on one to the given port.)
in_force() { # address, port, bbr|cubic, SACK, timestamps
	local want=" $3 wscale" pid seen=0
	[ "$4" = 0 ] || want=" sack$want"
	[ "$5" = 0 ] || want=" ts$want"
	in_client bash -c "exec 3<>/dev/tcp/$1/$2; read -r -t 20 <&3" >/dev/null 2>&1 &
	pid=$!
	wait_for 100 both_say "$2" "$want" || seen=1
	[ $seen = 0 ] || in_server ss -Htino "sport = :$2"
	kill $pid 2>/dev/null
	wait $pid 2>/dev/null
	return $seen
}

both_say() { # port, options as ss prints them
	in_client ss -Htino state established "dport = :$1" | tr -s '\t ' ' ' | grep -qE "^ ?${2# }" &&
		in_server ss -Htino state established "sport = :$1" | tr -s '\t ' ' ' |
		grep -qE "^ ?${2# }"
}

# ---- what is tried ---------------------------------------------------------------------------

# What the wires do under a name: loss on both sides of the box and both ways (1 %, 0.3 %), late and
# repeated segments, some of each, or much loss (5 %) on one side.
level() { # name, side
	case $1 in
	loss) echo loss=100 ;;
	less) echo loss=30 ;;
	shuffle) echo reorder=300 late=1000 dup=200 ;;
	mixed) echo loss=30 reorder=100 late=1000 dup=100 ;;
	much) [ "$2" != lan ] || echo loss=500 ;;
	esac
}

# One line per try: IP version, congestion control, SACK, timestamps, level.  Every pair of values of
# any two of the first four columns is there, and every level; FULL=1: every combination of the first
# four, the levels in turn; TRIES: these lines instead.
tries() {
	local v cc sack ts level levels=(loss shuffle mixed much less) n=0
	if [ -n "${TRIES:-}" ]; then
		printf '%s\n' "$TRIES"
		return
	fi
	if [ "$FULL" != 1 ]; then
		printf '%s\n' '4 bbr 1 1 loss' '6 cubic 0 0 less' '4 cubic 1 0 shuffle' \
			'6 bbr 0 1 shuffle' '4 cubic 0 1 mixed' '6 bbr 1 0 much'
		return
	fi
	for v in 4 6; do
		for cc in bbr cubic; do
			for sack in 1 0; do
				for ts in 1 0; do
					level=${levels[n % 5]}
					# two Linux ends need minutes of back-off there, without a box too
					[ "$sack$ts$level" != 00much ] || level=loss
					echo "$v $cc $sack $ts $level"
					n=$((n + 1))
				done
			done
		done
	done
}

# Set the hosts and the wires for a try; $TO and $URL are the server, $TRY the try in words.
try() { # IP version, congestion control, SACK, timestamps, level, port that something listens on
	TO=$SERVER URL=$SERVER
	[ "$1" = 4 ] || { TO=$SERVER6 && URL="[$SERVER6]"; }
	LEVEL=$5 SEED=$((${SEED:-0} + 1))
	TRY="IPv$1, $2, SACK $3, timestamps $4, $5"
	hosts_tcp "$2" "$3" "$4"
	check "$TRY: the kernels at both ends say so" in_force "$TO" "$6" "$2" "$3" "$4"
	# shellcheck disable=SC2046 # options
	wire lan $(level "$5" lan) && wire wan $(level "$5" wan)
}

# The wires have done what they were told, and are good again.
tried() {
	local side key word idle=''
	unwire lan
	unwire wan
	for side in lan wan; do
		[ "$(did $side ab large)$(did $side ba large)" = 00 ] || idle="$side: large frames"
		for word in $(level "$LEVEL" $side); do
			key=${word%%=*}
			key=${key/reorder/overtaken}
			[ "$key" != late ] || continue
			[ "$(both $side "$key")" -gt 0 ] || # too few may be lucky
				[ $(($(both $side tcp) * ${word#*=})) -lt 100000 ] ||
				idle="$idle $side: $word"
		done
	done
	is "$idle" '' "$TRY: the wires were bad" || sed 's/^/# /' "$NET_TMP"/impair.*an
	wire lan
	wire wan
}

# Nothing was reset, and every frame came home.
box_is_well() {
	is "$(counter rsts_made) $(counter flows_reset)" "0 0" "the box has reset nothing"
	wait_for 150 all_home
	check "every frame has come home, the audit is clean" all_home
}

all_home() {
	flowosctl_in_box audit -o json | $PYTHON -c 'import json, sys
a = json.load(sys.stdin)
f = a["frames"]
print(a)
sys.exit(not a["clean"] or any(f[k] for k in ("moving", "rings", "classifier", "egress", "tx")))'
}

# ---- what the tries have in common -----------------------------------------------------------

edits_exact() { # tries that were right, and per try: marks, bytes deleted, bytes inserted
	at_least "$(counter edits_applied)" $(($1 * $2)) "edits were made, at least one for each mark"
	is "$(counter bytes_deleted)" $(($1 * $3)) "and took every byte that they should, once"
	is "$(counter bytes_inserted)" $(($1 * $4)) "and gave every byte, once"
}

# A file each way at once in one connection, both edited, in every try.
exchange() { # what, arguments for marks.py (quoted), [receive buffer of both ends]
	local d=$NET_TMP n=0 row pid start
	mkdir "$d/www"
	# shellcheck disable=SC2086 # its words
	$PYTHON tests/net/marks.py "$d/up" "$d/up.want" 1 $2 >"$d/up.n"
	# shellcheck disable=SC2086
	$PYTHON tests/net/marks.py "$d/down" "$d/down.want" 2 $2 >"$d/down.n"
	start_nginx "$d/www" || skip_all "nginx does not start"
	pipeline bulk '"tcp port 9000 or tcp port 80"' "$(pm_marks)" | box_config "$d/box.yaml"
	need_box "$d/box.yaml"
	while read -r row; do
		# shellcheck disable=SC2086
		try $row 80
		start=$SECONDS
		rm -f "$d"/*.got
		in_server "$PYTHON" tests/net/peer.py bulk-server 9000 "$d/down" "$d/up.got" ${3:+"$3"} &
		pid=$!
		wait_for 100 listens server 9000
		check "$TRY: it ends" in_client timeout 100 "$PYTHON" tests/net/peer.py bulk-client \
			"$TO" 9000 "$d/up" "$d/down.got" ${3:+"$3"}
		wait $pid
		same_file "$d/down.got" "$d/down.want" "$TRY: $1 down" &&
			same_file "$d/up.got" "$d/up.want" "$TRY: and $1 up" && n=$((n + 1))
		echo "# $((SECONDS - start)) s"
		tried
	done < <(tries)
	# shellcheck disable=SC2046 # three numbers
	edits_exact $n $(cat "$d/up.n" "$d/down.n" |
		awk '{a += $1; b += $2; c += $3} END {print a, b, c}')
	box_is_well
}
