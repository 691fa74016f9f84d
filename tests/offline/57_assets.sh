#!/usr/bin/env bash
# assets: hosts, systems, services and clients of a capture, each told once, in any segments; entries of
# one's own come first; what is unknown is told with what an entry is made from; wrong ones are refused.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP

PYTHONPATH=tests/offline "$PYTHON" - "$D/in.pcap" "$D/bytes.pcap" <<'EOF'
import random
import struct
import sys

import mkcap
from mkcap import Connection, csum, write

NOP, SOK, EOL = b"\1", b"\4\2", b"\0"
TS = b"\10\12" + b"\0" * 8
MSS, WS = b"\2\4\5\xb4", b"\3\3\7"
LINUX = (64, 64240, MSS + SOK + TS + NOP + WS)
WINDOWS = (128, 64240, MSS + NOP + WS + NOP + NOP + SOK)
PRINTER = (64, 8760, MSS + NOP + WS)
LINUX_ANSWER = (64, 65160, MSS + SOK + TS + NOP + WS)
ODD = (255, 1000, b"\x1e\4\0\0" + MSS)


def syn(c, side, system, hops):
    """The connection's SYN or its answer as that system sends it, `hops` away."""
    ttl, window, options = system
    (src, sport), (dst, dport) = c.ends[side], c.ends[1 - side]
    ack = c.isn[0] + 1 if side else 0
    options += b"\0" * (-len(options) % 4)
    tcp = struct.pack("!HHIIBBHHH", sport, dport, c.isn[side], ack & 0xffffffff,
                      (5 + len(options) // 4) << 4, 0x12 if side else 2, window, 0, 0) + options
    p = bytearray(mkcap.packet(src, dst, 6, tcp, 16))
    if ":" in src:
        p[14 + 7] = ttl - hops
    else:
        p[14 + 8] = ttl - hops
        p[14 + 10:14 + 12] = b"\0\0"
        p[14 + 10:14 + 12] = struct.pack("!H", csum(bytes(p[14:34])))
    c.out.append(bytes(p))


def talk(c, client, server, first, said, size):
    syn(c, 0, client[0], client[1])
    syn(c, 1, server[0], server[1])
    c.segment(0, 0x10, 0)
    for side, data in ((first, said[first]), (1 - first, said[1 - first])):
        for at in range(0, len(data), size):
            c.segment(side, 0x18, at, data[at:at + size])
            c.sent[side] = min(at + size, len(data))
    for side in (0, 1):
        c.segment(side, 0x11, c.sent[side])
        c.sent[side] += 1
    c.segment(0, 0x10, c.sent[0])


GET = b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/8.1\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nDate: x\r\nServer: nginx/1.22\r\n\r\n<html>"
for path, size in ((sys.argv[1], 1000), (sys.argv[2], 1)):
    rnd, packets = random.Random(1), []
    for n, (src, dst, port, client, server, first, said) in enumerate([
            ("10.1.0.1", "192.0.2.1", 80, (LINUX, 3), (LINUX_ANSWER, 0), 0, (GET, PAGE)),
            ("10.1.0.1", "192.0.2.1", 80, (LINUX, 3), (LINUX_ANSWER, 0), 0, (GET, PAGE)),
            ("10.1.0.2", "192.0.2.1", 22, (WINDOWS, 1), (LINUX_ANSWER, 0), 1,
             (b"SSH-2.0-PuTTY_0.78\r\n", b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")),
            ("10.1.0.3", "192.0.2.1", 8080, (PRINTER, 0), (LINUX_ANSWER, 0), 0,
             (b"POST /x HTTP/1.0\r\n\r\n", b"HTTP/1.0 404 No\r\n\r\n")),
            ("10.1.0.4", "192.0.2.2", 443, (ODD, 7), (ODD, 0), 0,
             (b"\x16\3\1\1\0\1" + b"c" * 100, b"\x16\3\3\0\x50\2" + b"s" * 100)),
            ("fd00::5", "fd00::6", 9999, (LINUX, 0), (LINUX_ANSWER, 2), 1,
             (b"", b"HELLO 1.2\nwhat\n")),
            ("10.1.0.6", "192.0.2.3", 7, (LINUX, 0), (WINDOWS, 0), 0, (b"?" * 600, b"!" * 600))]):
        c = Connection(rnd, src, 4000 + n, dst, port)
        talk(c, client, server, first, said, size)
        packets += c.out
    c = Connection(rnd, "10.9.0.1", 5000, "192.0.2.9", 80)  # nobody answers
    syn(c, 0, LINUX, 0)
    write(path, packets + c.out)
EOF

want='client	10.1.0.1	http	curl/8.1
client	10.1.0.2	ssh	PuTTY_0.78
client	10.1.0.4	tls	-
host	10.1.0.1
host	10.1.0.2
host	10.1.0.3
host	10.1.0.4
host	10.1.0.6
host	192.0.2.1
host	192.0.2.2
host	192.0.2.3
host	fd00::5
host	fd00::6
os	10.1.0.1	Linux 4.19 or newer	syn 64 64240 mss,sok,ts,nop,ws mss 1460	3
os	10.1.0.2	Windows 10 or newer	syn 128 64240 mss,nop,ws,nop,nop,sok mss 1460	1
os	10.1.0.3	our old printer	syn 64 8760 mss,nop,ws mss 1460	0
os	10.1.0.4	unknown	syn 255 1000 ?30,mss mss 1460	7
os	10.1.0.6	Linux 4.19 or newer	syn 64 64240 mss,sok,ts,nop,ws mss 1460	0
os	192.0.2.1	Linux	synack 64 65160 mss,sok,ts,nop,ws mss 1460	0
os	192.0.2.2	unknown	synack 255 1000 ?30,mss mss 1460	0
os	192.0.2.3	Windows	synack 128 64240 mss,nop,ws,nop,nop,sok mss 1460	0
os	fd00::5	Linux 4.19 or newer	syn 64 64240 mss,sok,ts,nop,ws mss 1460	0
os	fd00::6	Linux	synack 64 65160 mss,sok,ts,nop,ws mss 1460	2
service	192.0.2.1	22	ssh	OpenSSH_9.2p1
service	192.0.2.1	80	http	nginx/1.22
service	192.0.2.1	8080	http	-
service	192.0.2.2	443	tls	-
service	192.0.2.3	7	unknown	-
service	fd00::6	9999	our daemon	1.2'
box() { # more options
	pipeline all '"tcp"' "{ pm: assets, file: $B/pms/assets.so, options: { file: $D/out.tsv $1 } }" |
		file_config "$D/box.yaml"
	rm -f "$D/out.tsv"
}
SIG=", signatures: [ 'os syn 64 8760 mss,nop,ws our old printer',
          'service /HELLO ([0-9.]+)\\n/ our daemon' ]"
for capture in in bytes; do
	box "$SIG"
	offline "$D/box.yaml" "$D/$capture.pcap" "$D/out.pcap"
	is "$(LC_ALL=C sort "$D/out.tsv" | diff - <(echo "$want"))" "" "$capture: each asset, once"
done
for bad in 'os syn 63 * mss x' 'os fin 64 * mss x' 'os syn 64 mss mss x' 'os syn 64 * mss' 'client /a' \
	'service /a(/ x' 'service // x' 'host x' 'service /a/'; do
	box ", signatures: [ '$bad' ]"
	offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
	is "$(grep -F ': signatures, value 1: ' "$D/offline.log" | grep -cF ": \"$bad\"")" 1 \
		"$bad is refused, and named"
done
finish
