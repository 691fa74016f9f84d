#!/usr/bin/env python3
"""mkcap.py OUT plain|idle|rough|v6|vlan|mixed|http SEED [FIND WITH]... - a pcap of made-up TCP connections.

Each connection: handshake, a request, a reply with `needle` in many places, FIN both ways, every
segment acknowledged, checksums good.  idle: the same with keep-alives that carry a byte.  rough: with
reordering, retransmissions and overlap on the way in.  mixed: some of everything, and UDP.  http: several
messages of HTTP/1.0 and 1.1 on each connection, requests and replies with lengths, in chunks and until the
close.  Prints, for every connection, `src sport dst dport bytes sha256` of the client's and of the server's
stream, with each FIND replaced by its WITH, one pair after the other.
"""
import hashlib
import random
import socket
import struct
import sys


def csum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(src, dst, proto, l4, csum_at, vlan=None):
    if ":" in src:
        a, b = (socket.inet_pton(socket.AF_INET6, x) for x in (src, dst))
        pseudo = a + b + struct.pack("!IHBB", len(l4), 0, 0, proto)
        ip = struct.pack("!IHBB", 6 << 28, len(l4), proto, 64) + a + b
        eth_type = 0x86dd
    else:
        a, b = (socket.inet_aton(x) for x in (src, dst))
        pseudo = a + b + struct.pack("!BBH", 0, proto, len(l4))
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(l4), 0, 0x4000, 64, proto, 0) + a + b
        ip = ip[:10] + struct.pack("!H", csum(ip)) + ip[12:]
        eth_type = 0x0800
    value = csum(pseudo + l4) or 0xffff
    l4 = l4[:csum_at] + struct.pack("!H", value) + l4[csum_at + 2:]
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    macs = b"\2\0\0\0\0\1\2\0\0\0\0\2" if src < dst else b"\2\0\0\0\0\2\2\0\0\0\0\1"
    return macs + tag + struct.pack("!H", eth_type) + ip + l4


class Connection:
    def __init__(self, rnd, src, sport, dst, dport, vlan=None):
        self.rnd, self.vlan = rnd, vlan
        self.ends = [(src, sport), (dst, dport)]
        self.isn = [rnd.getrandbits(32), rnd.getrandbits(32)]
        self.sent = [0, 0]  # stream bytes
        self.data = [b"", b""]
        self.out = []

    def segment(self, side, flags, pos, data=b"", syn=False):
        (src, sport), (dst, dport) = self.ends[side], self.ends[1 - side]
        seq = self.isn[side] + (0 if syn else 1 + pos)
        ack = self.isn[1 - side] + 1 + self.sent[1 - side] if flags & 16 else 0
        options = b"\2\4\5\xb4\1\3\3\7" if syn else b""
        tcp = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                          (5 + len(options) // 4) << 4, flags, 64240, 0, 0) + options + data
        self.out.append(packet(src, dst, 6, tcp, 16, self.vlan))

    def send(self, side, data, rough):
        chunks, pos = [], 0
        while pos < len(data):
            n = min(self.rnd.randint(1, 1460), len(data) - pos)
            chunks.append((self.sent[side] + pos, data[pos:pos + n]))
            pos += n
        self.data[side] += data
        for i in range(0, len(chunks), 4):
            group = chunks[i:i + 4]
            if rough:
                if self.rnd.random() < 0.3:
                    group.append(self.rnd.choice(group))
                if self.rnd.random() < 0.3 and len(group) > 1 and group[0][0] < group[1][0]:
                    both = group[0][1] + group[1][1]
                    if group[0][0] + len(group[0][1]) == group[1][0] and len(both) <= 1460:
                        group[1] = (group[0][0], both)
                self.rnd.shuffle(group)
            for at, part in group:
                self.segment(side, 0x18, at, part)
            self.sent[side] = max(self.sent[side], max(at + len(p) for at, p in group))
            self.segment(1 - side, 0x10, self.sent[1 - side])

    def message(self, start, kind):
        words = ["hay", "needle", "nee", "x" * 30, "\r\n", "<script src=//ads.example/x>1</script>"]
        body = "".join(self.rnd.choice(words) for _ in range(self.rnd.randint(0, 80))).encode()
        head = start + b"\r\nContent-Type: text/html\r\nETag: \"1\"\r\nServer: x\r\n"
        if kind == "length":
            return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        if kind != "chunked":
            return head + b"\r\n" + (body if kind == "close" else b"")
        head, at = head + b"Transfer-Encoding: chunked\r\n\r\n", 0
        while at < len(body):
            n = min(self.rnd.randint(1, 300), len(body) - at)
            head += b"%x%s\r\n%s\r\n" % (n, self.rnd.choice([b"", b";a=b"]), body[at:at + n])
            at += n
        return head + b"0\r\n" + self.rnd.choice([b"", b"T: 1\r\n"]) + b"\r\n"

    def talk(self, rough):
        for last in (False, False, False, True):
            kind = self.rnd.choice(["none", "none", "length", "chunked", "head"])
            version = self.rnd.choice([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0\r\nConnection: keep-alive"])
            if version != b"HTTP/1.1" and kind == "chunked":
                kind = "length"
            method = {"none": b"GET", "head": b"HEAD"}.get(kind, b"POST")
            self.send(0, self.message(method + b" /a " + version, kind), rough)
            reply = "close" if last else "length" if version != b"HTTP/1.1" else \
                self.rnd.choice(["length", "chunked", "none"])
            start = b"HTTP/1.1 204 No" if reply == "none" else b"HTTP/1.1 200 OK"
            reply = self.message(start, reply)
            if kind == "head":
                reply = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
            self.send(1, reply, rough)

    def keep_alive(self, side):
        self.segment(side, 0x10, self.sent[side] - 1, b"\0")
        self.segment(1 - side, 0x10, self.sent[1 - side])

    def run(self, rough, http=False, idle=False):
        self.segment(0, 2, 0, syn=True)
        self.segment(1, 0x12, 0, syn=True)
        self.segment(0, 0x10, 0)
        words = ["hay", "needle", "needleneedle", "nee", "dle", "x" * 40, "\r\n"]
        if http:
            self.talk(rough)
        else:
            self.send(0, b"GET /haystack HTTP/1.0\r\nX-Wanted: needle\r\n\r\n", rough)
            if idle:
                self.keep_alive(0)
            reply = "".join(self.rnd.choice(words) for _ in range(self.rnd.randint(50, 2000)))
            self.send(1, b"HTTP/1.0 200 OK\r\n\r\n" + reply.encode(), rough)
        if idle:
            self.keep_alive(0)
            self.keep_alive(1)
        self.segment(1, 0x11, self.sent[1])
        self.sent[1] += 1
        self.segment(0, 0x11, self.sent[0])
        self.sent[0] += 1
        self.segment(1, 0x10, self.sent[1])
        return self.out


def write(path, packets, us=None):
    """us: when each was captured, in microseconds from the first one's second on; default: 1 ms apart."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for n, p in enumerate(packets):
            s, rest = divmod(us[n] if us else n * 1000, 1000000)
            f.write(struct.pack("<IIII", 1700000000 + s, rest, len(p), len(p)) + p)


def main(out, kind, seed, *pairs):
    rnd = random.Random("%s %s" % (kind, seed))
    queues, conns = [], []
    for n in range(12):
        v6 = kind == "v6" or (kind == "mixed" and n % 3 == 0)
        vlan = 42 if kind == "vlan" or (kind == "mixed" and n % 4 == 1) else None
        src, dst = ("fd77::2", "fd77::1") if v6 else ("10.77.0.2", "10.77.0.1")
        c = Connection(rnd, src, 30000 + n, dst, 80, vlan)
        queues.append(c.run(kind == "rough" or (kind == "mixed" and n % 2 == 1), kind == "http",
                            kind == "idle"))
        conns.append(c)
    if kind == "mixed":
        udp = struct.pack("!HHHH", 5000, 5001, 20, 0) + b"hello needle"
        queues.append([packet("10.77.0.2", "10.77.0.1", 17, udp, 6) for _ in range(20)])
    packets = []
    while queues:
        q = rnd.choice(queues)
        packets.append(q.pop(0))
        if not q:
            queues.remove(q)
    write(out, packets)
    for c in conns:
        for side in (0, 1):
            a, b = c.ends[side], c.ends[1 - side]
            data = c.data[side]
            for find, replacement in zip(pairs[::2], pairs[1::2]):
                data = data.replace(find.encode(), replacement.encode())
            sha = hashlib.sha256(data).hexdigest()
            print("\t".join(map(str, a + b + (len(data), sha))))


if __name__ == "__main__":
    main(*sys.argv[1:])
