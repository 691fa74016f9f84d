#!/usr/bin/env bash
# MTU 9000 end to end: packets in several AF_XDP buffers.  Files arrive whole, edited where a module
# edits, over IPv4 and IPv6; datagrams of 8 KB leave as they came, in one packet; fragments of jumbo
# size find together.  At MTU 1500 nothing lies in several frames.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
chains() { counter rx_chains; }

set_mtu() { # bytes
	local dev
	for dev in client:eth0 server:eth0 box:lan box:wan box:br0; do
		ip -n "$NET-${dev%%:*}" link set "${dev##*:}" mtu "$1" || return 1
	done
}

mkdir "$D/www"
make_file "$D/www/big" 20 1
seq -f 'line %.0f has a needle in it' 100000 >"$D/www/text"
sed 's/needle/haystack, which is longer/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
{
	pipeline web '"tcp port 80"' "$(pm_replace web needle 'haystack, which is longer')"
	# a datagram that ends with an `n` waits for a text that never goes on
	pipeline echo '"udp port 9003"' "$(pm_replace echo needle 'haystack, which is longer' \
		'hold: { time: 200ms }')"
	pipeline rest '"udp port 9004 or icmp or icmp6"' "$(pm_to_file count "$D/count.tsv")"
} | box_config "$D/box.yaml"
for port in 9003 9004 9005; do
	in_server "$PYTHON" tests/net/peer.py udp-server $port >"$D/udp$port" &
	wait_for 100 grep -q ready "$D/udp$port"
done

files() { # sentence
	local address
	for address in $SERVER "[$SERVER6]"; do
		fetch "http://$address/big" "$D/got"
		same_file "$D/got" "$D/www/big" "$1: 20 MB from $address"
		fetch "http://$address/open/text" "$D/got"
		same_file "$D/got" "$D/want" "$1: edited, from $address"
	done
}

datagrams() { # sentence, bytes
	local address
	for address in $SERVER $SERVER6; do
		check "$1: $2 bytes changed on the way, to $address" in_client "$PYTHON" \
			tests/net/peer.py udp-client $address 9003 50 "$2" needle \
			'haystack, which is longer'
		check "$1: $2 bytes looked at, to $address" in_client "$PYTHON" \
			tests/net/peer.py udp-client $address 9004 50 "$2"
		check "$1: $2 bytes that no pipeline matches, to $address" in_client "$PYTHON" \
			tests/net/peer.py udp-client $address 9005 50 "$2"
	done
}

rested() { in_box "$B/bin/flowosctl" audit "$D/box.yaml"; }

need "everything has an MTU of 9000" set_mtu 9000
need_box "$D/box.yaml"
if grep -q 'packets in several buffers' "$D/box.log"; then
	stop_box
	skip_all "this kernel has no AF_XDP packets in several buffers (Linux 6.6)"
fi
files "MTU 9000"
at_least "$(chains)" 2000 "MTU 9000: packets lay in several frames"
datagrams "MTU 9000" 8000
is "$(counter fragments_in)" 0 "MTU 9000: 8000 bytes need no fragments"
is "$(counter fragments_made)" 0 "MTU 9000: and leave without"
datagrams "MTU 9000" 20000
check "MTU 9000: pings of 8000 bytes" in_client ping -M do -q -c 5 -i 0.05 -W 2 -s 8000 $SERVER
check "MTU 9000: over IPv6" in_client ping -6 -M do -q -c 5 -i 0.05 -W 2 -s 8000 $SERVER6
is "$(counter drop_meta)" 0 "MTU 9000: every frame was accounted for"

# A killed process loses no frame of such a packet, and leaves no half of one.
in_client curl -s -S --limit-rate 10M --max-time 60 -o "$D/got" "http://$SERVER/big" &
download=$!
for name in ingress.lan.0 ingress.wan.0 classifier.0 egress.0; do
	sleep 0.3
	kill -KILL "$(pm_pid $name)"
done
wait $download
same_file "$D/got" "$D/www/big" "MTU 9000: 20 MB while every process is killed"
wait_for 100 rested
check "MTU 9000: the audit finds every frame" rested
stop_box

need "everything has an MTU of 1500" set_mtu 1500
need_box "$D/box.yaml"
files "MTU 1500"
datagrams "MTU 1500" 8000
is "$(chains)" 0 "MTU 1500: no packet lay in several frames"
stop_box

# Generic XDP leaves the hosts' segmentation offload on: what arrives may be 64 KB long.
sed -i 's/, nic: \(lan\|wan\) }/, nic: \1, mode: generic }/' "$D/box.yaml"
need_box "$D/box.yaml"
files "generic mode, segments of 64 KB"
stop_box

# As on a kernel without packets in several buffers: said once, counted, and all else goes on.
sed -i 's/, mode: generic//; s/^pipelines:/tcp: { mss: auto }\n&/' "$D/box.yaml"
need "everything has an MTU of 9000 again" set_mtu 9000
ip -n "$NET-box" link set wan mtu 1500
for host in client server; do
	ip netns exec "$NET-$host" ethtool -K eth0 tso off gso off gro off >/dev/null
done
export FLOWOS_ONE_BUFFER=1
need_box "$D/box.yaml"
is "$(grep -c 'has no AF_XDP packets in several buffers' "$D/box.log")" 1 \
	"one buffer: one line says that larger packets are lost"
is "$(grep -c 'lan has an MTU of 9000, wan of 1500' "$D/box.log")" 1 \
	"one buffer: one line says that the wire's MTUs differ"
before=$(counter rx_lost)
! in_client ping -q -c 3 -i 0.05 -W 1 -M do -s 8000 $SERVER >/dev/null
ok $? "one buffer: a large ping is lost"
sleep 0.5
at_least "$(($(counter rx_lost) - before))" 3 "one buffer: counted"
check "one buffer: a small one is not" in_client ping -q -c 3 -i 0.05 -W 1 $SERVER
fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "one buffer: tcp.mss: auto keeps segments small enough"
stop_box
finish
