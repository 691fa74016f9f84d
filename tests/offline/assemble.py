#!/usr/bin/env python3
"""assemble.py PCAP - the TCP streams of a capture by tshark's dissection and nothing of FlowOS.

Prints `src sport dst dport bytes sha256` per direction with data, first copy of each byte wins;
a hole ends the stream.  For captures in which every 4-tuple occurs once.
"""
import hashlib
import subprocess
import sys

FIELDS = ["ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport", "tcp.seq",
          "tcp.payload"]


def main(path):
    command = ["tshark", "-n", "-r", path, "-Y", "tcp.len > 0", "-T", "fields",
               "-o", "tcp.desegment_tcp_streams:FALSE"]
    for f in FIELDS:
        command += ["-e", f]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    streams = {}
    for line in out.stdout.decode().splitlines():
        v4src, v6src, sport, v4dst, v6dst, dport, seq, payload = line.split("\t")
        key = (v4src or v6src, sport, v4dst or v6dst, dport)
        pieces = streams.setdefault(key, {})
        for at, byte in enumerate(bytes.fromhex(payload.replace(":", "")), int(seq) - 1):
            pieces.setdefault(at, byte)
    for key, pieces in streams.items():
        data = bytearray()
        while len(data) in pieces:
            data.append(pieces[len(data)])
        print("\t".join(key + (str(len(data)), hashlib.sha256(data).hexdigest())))


main(sys.argv[1])
