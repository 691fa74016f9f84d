#!/usr/bin/env bash
# A router behind the box has a narrower link: the messages that it sends back reach the server in the
# server's numbers, and the box cuts what it made itself.  Pages arrive edited and whole, with DF set on
# every packet, over IPv4 and IPv6, also once the server knows the path and only the box's own
# insertions are too long for it.
. "$(dirname "$0")/lib.sh"
trap 'ip netns del "$NET-far" 2>/dev/null; net_cleanup' EXIT
need_topo
D=$NET_TMP
FAR=10.78.0.2 FAR6=fd78::2

# The client becomes a router to a host behind it; the link takes 1300 bytes in that direction.
far_up() {
	ip netns add "$NET-far" &&
		ip -n "$NET-far" link add eth0 type veth peer name eth1 netns "$NET-client" || return 1
	ip -n "$NET-client" addr add 10.78.0.1/24 dev eth1
	ip -n "$NET-client" -6 addr add fd78::1/64 dev eth1 nodad
	ip -n "$NET-client" link set eth1 mtu 1300 up
	in_client sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	ip -n "$NET-far" link set lo up
	ip -n "$NET-far" addr add $FAR/24 dev eth0
	ip -n "$NET-far" -6 addr add $FAR6/64 dev eth0 nodad
	ip netns exec "$NET-far" sysctl -q -w net.ipv4.tcp_no_metrics_save=1
	ip -n "$NET-far" link set eth0 up
	ip -n "$NET-far" route add default via 10.78.0.1
	ip -n "$NET-far" -6 route add default via fd78::1
	ip -n "$NET-server" route add 10.78.0.0/24 via $CLIENT
	ip -n "$NET-server" -6 route add fd78::/64 via $CLIENT6
	wait_for 50 ip netns exec "$NET-far" ping -q -c 1 -W 1 $SERVER &&
		wait_for 50 ip netns exec "$NET-far" ping -6 -q -c 1 -W 1 $SERVER6
}

fetch_far() { # url, file
	ip netns exec "$NET-far" curl -s -S -g --max-time 60 -o "$2" "$1"
}

forget_path() {
	ip -n "$NET-server" route flush cache
	ip -n "$NET-server" -6 route flush cache
}

need "a host behind a router with a link of 1300 bytes" far_up
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 40000 >"$D/www/text"
sed 's/needle/haystack, which is longer/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "$(pm_replace web needle 'haystack, which is longer')" |
	box_config "$D/box.yaml"
need_box "$D/box.yaml"
for address in $SERVER "[$SERVER6]"; do
	before=$(counter mtu_learnt)
	for round in 1 2 3; do
		[ $round != 3 ] || forget_path
		fetch_far "http://$address/open/text" "$D/got"
		same_file "$D/got" "$D/want" "from $address, round $round"
	done
	at_least "$(($(counter mtu_learnt) - before))" 3 "each connection learns the path's MTU"
done
at_least "$(counter segments_recut)" 2 "what was too long was cut anew"
is "$(counter drop_icmp_quote)" 0 "no message was taken for a forgery"
stop_box

# With the MSS clamped at the SYN nothing is ever too long for the path.
sed -i 's/^pipelines:/tcp: { mss: 1200 }\n&/' "$D/box.yaml"
need_box "$D/box.yaml"
forget_path
for address in $SERVER "[$SERVER6]"; do
	fetch_far "http://$address/open/text" "$D/got"
	same_file "$D/got" "$D/want" "tcp.mss: 1200, from $address"
done
is "$(counter mss_clamped)" 4 "tcp.mss: both SYNs of each connection were lowered"
is "$(counter mtu_learnt)" 0 "tcp.mss: no message was needed"
stop_box
finish
