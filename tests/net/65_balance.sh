#!/usr/bin/env bash
# balance: connections to an address that only the box answers for are served by two servers, a client by
# the same one; data passes in both directions while the module is killed; IPv6; one that is down gets none.
. "$(dirname "$0")/lib.sh"
need_topo
VIP=10.77.0.100 VIP6=fd77::100
for a in 10.77.0.11/24 10.77.0.12/24; do in_server ip addr add $a dev eth0; done
for a in fd77::11/64 fd77::12/64; do in_server ip addr add $a dev eth0 nodad; done
for i in $(seq 21 40); do in_client ip addr add 10.77.0.$i/24 dev eth0; done
MAC=$(in_server cat /sys/class/net/eth0/address)
config() { # method, words behind the second server
	pipeline web '"tcp portrange 9014-9015"' "{ pm: balance, file: $B/pms/balance.so, options: {
          service: [ '$VIP:9014', '$VIP:9015', '[$VIP6]:9014' ], method: $1,
          servers: [ '10.77.0.11 mac $MAC', '10.77.0.12 mac $MAC $2',
                     '[fd77::11] mac $MAC', '[fd77::12] mac $MAC' ] } }" |
		box_config "$NET_TMP/box.yaml"
}

# Says to each connection which of its addresses it came to.
in_server "$PYTHON" - >/dev/null <<'END' &
import socket
s = socket.create_server(("::", 9014), family=socket.AF_INET6, dualstack_ipv6=True, backlog=100)
while True:
    c, _ = s.accept()
    c.sendall(c.getsockname()[0].replace("::ffff:", "").encode())
    c.close()
END
wait_for 100 listens server 9014

ask() { # service, source address or ""
	in_client "$PYTHON" - "$@" <<-'END'
		import socket, sys
		source = (sys.argv[2], 0) if len(sys.argv) > 2 else None
		s = socket.create_connection((sys.argv[1], 9014), timeout=10, source_address=source)
		print(s.recv(100).decode())
	END
}

config hash ''
need_box "$NET_TMP/box.yaml"
first=$(ask $VIP)
case $first in 10.77.0.1[12]) served=0 ;; *) served=1 ;; esac
ok $served "a connection to the service is served by one of the two ($first)"
is "$(ask $VIP)" "$first" "the next one of the same client by the same"
case $(ask $VIP6) in fd77::1[12]) served=0 ;; *) served=1 ;; esac
ok $served "over IPv6 too"
pm_kill balance 2 0.2
is "$(for i in $(seq 21 40); do ask $VIP 10.77.0.$i; done | sort -u | tr '\n' ' ')" \
	"10.77.0.11 10.77.0.12 " "twenty clients are spread over both, after kills too"
both_bulk "through the balancer" $VIP 9015 10
stop_box

config least down
need_box "$NET_TMP/box.yaml"
is "$(for _ in 1 2 3 4; do ask $VIP; done | sort -u)" 10.77.0.11 "one that is down gets nothing"
stop_box
finish
