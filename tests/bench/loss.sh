#!/usr/bin/env bash
# Goodput on a path that loses before the box: 1 % of the packets from the server are lost on their way
# to it, none behind it, and nothing is edited (a module looks for a text in the stream and does not find
# it: TCP is put in order, which is what can cost something here).  One curl fetches a file from nginx.
# The same wires (tests/net/impair.sh), hosts and options for all; the wire's random numbers start from the
# number of the alternation.
#
# `together`: the same box with all its processes on one core (taskset): where a round trip is a few
# hand-overs between processes, each then costs a switch and no interrupt of another core.
#
# A case is CONGESTION:DELAY IN us EACH WAY:Mbit/s OF THE WIRE:MEGABYTES.  Without a rate (0) processors are
# the limit where loss is not: both hosts, both wires' processes and whatever forwards share them.  What
# that costs is shown by testpmd, which only forwards, from AF_XDP to AF_XDP.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../net/impair.sh"
CASES='cubic:2000:0:20 bbr:2000:100:40 cubic:0:100:40 bbr:2000:300:80 bbr:2000:0:80 bbr:0:0:80 cubic:0:0:80'

in_words() { # case
	local cc delay rate
	IFS=: read -r cc delay rate _ <<<"$1"
	[ "$rate" = 0 ] && rate='' || rate=", $rate Mbit/s"
	echo "${cc^^}, $((2 * delay / 1000)) ms$rate"
}

for case in $CASES; do
	compare "1 % lost, $(in_words "$case") / bridge" Mbit/s "$case/replace" "$case/bridge" ratio '>=0.8'
	[[ $case == *:0:?? ]] || continue
	compare "1 % lost, $(in_words "$case") / testpmd" Mbit/s "$case/replace" "$case/testpmd" ratio -
	compare "1 % lost, $(in_words "$case"), together / bridge" Mbit/s "$case/together" \
		"$case/bridge" ratio -
done
NEEDED="$NEEDED testpmd together"
gcc -std=gnu11 -O2 -o "$D/impair" tests/net/impair.c || die 'the impairment shim does not compile'
bench_topo
mkdir "$D/www"
make_file "$D/www/file" 80 1
for mb in 20 40; do head -c ${mb}000000 "$D/www/file" >"$D/www/file$mb"; done
mv "$D/www/file" "$D/www/file80"
start_nginx "$D/www" || die 'nginx does not start'

wire_rate() { # Mbit/s, 0 = as fast as it goes
	ip netns exec "$NET-server" tc qdisc del dev eth0 root 2>/dev/null
	[ "$1" = 0 ] || ip netns exec "$NET-server" tc qdisc add dev eth0 root tbf \
		rate "$1"mbit burst 32kb limit 2mb
}

# Linux remembers of a destination how bad its last connection was (window, reordering): each begins
# without what the variant before it has left.
forget_metrics() {
	local host
	for host in client server; do ip -n "$NET-$host" tcp_metrics flush all >/dev/null; done
}

goodput() { # case: Mbit/s
	local cc delay rate mb
	forget_metrics
	IFS=: read -r cc delay rate mb <<<"$1"
	hosts_tcp "$cc" 1 1 && wire_rate "$rate" || return 1
	SEED=$TURN wire wan ab:loss=100 "delay=$delay" || return 1
	in_client curl -s -S --max-time 120 -o "$D/got" -w '%{speed_download}\n' \
		"http://$SERVER/file$mb" | awk '{printf "%.1f\n", $1 * 8 / 1e6}'
	cmp -s "$D/got" "$D/www/file$mb" || note 'the file arrived damaged'
	unwire wan
	[ "$(did wan ab loss)" -gt 0 ] || note 'nothing was lost'
	wire_rate 0
	wire wan
}

measure() { # variant
	local case
	for case in $CASES; do
		[[ $1 =~ ^(testpmd|together)$ && $case != *:0:?? ]] ||
			record "$case" "$1" "$(goodput "$case")"
	done
}
MATCH='tcp port 80'
alternate bridge testpmd replace together
