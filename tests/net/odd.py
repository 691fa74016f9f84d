#!/usr/bin/env python3
"""odd.py - TCP endpoints with something unusual about them; each exits 0 when all went well.

  server KIND PORT IN OUT       accept one connection, send IN and store what comes in OUT, at once
  client KIND HOST PORT IN OUT  the other side of it
                                KIND: plain, md5 (signed), wrong (signed by another key; must fail),
                                mptcp, fastopen (data with the SYN if the kernel has a cookie),
                                late (the handshake's last acknowledgement waits for data)
  drip-client HOST PORT IN MARK  send IN a bit at a time until the file MARK is there, then the rest
  reset-client HOST PORT IN      send IN and reset the connection
  urgent-server PORT OUT        store what comes in line, then what came out of band, after a newline
  urgent-client HOST PORT       send `a needle, `, an urgent `!`, ` and a needle`
  flood NIC ADDRESS PORT SECONDS    SYNs with invented senders; says how many
"""
import os
import random
import socket
import struct
import sys
import threading
import time

TIMEOUT = 60
TCP_MD5SIG = 14
IPPROTO_MPTCP = 262
MSG_FASTOPEN = 0x20000000


def sign(sock, host, key):
    """struct tcp_md5sig: the peer's address, flags, prefix, key length, device, key"""
    address = struct.pack("!HH4s", 0, 0, socket.inet_aton(host)).ljust(128, b"\0")
    address = struct.pack("H", socket.AF_INET) + address[2:]
    sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG,
                    address + struct.pack("BBHi80s", 0, 0, len(key), 0, key))


def make(kind):
    proto = IPPROTO_MPTCP if kind == "mptcp" else 0
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto)
    sock.settimeout(TIMEOUT)
    return sock


def listen(kind, port, peer="10.77.0.2"):
    sock = make(kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))
    if kind in ("md5", "wrong"):
        sign(sock, peer, b"the right key")
    if kind == "fastopen":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    sock.listen(16)
    return sock


def exchange(sock, infile, outfile, sent=0):
    def send():
        with open(infile, "rb") as f:
            f.seek(sent)
            while data := f.read(1 << 16):
                sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    with open(outfile, "wb") as f:
        while data := sock.recv(1 << 16):
            f.write(data)
    sender.join()
    sock.close()


def server(kind, port, infile, outfile):
    sock = listen(kind, int(port))
    conn, _ = sock.accept()
    conn.settimeout(TIMEOUT)
    exchange(conn, infile, outfile)


def client(kind, host, port, infile, outfile):
    sock = make(kind)
    sent = 0
    if kind in ("md5", "wrong"):
        sign(sock, host, b"the right key" if kind == "md5" else b"another key")
    if kind == "wrong":
        sock.settimeout(4)
        try:
            sock.connect((host, int(port)))
        except (TimeoutError, ConnectionError):
            return
        sys.exit("connected by the wrong key")
    if kind == "late":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    if kind == "fastopen":
        sock.settimeout(None)  # a socket with a time limit does not wait for the answer
        with open(infile, "rb") as f:
            sent = sock.sendto(f.read(500), MSG_FASTOPEN, (host, int(port)))
    else:
        sock.connect((host, int(port)))
    exchange(sock, infile, outfile, sent)


def drip_client(host, port, infile, mark):
    """A little at a time until the file `mark` is there, and for a second more; then the rest."""
    with open(infile, "rb") as f:
        data = f.read()
    sock = make("plain")
    sock.connect((host, int(port)))
    at, more = 0, 50
    while at < len(data):
        more -= os.path.exists(mark)
        n = 1000 if more > 0 else 1 << 16
        sock.sendall(data[at:at + n])
        at += n
        time.sleep(0.02 if more > 0 else 0)
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(4096): # what is closed with bytes unread is reset
        pass
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 100))
    sock.close()


def reset_client(host, port, infile):
    """Sends, and gives up with much of it under way."""
    sock = make("plain")
    sock.connect((host, int(port)))
    with open(infile, "rb") as f:
        sock.sendall(f.read())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def urgent_server(port, outfile):
    sock = listen("plain", int(port))
    conn, _ = sock.accept()
    conn.settimeout(TIMEOUT)
    inline, urgent = b"", b""
    while True:
        try:
            urgent += conn.recv(1, socket.MSG_OOB)
        except OSError:
            pass
        data = conn.recv(4096)
        if not data:
            break
        inline += data
    try:
        urgent += conn.recv(1, socket.MSG_OOB)
    except OSError:
        pass
    with open(outfile, "wb") as f:
        f.write(inline + b"\n" + urgent[:1])


def urgent_client(host, port):
    sock = make("plain")
    sock.connect((host, int(port)))
    sock.sendall(b"a needle, ")
    time.sleep(0.3)
    sock.send(b"!", socket.MSG_OOB)
    time.sleep(0.3)
    sock.sendall(b" and a needle")
    sock.shutdown(socket.SHUT_WR)
    sock.recv(1)


def fold(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~((total >> 16) + total) & 0xffff


def flood(nic, address, port, seconds):
    def mac(of):
        return bytes.fromhex(of.strip().replace(":", ""))

    with open("/sys/class/net/%s/address" % nic) as f:
        own = mac(f.read())
    with open("/proc/net/arp") as f:
        peer = [mac(line.split()[3]) for line in f if line.startswith(address + " ")][0]
    draw = random.Random(1)
    frames = []
    to = socket.inet_aton(address)
    for _ in range(20000):
        src = bytes([10, 77, 0, draw.randrange(16, 250)])
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, src, to)
        ip = ip[:10] + struct.pack("!H", fold(ip)) + ip[12:]
        tcp = struct.pack("!HHIIBBHHH", draw.randrange(1024, 65536), int(port),
                          draw.getrandbits(32), 0, 0x50, 2, 1000, 0, 0)
        pseudo = src + to + struct.pack("!HH", 6, 20)
        tcp = tcp[:16] + struct.pack("!H", fold(pseudo + tcp)) + tcp[18:]
        frames.append(peer + own + b"\x08\x00" + ip + tcp)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((nic, 0))
    end, sent = time.monotonic() + float(seconds), 0
    while time.monotonic() < end:
        for frame in frames[sent % len(frames):][:100]:
            try:
                sock.send(frame)
            except OSError:
                time.sleep(0.001)
            sent += 1
    print(sent)


if __name__ == "__main__":
    kinds = {"server": server, "client": client, "drip-client": drip_client,
             "reset-client": reset_client,
             "urgent-server": urgent_server, "urgent-client": urgent_client, "flood": flood}
    try:
        kinds[sys.argv[1]](*sys.argv[2:])
    except OSError as why:
        sys.exit("%s: %s" % (" ".join(sys.argv[1:]), os.strerror(why.errno) if why.errno else why))
