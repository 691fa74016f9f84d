#!/usr/bin/env python3
"""dns.py - a name server and its clients, as much as 75_sinkhole.sh needs

  server PORT LOG       answer each query with 198.51.100.1 or 2001:db8::2; write the names asked to LOG
  client HOST PORT N    N queries, a few milliseconds apart, on eight sockets: for blockedI.test (even I) and
                        openI.test, none of them twice; says how many answers each kind had from
                        whom, and how many came again, were wrong or did not come
"""
import select
import socket
import struct
import sys
import time

OURS = {1: socket.inet_aton("192.0.2.1"), 28: socket.inet_pton(socket.AF_INET6, "2001:db8::1")}
THEIRS = {1: socket.inet_aton("198.51.100.1"), 28: socket.inet_pton(socket.AF_INET6, "2001:db8::2")}


def name_of(message):
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += message[at] + 1
    return ".".join(labels), struct.unpack("!H", message[at + 1:at + 3])[0], at + 5


def query(number, name, kind):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    return struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def server(port, log):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", int(port)))
    with open(log, "w", buffering=1) as out:
        print("ready", file=out)
        while True:
            q, who = s.recvfrom(2048)
            name, kind, end = name_of(q)
            print(name, file=out)
            a = THEIRS[kind]
            s.sendto(q[:2] + b"\x81\x80\0\x01\0\x01\0\0\0\0" + q[12:end] + b"\xc0\x0c" +
                     struct.pack("!2HIH", kind, 1, 60, len(a)) + a, who)


def client(host, port, n):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    socks = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(8)]
    for s in socks:
        s.connect((host, int(port)))
        s.setblocking(False)
    seen, again, wrong, sent = {}, 0, 0, 0
    # a second of silence behind the last answer: what comes twice comes by then
    end = time.monotonic() + 120
    quiet = None
    while time.monotonic() < end and (quiet is None or time.monotonic() < quiet):
        if sent < n:
            kind = 28 if sent % 4 > 1 else 1
            name = f"{'open' if sent % 2 else 'blocked'}{sent}.test"
            socks[sent % 8].send(query(sent, name, kind))
            sent += 1
        for s in select.select(socks, [], [], 0.005 if sent < n else 0.1)[0]:
            m = s.recv(2048)
            i = struct.unpack("!H", m[:2])[0]
            name, kind, _ = name_of(m)
            want = (THEIRS if i % 2 else OURS)[28 if i % 4 > 1 else 1]
            wrong += not m.endswith(want) or name != f"{'open' if i % 2 else 'blocked'}{i}.test"
            again += i in seen
            seen[i] = True
        if sent == n and len(seen) == n and quiet is None:
            quiet = time.monotonic() + 1
    blocked = sum(1 for i in seen if i % 2 == 0)
    print(f"blocked {blocked} open {len(seen) - blocked} again {again} wrong {wrong} lost {n - len(seen)}")


if __name__ == "__main__":
    if sys.argv[1] == "server":
        server(*sys.argv[2:4])
    else:
        client(sys.argv[2], sys.argv[3], int(sys.argv[4]))
