#!/usr/bin/env bash
# AF_XDP alone: a bare bridge of two processes over shm/xsk and the XDP program, each killed and
# replaced under load; what the kernel's checksums look like; what happens while nobody is bound.
. "$(dirname "$0")/lib.sh"

X=$NET_TMP/xsk_bridge
count() { sed -n "s/^$1 //p" "$NET_TMP/x.log"; }
ready() { grep -qx ready "$NET_TMP/x.log"; }
has_done() { [ "$(grep -cx 'done' "$NET_TMP/x.log")" -ge "$1" ]; }
did=0
tell() { # signal: and wait until it is done
	kill "-$1" "$xpid"
	did=$((did + 1))
	wait_for 50 has_done $did
}

need_topo
# With its own objects, so that it does not matter how the build under test was compiled.
# shellcheck disable=SC2086 # CC may be several words, like "ccache gcc"
need "the bridge compiles" ${CC:-gcc} -std=gnu11 -O2 -I. "-I$B" -o "$X" tests/net/xsk_bridge.c \
	shm/xsk.c shm/xsk_open.c shm/steer.c shm/steer_map.c shm/csum.c shm/hash.c \
	ingress/parse.c ingress/parse_ip.c ingress/parse_l4.c -lbpf

# ---- rings across a change of process ----
ip netns exec "$NET-box" "$X" rings lan >"$NET_TMP/x.log" 2>&1 &
xpid=$!
wait_for 50 ready
in_client ping -q -c 2 -W 1 $SERVER >/dev/null
wait $xpid
while read -r yes sentence; do
	case $yes in
	yes) ok 0 "$sentence" ;;
	NO) ok 1 "$sentence" ;;
	ready) ;;
	*) ok 1 "$yes $sentence" ;;
	esac
done <"$NET_TMP/x.log"
is "$(grep -c '^yes' "$NET_TMP/x.log")" 11 "all ring checks were made"

# ---- the bridge ----
head -c 50000000 /dev/urandom >"$NET_TMP/file"
start_nginx "$NET_TMP"
: >"$NET_TMP/x.log" # not what the first one said
ip netns exec "$NET-box" "$X" run lan wan >"$NET_TMP/x.log" 2>&1 &
xpid=$!
wait_for 50 ready
ip -n "$NET-client" neigh flush dev eth0 # it asks who has the address
check "ping passes" in_client ping -q -c 3 -W 2 $SERVER
check "ping passes over IPv6" in_client ping -q -c 3 -W 2 $SERVER6
in_client ping -q -c 1 -W 1 10.77.0.77 >/dev/null
in_client ping -q -c 1 -W 1 fd77::77 >/dev/null
fetch "http://$SERVER/file" "$NET_TMP/got"
same_file "$NET_TMP/got" "$NET_TMP/file" "50 MB pass over IPv4"
fetch "http://[$SERVER6]/file" "$NET_TMP/got"
same_file "$NET_TMP/got" "$NET_TMP/file" "50 MB pass over IPv6"
fetch "http://$SERVER/file" "$NET_TMP/got" &
fpid=$!
for _ in 1 2 3 4 5; do
	tell USR1
	tell USR2
done
wait $fpid
same_file "$NET_TMP/got" "$NET_TMP/file" "50 MB pass while both processes are killed five times"
second() {
	in_box "$X" run lan wan >"$NET_TMP/second" 2>&1 && return 1
	grep -q 'lan: another XDP program is attached (id [0-9]*, name steer)' "$NET_TMP/second" &&
		grep -q 'remove it: `bpftool link detach id [0-9]*`$' "$NET_TMP/second"
}
check "a second program is refused, with the first's name and the command that removes it" second

# ---- nobody bound ----
tell HUP
check "unbound, the bridge carries ping" in_client ping -q -c 2 -W 2 $SERVER
in_server timeout 5 socat -u UDP-RECVFROM:2222,fork "OPEN:$NET_TMP/udp,creat,append" &
wait_for 30 in_server sh -c "ss -Hlun 'sport = :2222' | grep -q ."
for _ in 1 2 3; do
	echo edited | in_client socat -u - "UDP-SENDTO:$SERVER:2222,sourceport=1111"
done
got_other() {
	echo other | in_client socat -u - "UDP-SENDTO:$SERVER:2222,sourceport=1112"
	grep -q other "$NET_TMP/udp"
}
check "a datagram of another flow passes" wait_for 20 got_other
is "$(grep -c edited "$NET_TMP/udp")" 0 "those of the edited flow do not"

kill "$xpid"
wait_for 50 grep -q '^budget' "$NET_TMP/x.log"
at_least "$(count partial)" 1 "partial checksums are recognised"
at_least "$(count valid)" 1 "and valid ones"
is "$(count bad)" 0 "no checksum is bad"
at_least "$(count icmp)" 12 "ping went through the processes"
at_least "$(count take_proto)" 1000 "the program took TCP"
at_least "$(count down_pass)" 4 "and let it pass unbound"
is "$(count down_edited)" 3 "and dropped the edited flow's"
is "$(count down_drop)" 0 "and nothing else"
at_least "$(count take_arp)" 1 "ARP for an owned address is taken"
at_least "$(count take_nd)" 1 "and neighbour solicitations"
at_least "$(count pass_arp)" 1 "other ARP is left to the bridge"
wait_for 50 in_client ping -q -c 1 -W 1 $SERVER
check "with the program gone the bridge carries everything" in_client ping -q -c 2 -W 2 $SERVER
sed 's/^/# /' "$NET_TMP/x.log" | grep -v done
finish
