#!/usr/bin/env bash
# demo.sh - `make demo`: a page loses its advertisement on its way through the box, and the module
# that removes it is killed ten times during a download without anyone noticing.  Root; uses
# network namespaces of its own and leaves nothing behind.  About half a minute.
set -u
cd "$(dirname "$0")/.." || exit 1
if [ "$(id -u)" != 0 ]; then
	echo "demo: network namespaces and AF_XDP need root: run \`sudo make demo\`" >&2
	exit 1
fi
NET=flowos-demo
. deploy/net.sh
trap net_cleanup EXIT
trap 'exit 130' INT TERM HUP
BOLD='' DIM='' OFF=''
[ ! -t 1 ] || BOLD=$'\e[1m' DIM=$'\e[2m' OFF=$'\e[0m'
BIG_MB=200 KILLS=10
DIFFERENT=0

step() { printf '\n%s== %s%s\n' "$BOLD" "$*" "$OFF"; }
say() { printf '   %s\n' "$*"; }

fail() {
	printf 'demo: %s\n' "$*" >&2
	[ ! -s "$NET_TMP/box.log" ] || tail -n 20 "$NET_TMP/box.log" >&2
	exit 1
}

expect() { # sentence, command...: say it when it is so
	local sentence=$1
	shift
	if "$@"; then
		say "ok: $sentence"
	else
		say "NOT SO: $sentence"
		DIFFERENT=1
	fi
}

make_page() {
	cat <<-'END'
		<!doctype html>
		<html><head><title>The Daily Packet</title>
		<script src="/menu.js"></script>
		</head><body>
		<h1>Bump in the wire found helpful</h1>
		<script async src="https://ads.tracker.example/serve.js?slot=top">
		  window.adSlot = { size: "970x250", bid: 0.42 };
		</script>
		<p>Neither browser nor server noticed anything, both said.</p>
		</body></html>
	END
}

make_config() {
	cat <<-END
		version: 1
		box:
		  run_dir: $NET_TMP/run
		interfaces:
		  - { name: lan, nic: lan }
		  - { name: wan, nic: wan }
		wires:
		  - [lan, wan]
		pipelines:
		  - name: web
		    match: "tcp port 80"
		    stages:
		      - pm: adblock
		        direction: reverse
		        options: { hosts: "ads.tracker.example,banners.example" }
	END
}

# Where the server's FIN stands in its byte stream, as seen by a host; the FIN may come along with
# the last bytes, before which its segment's number stands.
watch_fin() { # namespace suffix
	TMPDIR=$NET_TMP ip netns exec "$NET-$1" tshark -l -n -i eth0 -f 'tcp src port 80' \
		-a duration:20 -c 200 -Y tcp.flags.fin==1 -T fields -e tcp.seq -e tcp.len \
		>"$NET_TMP/fin-$1" 2>"$NET_TMP/tshark-$1" &
	wait_for 100 grep -q "Capture started" "$NET_TMP/tshark-$1"
}

fin_at() { # namespace suffix
	awk 'NR == 1 { print $1 + $2 }' "$NET_TMP/fin-$1"
}

get_page() { # output file
	in_client curl -sS --max-time 20 -o "$1" "http://$SERVER/open/page.html" ||
		fail "the page did not arrive"
}

show_page() { sed "s/^/   $DIM|$OFF /" "$1"; }

# ---- the page --------------------------------------------------------------------------------

step "Two networks and a box between them"
hugepages_reserve 160
topo_up || fail "could not make the namespaces"
say "$(topo_describe)"
mkdir "$NET_TMP/www"
make_page >"$NET_TMP/www/page.html"
make_file "$NET_TMP/www/big" $BIG_MB 7
start_nginx "$NET_TMP/www" || fail "nginx did not start"

step "The page over the bridge, FlowOS not running"
get_page "$NET_TMP/before.html"
show_page "$NET_TMP/before.html"

step "The same page through FlowOS and its adblock module"
make_config >"$NET_TMP/demo.yaml"
sed -n '/^pipelines/,$p' "$NET_TMP/demo.yaml" | sed "s/^/   $DIM|$OFF /"
box_start "$NET_TMP/demo.yaml" || fail "FlowOS did not start"
watch_fin client
watch_fin server
get_page "$NET_TMP/after.html"
show_page "$NET_TMP/after.html"
sizes=$(stat -c %s "$NET_TMP/before.html" "$NET_TMP/after.html" | paste -sd' ')
read -r before after <<<"$sizes"
wait_for 50 test -s "$NET_TMP/fin-client" -a -s "$NET_TMP/fin-server"
seq_server=$(fin_at server) seq_client=$(fin_at client)
say ""
say "page: $before bytes sent, $after bytes received, $((before - after)) fewer"
say "the server's FIN has relative sequence number ${seq_server:-?} at the server," \
	"${seq_client:-?} at the client: delta $((${seq_server:-0} - ${seq_client:-0}))"
expect "the advertisement is gone" bash -c "! grep -q tracker '$NET_TMP/after.html'"
expect "the rest of the page is there" grep -q 'both said' "$NET_TMP/after.html"
expect "the sequence delta is the number of deleted bytes, in one unbroken TCP connection" \
	test $((${seq_server:-0} - ${seq_client:-0})) = $((before - after)) -a "$after" -lt "$before"

# ---- the download ----------------------------------------------------------------------------

step "$BIG_MB MB through the module while it is killed $KILLS times"
in_client curl -sS --max-time 60 --limit-rate 10M -o "$NET_TMP/big" "http://$SERVER/big" \
	2>"$NET_TMP/curl.err" &
curl=$!
during=0
for n in $(seq $KILLS); do
	sleep 0.5
	wait_for 50 pm_changed adblock "${pid:-}" || fail "adblock did not come back"
	pid=$(pm_pid adblock)
	kill -KILL "$pid"
	got=$(stat -c %s "$NET_TMP/big" 2>/dev/null || echo 0)
	say "kill -9 $pid   ($n of $KILLS; $((got / 1000000)) MB have arrived)"
	! kill -0 $curl 2>/dev/null || during=$((during + 1))
done
wait $curl || fail "the download broke: $(cat "$NET_TMP/curl.err")"
sent=$(sha "$NET_TMP/www/big") got=$(sha "$NET_TMP/big")
say "sent     $sent"
say "received $got"
expect "all $KILLS kills fell into the download" test "$during" = $KILLS
expect "every byte arrived once and in order" test "$sent" = "$got"

step "flowosctl status"
in_box "$B/bin/flowosctl" status "$BOX_CONFIG" | sed 's/^/   /'

step "Stopping"
expect "FlowOS stops cleanly" box_stop
get_page "$NET_TMP/last.html"
expect "with FlowOS stopped the bridge carries the page unchanged" \
	cmp -s "$NET_TMP/last.html" "$NET_TMP/before.html"
exit $DIFFERENT
