# lib.sh - what the shell tests share: TAP output, configurations, small checks.  To be sourced:
#   . "$(dirname "$0")/lib.sh"        (tests/offline scripts: ../net/lib.sh)
# A script prints sentences by ok/is/skip and ends with `finish`.  Its namespaces are named after
# the run, and everything it starts or makes is removed when it ends, however it ends.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT" || exit 1
NET=${FOS_NET:-fos$$}
# shellcheck source=../../deploy/net.sh
. "$ROOT/deploy/net.sh"
trap net_cleanup EXIT
trap 'exit 130' INT TERM HUP
FULL=${FULL:-0}
NR_RUN=0 NR_FAILED=0 HOLD=''
# What modules that search may wait for the rest of a text, as a configuration has it.  Between hosts
# that share a busy machine it may take longer to come than the 200 ms that are the default.
PATIENT='hold: { time: 60s }'

# ---- TAP -------------------------------------------------------------------------------------

ok() { # status (0 holds), sentence
	NR_RUN=$((NR_RUN + 1))
	if [ "$1" = 0 ]; then
		echo "ok $NR_RUN - $2"
	else
		NR_FAILED=$((NR_FAILED + 1))
		echo "not ok $NR_RUN - $2"
	fi
	return "$1"
}

is() { # got, want, sentence
	local differs=0
	[ "$1" = "$2" ] || differs=1
	ok $differs "$3" || printf "got  '%.200s'\nwant '%.200s'\n" "$1" "$2" | sed 's/^/# /'
}

check() { # sentence, command...: holds when the command succeeds; its output is shown otherwise
	local sentence=$1 out status
	shift
	out=$("$@" 2>&1)
	status=$?
	[ $status = 0 ] || status=1
	ok $status "$sentence" || printf '%s\n' "$out" | head -n 20 | sed 's/^/# /'
}

# A number within bounds.
at_least() { # got, minimum, sentence
	local few=1
	[ "$1" -ge "$2" ] 2>/dev/null && few=0
	ok $few "$3" || echo "# got '$1', want at least $2"
}

skip() { # reason
	NR_RUN=$((NR_RUN + 1))
	echo "ok $NR_RUN # SKIP $1"
}

finish() {
	echo "1..$NR_RUN"
	[ $NR_FAILED = 0 ] || box_says
	exit $((NR_FAILED > 0))
}

box_says() {
	[ ! -s "$NET_TMP/box.log" ] || tail -n 40 "$NET_TMP/box.log" | sed 's/^/# box: /'
}

skip_all() { # reason
	skip "$1"
	finish
}

# Leave at once when a step without which nothing else makes sense failed.
need() { # sentence, command...
	local before=$NR_FAILED
	check "$@"
	[ "$NR_FAILED" = "$before" ] || finish
}

# ---- the box with two interfaces -------------------------------------------------------------

need_root() {
	[ "$(id -u)" = 0 ] || skip_all 'needs root (network namespaces)'
}

# Write a configuration: the common head, then the pipelines from standard input.
box_config() { # file, [extra line of the interfaces' mappings, e.g. "mode: generic"]
	{
		cat <<-END
			version: 1
			box:
			  run_dir: $NET_TMP/run
			memory:
			  frames: 16K
			  flows: 8K
			interfaces:
			  - { name: lan, nic: lan${2:+, $2} }
			  - { name: wan, nic: wan${2:+, $2} }
			wires:
			  - [lan, wan]
			pipelines:
		END
		cat
	} >"$1"
}

# The same without interfaces, for captures.
file_config() { # file
	{
		printf 'version: 1\nbox:\n  run_dir: %s\npipelines:\n' "$NET_TMP/run"
		cat
	} >"$1"
}

offline() { # configuration, input, output
	"$B/bin/flowosctl" run "$1" --read "$2" --write "$3" >"$NET_TMP/offline.log" 2>&1
}

# `need` cannot hold a background job's pid in its subshell: start the box in this shell.
need_box() { # configuration
	local failed=0
	box_start "$1" 2>"$NET_TMP/start.err" || failed=1
	ok $failed "the box starts" && return
	sed 's/^/# /' "$NET_TMP/start.err"
	finish
}

# Likewise for stopping: the exit status can only be awaited here.
stop_box() { # [sentence]
	local failed=0
	box_stop 2>"$NET_TMP/stop.err" || failed=1
	ok $failed "${1:-the box stops}" || sed 's/^/# /' "$NET_TMP/stop.err"
}

need_topo() {
	HOLD=$PATIENT
	need_root
	need "client, box and server are connected by the bridge" topo_up
	topo_describe | sed 's/^/# /'
}

# ---- PMs as the configurations of the tests write them ---------------------------------------

pm_replace() { # instance, find, with [more mapping items]
	local hold=${HOLD:-} more=${4:-}
	[[ $more != *hold:* ]] || hold=''
	hold=${hold:+, $hold} more=${more:+, $more}
	echo "{ pm: $1, file: $B/pms/replace.so, options: { find: \"$2\", with: \"$3\" }$hold$more }"
}

pm_marks() {
	echo "{ pm: marks, file: $B/tests/pm/marks.so }"
}

pm_adblock() { # hosts
	echo "{ pm: adblock, file: $B/pms/adblock.so, options: { hosts: \"$1\" }${HOLD:+, $HOLD} }"
}

pm_to_file() { # count|digest, output file
	echo "{ pm: $1, file: $B/pms/$1.so, options: { file: $2 } }"
}

pipeline() { # name, match, stage...
	printf '  - name: %s\n    match: %s\n    stages:\n' "$1" "$2"
	shift 2
	printf '      - %s\n' "$@"
}

# ---- VLAN tags at the hosts ------------------------------------------------------------------

# Tag everything between the hosts with VID (and an outer 802.1ad tag).
vlan_on() { # VID [outer VID]
	local ns opt="-DVID=$1"
	[ -z "${2:-}" ] || opt="$opt -DOUTER=$2"
	# shellcheck disable=SC2086 # several options
	clang -g -O2 -target bpf $opt -I"/usr/include/$(gcc -print-multiarch)" \
		-c -o "$NET_TMP/vlan.o" tests/net/vlan.bpf.c || return 1
	for ns in client server; do
		tc -n "$NET-$ns" qdisc replace dev eth0 clsact &&
			tc -n "$NET-$ns" filter add dev eth0 egress bpf da obj "$NET_TMP/vlan.o" \
				sec tc/push &&
			tc -n "$NET-$ns" filter add dev eth0 ingress bpf da obj "$NET_TMP/vlan.o" \
				sec tc/pop || return 1
		# Room for the second tag, which the devices' MTU does not allow for.
		[ -z "${2:-}" ] || mtu_of_routes "$NET-$ns" 1492 || return 1
	done
}

vlan_off() {
	local ns
	for ns in client server; do
		tc -n "$NET-$ns" qdisc del dev eth0 clsact
	done
}

mtu_of_routes() { # namespace, mtu
	ip -n "$1" route replace 10.77.0.0/24 dev eth0 proto kernel scope link mtu "$2" &&
		ip -n "$1" -6 route replace fd77::/64 dev eth0 proto kernel metric 256 mtu "$2"
}

# ---- the endpoints of peer.py ----------------------------------------------------------------

# Run `peer.py KIND-server PORT ...` at the server and `KIND-client ADDRESS PORT ...` at the client;
# both must find all as they expect.
both_peers() { # sentence, kind, address, port, arguments for both...
	local sentence=$1 kind=$2 address=$3 port=$4 pid
	shift 4
	in_server "$PYTHON" tests/net/peer.py "$kind-server" "$port" "$@" >"$NET_TMP/peer" 2>&1 &
	pid=$!
	wait_for 100 listens server "$port"
	check "$sentence" in_client "$PYTHON" tests/net/peer.py "$kind-client" "$address" "$port" "$@"
	wait $pid && return
	NR_FAILED=$((NR_FAILED + 1))
	sed 's/^/# server: /' "$NET_TMP/peer" | head -n 20
	echo "not ok $((NR_RUN += 1)) - $sentence (at the server)"
}

# A file each way at once.
both_bulk() { # sentence, address, port, megabytes
	local d=$NET_TMP pid
	[ -e "$d/down-$4" ] || { make_file "$d/down-$4" "$4" 1 && make_file "$d/up-$4" "$4" 2; }
	in_server "$PYTHON" tests/net/peer.py bulk-server "$3" "$d/down-$4" "$d/up.got" &
	pid=$!
	wait_for 100 listens server "$3"
	check "$1: both ends finish" in_client "$PYTHON" tests/net/peer.py bulk-client "$2" "$3" \
		"$d/up-$4" "$d/down.got"
	wait $pid
	same_file "$d/down.got" "$d/down-$4" "$1: $4 MB to the client"
	same_file "$d/up.got" "$d/up-$4" "$1: $4 MB to the server"
}

# ---- fetching --------------------------------------------------------------------------------

fetch() { # url, file
	in_client curl -s -S -g --max-time "${FETCH_S:-150}" -o "$2" "$1"
}

# A transfer that lasts as long as what is done meanwhile, however slow the machine: by and by, until
# `hurry` says that it may end.
slow_fetch() { # url, file: in the background, $!
	rm -f "$NET_TMP/hurry"
	(
		set -o pipefail
		in_client curl -s -S -g --max-time 200 "$1" |
			"$PYTHON" tests/net/pace.py "$NET_TMP/hurry" >"$2"
	) &
}

hurry() { touch "$NET_TMP/hurry"; }

# A page of N lines with a needle in each, at the server, and how it is to arrive: $NET_TMP/want.
serve_needles() { # lines
	mkdir "$NET_TMP/www"
	seq -f 'line %.0f has a needle' "$1" >"$NET_TMP/www/page"
	sed 's/needle/haystack/' "$NET_TMP/www/page" >"$NET_TMP/want"
	start_nginx "$NET_TMP/www" || skip_all "nginx does not start"
}

same_file() { # a, b, sentence
	is "$(sha "$1" 2>/dev/null)" "$(sha "$2")" "$3"
	cmp "$1" "$2" 2>&1 | sed 's/^/# /'
}

# A transfer in which `needle` became `haystack`.  Where its sender had fallen back to its timer (a machine
# without time for it, a receiver without room) and the last segment cut a word in two, the module's hold
# has ended (README.md, "Known limits"): two such words may be as they were, if the box has counted them.
same_edited() { # a, b, sentence
	local words
	words=$(grep -c needle "$1")
	if [ "$words" -ge 1 ] && [ "$words" -le 2 ] && [ "$(counter pm_hold_expired)" -ge "$words" ]; then
		echo "# $words words passed unedited, as holds had ended"
		sed -i 's/needle/haystack/' "$1"
	fi
	same_file "$1" "$2" "$3"
}
