#!/usr/bin/env python3
"""script.py OUT NAME - a capture for programs written for mOS: one connection or a few, by hand.

events   handshake, five bytes, a copy of them, three bytes beyond a hole, the hole filled, both FINs;
         a connection that another filter would take; a datagram; a packet of no connection
slow     a connection that says one byte a second for six seconds
twice    three bytes beyond a hole, three others for them, the hole filled; a packet a second
edits    three connections that say "one two three" to ports 81 to 83, in two segments
"""
import random
import struct
import sys

sys.path.insert(0, "tests/offline")
from mkcap import Connection, packet  # noqa: E402

SYN, ACK, FIN = 2, 16, 1


def write(path, timed):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for ms, p in timed:
            f.write(struct.pack("<IIII", 1700000000 + ms // 1000, ms % 1000 * 1000, len(p), len(p)) + p)


def begin(sport, dport):
    c = Connection(random.Random(sport), "10.77.0.2", sport, "10.77.0.1", dport)
    c.segment(0, SYN, 0, syn=True)
    c.segment(1, SYN | ACK, 0, syn=True)
    c.segment(0, ACK, 0)
    return c


def say(c, side, at, data):
    c.segment(side, ACK | 8, at, data)
    c.sent[side] = max(c.sent[side], at + len(data))


def end(c):
    c.segment(0, FIN | ACK, c.sent[0])
    c.sent[0] += 1
    c.segment(1, FIN | ACK, c.sent[1])
    c.sent[1] += 1
    c.segment(0, ACK, c.sent[0])
    return c.out


def events():
    c = begin(4000, 80)
    say(c, 0, 0, b"hello")
    c.segment(1, ACK, 0)
    say(c, 0, 0, b"hello")
    c.segment(0, ACK | 8, 8, b"def")
    c.segment(0, ACK | 8, 5, b"abc")
    c.sent[0] = 11
    c.segment(1, ACK, 0)
    out = end(c)
    out += end(begin(4001, 8080))
    udp = struct.pack("!HHHH", 5000, 5001, 20, 0) + b"hello needle"
    out.append(packet("10.77.0.2", "10.77.0.1", 17, udp, 6))
    for port in (7, 9):
        lost = Connection(random.Random(port), "10.77.0.2", 4002, "10.77.0.1", port)
        lost.segment(0, ACK, 0)
        out += lost.out
    return list(enumerate(out))


def slow():
    c = begin(4000, 80)
    timed = [(0, p) for p in c.out]
    for n in range(6):
        c.out = []
        say(c, 0, n, b"%d" % n)
        c.segment(1, ACK, 0)
        timed += [(1000 * (n + 1), p) for p in c.out]
    c.out = []
    return timed + [(6500, p) for p in end(c)]


def twice():
    c = begin(4000, 80)
    say(c, 0, 0, b"hello")
    c.segment(0, ACK | 8, 8, b"xyz")
    c.segment(0, ACK | 8, 8, b"def")
    c.segment(0, ACK | 8, 5, b"abc")
    c.sent[0] = 11
    c.segment(1, ACK, 0)
    return [(1000 * n, p) for n, p in enumerate(end(c))]


def edits():
    out = []
    for port in (81, 82, 83):
        c = begin(4000 + port, port)
        say(c, 0, 0, b"one two ")
        c.segment(1, ACK, 0)
        say(c, 0, 8, b"three")
        c.segment(1, ACK, 0)
        out += end(c)
    return list(enumerate(out))


write(sys.argv[1], {"events": events, "slow": slow, "twice": twice, "edits": edits}[sys.argv[2]]())
