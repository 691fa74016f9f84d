#!/usr/bin/env bash
# smoke.sh - what tests/net/41_linux_6_1.sh runs inside the machine that it boots: an edited page, and
# the same again after the processes that hold sockets have been killed; then a NIC on a NUMA node.  This
# machine's own NIC is an eth0, as the hosts' are in their namespaces.
. "$(dirname "$0")/../lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 20000 >"$D/www/text"
sed 's/needle/haystack/' "$D/www/text" >"$D/want"
printf needle >"$D/www/small"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "$(pm_replace web needle haystack 'hold: { time: 10s }')" |
	box_config "$D/box.yaml"
need_box "$D/box.yaml"

small_is_edited() {
	[ "$(in_client curl -s --max-time 5 "http://$SERVER/open/small")" = haystack ]
}

fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "Linux $(uname -r): 20000 edits are right"
made=$(box_status "s['sockets_made']")
for name in web ingress.lan.0 egress.0 keeper; do
	check "$name is killed" pm_kill "$name" 1 0
	check "and things are as before" wait_for 100 small_is_edited
done
[ "$made" = 0 ] ||
	at_least "$(box_status "s['sockets_made']")" $((made + 3)) "sockets were made anew each time"
fetch "http://$SERVER/open/text" "$D/got"
same_file "$D/got" "$D/want" "20000 edits are right"
check "the audit is clean" flowosctl_in_box audit
stop_box

# ---- two NUMA nodes, and a NIC that is on the second -----------------------------------------

echo 1 >"$(realpath /sys/class/net/eth0/device/..)/numa_node"
ip link set eth0 netns "$NET-box" name far
in_box ip link set far up
sed -i 's/nic: wan/nic: far, mode: generic/' "$D/box.yaml"
need_box "$D/box.yaml"
# The node that a process's own region was bound to, and the processors that it may run on.
placed() { # process
	local pid
	pid=$(pgrep -f -- "--proc $1\$")
	echo "$(grep -m1 "flowos-$1" "/proc/$pid/numa_maps" | cut -d' ' -f2)" \
		"$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$pid/status")"
}
for name in ingress.wan.0 ingress.lan.0 classifier.0 pm.web.0 egress.0; do
	is "$(placed "$name")" 'prefer:1 1' "$name has its memory where the NIC is, and runs there"
done
stop_box
finish
