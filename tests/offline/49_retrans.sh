#!/usr/bin/env bash
# The module retrans on a capture made for it: bytes that come again, that come again and differ, and that
# come out of order are counted by direction.  No root needed.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
"$PYTHON" - "$D/in.pcap" <<-'END'
	import struct, sys
	out = open(sys.argv[1], "wb")
	out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
	ends, time = ((b"\xc0\x00\x02\x01", 40000), (b"\xc0\x00\x02\x50", 80)), 0
	def total(b):
	    s = sum(struct.unpack("!%dH" % ((len(b) + 1) // 2), b + b"\0" * (len(b) % 2)))
	    return ~((s & 0xffff) + (s >> 16)) & 0xffff
	def send(frm, seq, ack, flags, data=b""):
	    global time
	    time += 1000
	    (a, sport), (b, dport) = ends[frm], ends[1 - frm]
	    tcp = struct.pack("!HHIIBBHHH", sport, dport, 1000 + seq, 1000 + ack, 80, flags, 9999, 0, 0)
	    tcp += data
	    sum_ = total(a + b + struct.pack("!HH", 6, len(tcp)) + tcp)
	    tcp = tcp[:16] + struct.pack("!H", sum_) + tcp[18:]
	    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + a + b
	    ip = ip[:10] + struct.pack("!H", total(ip)) + ip[12:]
	    out.write(struct.pack("<IIII", 0, time, len(ip + tcp), len(ip + tcp)) + ip + tcp)
	send(0, 0, -1000, 2); send(1, 0, 1, 18); send(0, 1, 1, 16)
	send(0, 1, 1, 24, b"first "); send(0, 1, 1, 24, b"first ")     # again, the same
	send(0, 13, 1, 24, b"third "); send(0, 7, 1, 24, b"second")    # out of order
	send(1, 1, 1, 24, b"answer"); send(1, 1, 1, 24, b"ANSW")       # again, another
	send(1, 7, 19, 17); send(0, 19, 8, 17); send(1, 8, 20, 16)
END
printf '%s\n' 'version: 1' 'pipelines:' \
	"  - { name: p, match: tcp, stages: [ { pm: retrans, options: { file: $D/lines } } ] }" \
	>"$D/box.yaml"
check "a capture is read" "$B/bin/flowosctl" run "$D/box.yaml" --read "$D/in.pcap"
is "$(grep ^192.0.2.1:40000$'\t' "$D/lines" | cut -f 3-)" $'1\t6\t0\t1\tfin' \
	"what the client sent again, and out of order" || sed 's/^/# /' "$D/lines"
is "$(grep ^192.0.2.80:80$'\t' "$D/lines" | cut -f 3-)" $'1\t4\t1\t0\tfin' \
	"what the server sent again, and that it differs"
is "$(wc -l <"$D/lines")" 3 "a line for each direction, and one of words"
cp "$D/lines" "$D/want"
mkdir "$D/kills"
FLOWOS_KILL_AT="3 $D/kills" "$B/bin/flowosctl" run "$D/box.yaml" --read "$D/in.pcap" >"$D/out" 2>&1
at_least "$(grep -c 'pm.retrans.0 .*was killed' "$D/out")" 2 "killed and started again,"
is "$(sort "$D/lines")" "$(sort "$D/want")" "it writes the same, once"
finish
