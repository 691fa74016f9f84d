#!/usr/bin/env python3
"""peer.py - the endpoints of the network tests; each exits 0 when what it saw was right.

  bulk-server PORT FILE OUT         accept one connection, send FILE and store what comes, at once
  bulk-client HOST PORT FILE OUT    the other side of it
                                    (both: [BYTES] behind it = receive buffer, read in small bites)
  many-server PORT N                N connections, each answered with 20000 bytes of its own
  many-client HOST PORT N           opens all N before it reads from the first; checks every byte
  swap-server PORT N FIND WITH      N connections at once, both ends sending a text of their own at
  swap-client HOST PORT N FIND WITH the same time; each expects the other's with FIND replaced by
                                    WITH; the client uses all addresses of its interface in turn
  cuts-server PORT FIND WITH        streams with FIND cut by segment borders at every offset, sent
  cuts-client HOST PORT FIND WITH   both ways at once; both expect them with FIND replaced by WITH
  udp-server PORT                   echo datagrams until killed
  udp-client HOST PORT N [SIZE      send N datagrams of different lengths, or of one, and await each
    [FIND WITH]]                    echo, with FIND (which is put in front) replaced by WITH
  who-server PORT                   tell every connection `address port`, as seen here
  who-client HOST PORT [N] [SPORT]  N connections after each other, from one source port if given
"""
import asyncio
import hashlib
import json
import socket
import subprocess
import sys
import threading
import time

TIMEOUT = 150
RCVBUF = 0  # 0 = as the kernel thinks


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def small(s):
    if RCVBUF:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF)


def listen(port, backlog=1024):
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port))
    small(s)
    s.listen(backlog)
    return s


def connect(host, port, sport=0):
    s = socket.socket(family(host), socket.SOCK_STREAM)
    s.settimeout(TIMEOUT)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    small(s)
    if sport:
        s.bind(("", sport))
    s.connect((host, port))
    return s


def accept(listener):
    listener.settimeout(TIMEOUT)
    s, _ = listener.accept()
    s.settimeout(TIMEOUT)
    return s


def tell_difference(what, got, want):
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    print("%s: %d bytes, want %d, differ at %d: %r, want %r" % (
        what, len(got), len(want), at, got[at:at + 24], want[at:at + 24]))


# ---- bulk: a file each way, at once ----------------------------------------------------------

def bulk(sock, path, out):
    def send():
        with open(path, "rb") as f:
            sock.sendfile(f)
        sock.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    with open(out, "wb") as f:
        while data := sock.recv(700 if RCVBUF else 1 << 18):
            f.write(data)
    sender.join()
    return True


# ---- many: concurrent connections ------------------------------------------------------------

def answer(number):
    block = hashlib.sha256(b"%d" % number).digest()
    return (block * 625)[:20000]


async def many_server(port, count):
    left = count
    done = asyncio.Event()

    async def serve(reader, writer):
        nonlocal left
        number = int(await reader.readline())
        writer.write(answer(number))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        left -= 1
        if not left:
            done.set()

    server = await asyncio.start_server(serve, sock=listen(port, 4096), backlog=4096)
    await asyncio.wait_for(done.wait(), TIMEOUT)
    server.close()
    return True


async def many_client(host, port, count):
    async def fetch(number, pair):
        reader, writer = pair
        writer.write(b"%d\n" % number)
        got = await reader.read(-1)
        writer.close()
        return got == answer(number)

    pairs = await asyncio.wait_for(
        asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(count))), TIMEOUT)
    good = await asyncio.wait_for(
        asyncio.gather(*(fetch(n, p) for n, p in enumerate(pairs))), TIMEOUT)
    print("%d of %d connections brought the right bytes" % (sum(good), count))
    return all(good)


# ---- swap: many connections, edited bytes both ways ------------------------------------------

def text(number, side, find):
    """Some 60000 bytes, FIND some twenty times at odd places; FIND has a letter beyond f."""
    parts = [hashlib.sha256(b"%d %d %d" % (number, side, i)).hexdigest().encode() * 47
             for i in range(20)]
    return find.join(part[number % 97 + i:] for i, part in enumerate(parts))


async def swap(reader, writer, number, side, find, replacement):
    async def send():
        writer.write(text(number, side, find))
        writer.write_eof()
        await writer.drain()

    _, got = await asyncio.gather(send(), reader.read(-1))
    writer.close()
    await writer.wait_closed()  # what asyncio holds back would be lost with the process
    want = text(number, 1 - side, find).replace(find, replacement)
    if got != want:
        tell_difference("connection %d" % number, got, want)
    return got == want


async def swap_server(port, count, find, replacement):
    results = []
    done = asyncio.Event()

    async def serve(reader, writer):
        number = int(await reader.readline())
        results.append(await swap(reader, writer, number, 1, find, replacement))
        if len(results) == count:
            done.set()

    server = await asyncio.start_server(serve, sock=listen(port, 4096), limit=1 << 20,
                                        backlog=4096)
    await asyncio.wait_for(done.wait(), TIMEOUT)
    server.close()
    print("%d of %d connections brought the right bytes" % (sum(results), count))
    return all(results)


async def swap_client(host, port, count, find, replacement):
    async def one(number):
        source = sources[number % len(sources)]
        reader, writer = await asyncio.open_connection(
            host, port, limit=1 << 20, local_addr=(source, 0))
        writer.write(b"%d\n" % number)
        return await swap(reader, writer, number, 0, find, replacement)

    sources = addresses(host)
    good = await asyncio.wait_for(asyncio.gather(*(one(n) for n in range(count))), TIMEOUT)
    print("%d of %d connections brought the right bytes" % (sum(good), count))
    return all(good)


def addresses(host):
    """The addresses that this host has towards another one."""
    said = json.loads(subprocess.check_output(["ip", "-j", "addr", "show", "dev", "eth0"]))
    kind = "inet6" if ":" in host else "inet"
    return [a["local"] for a in said[0]["addr_info"] if a["family"] == kind
            and a["scope"] == "global"]


# ---- cuts: the pattern across segment borders ------------------------------------------------

def plans(find):
    """Lists of writes, one list per connection.  Each write is one segment."""
    text = b"lorem ipsum dolor sit amet. "
    for cut in range(len(find) + 1):
        yield [text + find[:cut], find[cut:] + text]
    for cut in range(1, len(find)):  # again, with another cut behind, nothing before, at the end
        yield [find[:cut], find[cut:] + find[:cut], find[cut:]]
    yield [bytes([b]) for b in find * 3 + text]  # byte by byte, adjacent occurrences
    yield [find[:-1], find, text + find[:-1]]  # a prefix that leads nowhere, also at the end
    yield [find * 200, text * 100 + find, find[:1], find[1:]]  # many in one segment


def cuts(sock, find, replacement, writes, tell):
    def send():
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for data in writes:
            sock.sendall(data)
            # A segment of its own; but a pattern must not last longer than the sender's
            # loss probe (a few round trips), which halves how much it may have in flight:
            # with one byte a segment that is less than a held pattern.
            time.sleep(0.0002)
        sock.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    got = b""
    while data := sock.recv(65536):
        got += data
    sender.join()
    want = b"".join(writes).replace(find, replacement)
    if got != want and tell:
        tell_difference("segments %r" % [w[:24] for w in writes[:4]], got, want)
    return got == want


def cuts_all(opener, find, replacement):
    results = []
    for writes in plans(find):
        results.append(cuts(opener(), find, replacement, writes, results.count(False) < 3))
    print("%d of %d connections right" % (sum(results), len(results)))
    return all(results)


# ---- udp and who -----------------------------------------------------------------------------

def udp_server(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port))
    print("ready", flush=True)
    while True:
        data, peer = s.recvfrom(65536)
        s.sendto(data, peer)


def udp_client(host, port, count, size=0, find=b"", replacement=b""):
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((host, port))
    good = 0
    for n in range(count):
        data = (b"%06d." % n) * (1 + n * 199 // count)
        if size:
            data = (b"%06d %s " % (n, find) + bytes(i * 7 + n & 255 or 1 for i in range(251))
                    * (size // 251 + 1))[:size]
        s.send(data)
        try:
            good += s.recv(65536) == (data.replace(find, replacement) if find else data)
        except TimeoutError:
            pass
    print("%d of %d datagrams came back" % (good, count))
    return good == count


def who_server(port):
    listener = listen(port)
    while True:
        s, peer = listener.accept()
        s.sendall(b"%s %d\n" % (peer[0].removeprefix("::ffff:").encode(), peer[1]))
        s.close()


def who_client(host, port, count=1, sport=0):
    for _ in range(count):
        s = connect(host, port, sport)
        print(s.makefile().readline().strip(), flush=True)
        s.close()  # the server has closed first: TIME_WAIT is on its side
    return True


def main(args):
    global RCVBUF
    what = args.pop(0)
    if what.startswith("bulk") and args[-1].isdigit():
        RCVBUF = int(args.pop())
    if what == "bulk-server":
        return bulk(accept(listen(int(args[0]))), args[1], args[2])
    if what == "bulk-client":
        return bulk(connect(args[0], int(args[1])), args[2], args[3])
    if what == "many-server":
        return asyncio.run(many_server(int(args[0]), int(args[1])))
    if what == "many-client":
        return asyncio.run(many_client(args[0], int(args[1]), int(args[2])))
    if what == "swap-server":
        return asyncio.run(swap_server(int(args[0]), int(args[1]), *map(str.encode, args[2:])))
    if what == "swap-client":
        return asyncio.run(swap_client(args[0], int(args[1]), int(args[2]),
                                       *map(str.encode, args[3:])))
    if what == "cuts-server":
        listener = listen(int(args[0]))
        return cuts_all(lambda: accept(listener), args[1].encode(), args[2].encode())
    if what == "cuts-client":
        return cuts_all(lambda: connect(args[0], int(args[1])), args[2].encode(), args[3].encode())
    if what == "udp-server":
        return udp_server(int(args[0]))
    if what == "udp-client":
        return udp_client(args[0], *(int(a) for a in args[1:4]), *map(str.encode, args[4:]))
    if what == "who-server":
        return who_server(int(args[0]))
    if what == "who-client":
        return who_client(args[0], int(args[1]), *(int(a) for a in args[2:]))
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
