#!/usr/bin/env bash
# ids: rules of a file fire on a capture as they say, however the segments fall; alerts are EVE lines;
# faults of a file are told with line and column, keywords that there are not by their names.
. "$(dirname "$0")/../net/lib.sh"
[ -e "$B/pms/ids.so" ] || skip_all 'ids is not built: libhs or libpcre2-8 is not installed'
D=$NET_TMP

PYTHONPATH=tests/offline "$PYTHON" - "$D/plain.pcap" "$D/rough.pcap" <<'EOF'
import random
import sys

from mkcap import Connection, packet, write

import struct

for path, rough in ((sys.argv[1], False), (sys.argv[2], True)):
    rnd, packets = random.Random(7), []
    for n, (request, reply) in enumerate([
            (b"GET /a/../b HTTP/1.0\r\nCookie: () { x\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\nfine"),
            (b"GET /fine HTTP/1.0\r\n\r\n", b"HTTP/1.0 404 Not\r\n\r\nfine Secret-Word"),
            (b"POST /../ HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 3000 + b"secret-word")]):
        c = Connection(rnd, "10.1.0.1", 4000 + n, "192.0.2.1", 80)
        c.segment(0, 2, 0, syn=True)
        c.segment(1, 0x12, 0, syn=True)
        c.segment(0, 0x10, 0)
        if rough:
            for side, data in ((0, request), (1, reply)):
                for _ in range(1 if len(data) < 3 else 4):
                    n = rnd.randint(1, max(1, len(data) // 3))
                    c.send(side, data[:n], True)
                    data = data[n:]
                c.send(side, data, True)
        else:
            c.segment(0, 0x18, 0, request)
            c.sent[0] = len(request)
            for at in range(0, len(reply), 1400):
                c.segment(1, 0x18, at, reply[at:at + 1400])
            c.sent[1] = len(reply)
        c.segment(1, 0x11, c.sent[1])
        c.sent[1] += 1
        c.segment(0, 0x11, c.sent[0])
        c.sent[0] += 1
        c.segment(1, 0x10, c.sent[1])
        packets += c.out
    for name in (b"\7example\4test\0", b"\5other\4test\0"):
        dns = b"\1\2\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1"
        packets.append(packet("10.1.0.1", "192.0.2.53", 17,
                              struct.pack("!HHHH", 5353, 53, 8 + len(dns), 0) + dns, 6))
    write(path, packets)
EOF

cat >"$D/local.rules" <<'EOF'
# what a file may have
alert tcp $HOME any -> any 80 (msg:"traversal \"up\""; flow:to_server,established; \
	content:"GET "; depth:4; content:"/../"; distance:0; within:100; classtype:web-attack; \
	priority:2; sid:1; rev:3;)
alert tcp any 80 -> $HOME any (msg:"word"; flow:to_client; content:"|73|ecret-word"; nocase; sid:2;)
alert tcp any 80 -> any any (msg:"not found"; content:"HTTP/1."; startswith; \
	content:" 404", within 5; sid:3;)
alert udp any any -> any 53 (msg:"dns"; content:"|07|example|04|test|00|"; offset:12; sid:4;)
alert tcp any any -> any 80 (msg:"no cookie"; content:"GET"; content:!"cookie"; nocase; sid:5;)
alert tcp any any -> any 80 (msg:"shell"; pcre:"/^cookie:\s*\(\)\s*\{/mi"; sid:6;)
alert tcp any any -> any 443 (msg:"another port"; content:"GET"; sid:7;)
EOF

run() { # capture, more options
	pipeline all '"tcp or udp"' "{ pm: ids, file: $B/pms/ids.so, options: { file: $D/eve.json,
          list: $D/local.rules, vars: [ 'HOME 10.0.0.0/8' ] $2 } }" | file_config "$D/box.yaml"
	rm -f "$D/eve.json"
	offline "$D/box.yaml" "$1" "$D/out.pcap"
}
alerts() {
	"$PYTHON" - "$D/eve.json" <<-'END'
		import json, sys
		def order(e):
		    return e["alert"]["signature_id"], e["src_port"], e["dest_port"]
		for e in sorted((e for e in map(json.loads, open(sys.argv[1])) if "alert" in e), key=order):
		    a = e["alert"]
		    print(a["signature_id"], a["rev"], a["signature"], a["category"], a["severity"],
		          a["action"], e["proto"], e["src_ip"], e["src_port"], e["dest_ip"], e["dest_port"],
		          e["direction"], e["stream"]["to"], e["timestamp"][:10])
	END
}
same() { # sentence
	is "$(diff <(alerts) - <<<"$want")" "" "$1"
}
want='1 3 traversal "up" web-attack 2 allowed TCP 10.1.0.1 4000 192.0.2.1 80 to_server 10 2023-11-14
2 0 word  3 allowed TCP 192.0.2.1 80 10.1.0.1 4001 to_client 36 2023-11-14
2 0 word  3 allowed TCP 192.0.2.1 80 10.1.0.1 4002 to_client 3030 2023-11-14
3 0 not found  3 allowed TCP 192.0.2.1 80 10.1.0.1 4001 to_client 12 2023-11-14
4 0 dns  3 allowed UDP 10.1.0.1 5353 192.0.2.53 53 to_server 26 2023-11-14
5 0 no cookie  3 allowed TCP 10.1.0.1 4001 192.0.2.1 80 to_server 22 2023-11-14
6 0 shell  3 allowed TCP 10.1.0.1 4000 192.0.2.1 80 to_server 34 2023-11-14'
run "$D/plain.pcap" ""
same "each rule as it should, told once"
run "$D/rough.pcap" ""
same "in any segments and order"
run "$D/plain.pcap" ", rules: [ 'drop tcp any any -> any 80 (content:\"POST\"; sid:90;)' ]"
is "$(grep -c '"action":"blocked"' "$D/eve.json")" 1 "drop is told as blocked"

# Faults: the line that says so.
fault() { # rules; line:column: what
	printf '%b' "$1" >"$D/bad.rules"
	pipeline all '"tcp"' "{ pm: ids, file: $B/pms/ids.so, options: { list: $D/bad.rules } }" |
		file_config "$D/box.yaml"
	offline "$D/box.yaml" "$D/plain.pcap" "$D/out.pcap"
	at_least "$(grep -cF "ids: $D/bad.rules:$2" "$D/offline.log")" 1 "$2"
}
H='alert tcp any any -> any any'
fault "# one\n\n$H (content:\"a\"; urilen:5; sid:1;)\n" "3:44: keyword 'urilen' is not supported"
fault "$H (sid:1;)\nlog tcp any any -> any any (sid:2;)\n" \
	"2:1: action 'log' is not supported: alert, drop or reject"
fault "$H (content:\"a|0|\"; sid:1;)" "1:41: half a byte between bars"
fault "$H (\\\\\n  content:\"abc\"; depth:2; sid:1;)" "2:3: depth is less than the length of the content"
fault "$H (content:\"a\"; distance:-3; sid:1;)" "1:53: a negative distance is not supported"
fault "$H (pcre:\"/a/U\"; sid:1;)" "1:40: pcre: flag 'U' is not supported: i, s, m, x, A, R"
fault "$H (pcre:\"/a(/\"; sid:1;)" "1:31: rule of sid 1: not a regular expression: "
fault "alert tcp any any -> [10.0.0.0/8 any (sid:1;)" "1:22: this [ has no ]"
fault "$H (sid:1;)\n$H (sid:1;)\n" "2:1: there is a rule of sid 1 already"
finish
