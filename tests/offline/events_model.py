#!/usr/bin/env python3
"""events_model.py CAPTURE: what a middlebox ought to tell of each TCP direction, by tshark's fields alone.

An independent model of the built-in events (pmhost/pm_event.h): nothing of FlowOS is used.  One line per
event, as tests/pm/tell.c writes them: "src sport dst dport number<TAB>event ...".  Connections with something
that the model does not know (no SYN first, SYN with data, ports used again, segments that a receiver would
refuse) are left out, and listed on standard error: "src sport dst dport<TAB>reason".
"""
import subprocess
import sys

FIELDS = ["frame.number", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport",
          "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.len", "tcp.window_size_value",
          "tcp.options.wscale.shift", "tcp.payload", "tcp.checksum.status", "ip.frag_offset", "ip.flags.mf",
          "vlan.id", "tcp.options.timestamp.tsval", "frame.time_epoch"]
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


class Unknown(Exception):
    pass


class Side:
    def __init__(self):
        self.isn = None
        self.tail = 0           # bytes in sequence
        self.queue = []         # [from, to) ahead of a hole, ascending, disjoint
        self.queue_fin = None
        self.fin = None         # where the stream ends, once it does
        self.state = "CLOSED"
        self.acked = None       # newest acknowledgement that it sent
        self.window = None
        self.scale = None
        self.tsval = None


class Conn:
    def __init__(self, key):
        self.key = key
        self.a, self.b = Side(), Side()
        self.b.state = "LISTEN"
        self.established = False
        self.over = False
        self.last_fin = None
        self.lines = []

    def tell(self, who, word):
        src, sport, dst, dport = self.key if who is self.a else (self.key[2:] + self.key[:2])
        self.lines.append(f"{src} {sport} {dst} {dport} 0\t{word}")


def near(base, x):
    """x as a number near base, both modulo 2^32."""
    d = (x - base) & 0xffffffff
    return base + (d - (1 << 32) if d >= 1 << 31 else d)


def merge(queue, lo, hi):
    """Adds [lo, hi) to the queue; returns how many bytes of it were new."""
    new = hi - lo - sum(max(0, min(b, hi) - max(a, lo)) for a, b in queue)
    out, lo2, hi2 = [], lo, hi
    for a, b in queue:
        if b < lo2 or a > hi2:
            out.append((a, b))
        else:
            lo2, hi2 = min(a, lo2), max(b, hi2)
    out.append((lo2, hi2))
    queue[:] = sorted(out)
    return new


def data(c, s, r, pos, n, fin, told):
    """n bytes at pos, perhaps a FIN behind them."""
    end, before = pos + n, s.tail
    if s.fin is not None:
        if pos >= s.fin and n > 0:
            raise Unknown("bytes behind the end")
        again_end = min(end, s.fin)
        told["again"].append(f"again {pos}+{again_end - pos}")
        return
    if fin and end < s.tail:
        raise Unknown("a FIN on bytes")
    if pos < s.tail:
        stop = min(end, s.tail)
        if stop > pos or (end <= s.tail and not fin):
            told["again"].append(f"again {pos}+{stop - pos}")
        if end <= s.tail and not fin:
            return
        pos = s.tail
    hole = bool(s.queue) or s.queue_fin is not None
    if pos > s.tail:
        known_fin = s.queue_fin == end and fin
        new = merge(s.queue, pos, end) if end > pos else 0
        if fin and s.queue_fin is None:
            s.queue_fin = end
            known_fin = False
        if new or (fin and not known_fin):
            told["ooo"].append(f"ooo {pos}+{end - pos}")
        else:
            told["again"].append(f"again {pos}+{end - pos}")
        if not hole:
            told["gap"].append(f"gap {s.tail}+{pos - s.tail}")
        return
    s.tail = end
    while s.queue and s.queue[0][0] <= s.tail:
        s.tail = max(s.tail, s.queue.pop(0)[1])
    if fin and s.tail == end:
        s.fin = end
    if s.queue_fin == s.tail:
        s.fin = s.tail
    if hole and s.tail > end:
        told["filled"].append(f"filled {pos}+{end - pos}")
    if s.tail > before:
        told["data"].append(f"data {before}+{s.tail - before}")


def sender(st, syn, ack, fin, knows_fin):
    if syn:
        if ack:
            return "SYN-RECEIVED" if st in ("CLOSED", "LISTEN", "SYN-SENT") else st
        return "SYN-SENT" if st in ("CLOSED", "LISTEN") else st
    if st == "SYN-SENT":
        st = "ESTABLISHED"
    if fin:
        if st in ("ESTABLISHED", "SYN-RECEIVED"):
            return "FIN-WAIT-1"
        if st == "CLOSE-WAIT":
            return "LAST-ACK" if knows_fin else "CLOSING"
    return st


def receiver(st, syn, ack, acks_fin, ended):
    if syn and ack:
        return "ESTABLISHED" if st in ("SYN-SENT", "SYN-RECEIVED", "CLOSED", "LISTEN") else st
    if syn:
        return "SYN-RECEIVED" if st in ("CLOSED", "LISTEN", "SYN-SENT") else st
    if st == "SYN-RECEIVED":
        st = "ESTABLISHED"
    if acks_fin:
        st = {"FIN-WAIT-1": "FIN-WAIT-2", "CLOSING": "TIME-WAIT", "LAST-ACK": "CLOSED"}.get(st, st)
    if ended:
        st = {"ESTABLISHED": "CLOSE-WAIT", "FIN-WAIT-1": "CLOSING", "FIN-WAIT-2": "TIME-WAIT"}.get(st, st)
    return st


ORDER = ["start", "setup", "again", "ooo", "gap", "filled", "overrun", "zero", "data"]


def segment(c, s, r, p):
    """One packet of side s to side r."""
    told = {k: [] for k in ORDER}
    flags, n = p["flags"], p["len"]
    syn, fin, rst, ack = flags & SYN, flags & FIN, flags & RST, flags & ACK
    was, setup, ends = (s.state, r.state), False, None
    if syn:
        if n or fin or rst:
            raise Unknown("SYN with more")
        if s.isn is not None and s.isn != p["seq"]:
            raise Unknown("ports are used again")
        if s.isn is not None and c.established:
            raise Unknown("SYN inside")
        s.isn, s.scale = p["seq"], p["scale"]
    elif s.isn is None:
        raise Unknown("no SYN first")
    if ack and r.isn is None and not syn:
        raise Unknown("one direction only")
    if p["tsval"] is not None:
        if s.tsval is not None and not rst and ((p["tsval"] - s.tsval) & 0xffffffff) >= 1 << 31:
            raise Unknown("timestamps step back")
        s.tsval = p["tsval"]
    pos = near(s.isn + 1 + s.tail, p["seq"]) - s.isn - 1
    if rst:
        if pos != s.tail + (s.fin is not None) or c.over:
            raise Unknown("RST elsewhere")
        s.state = r.state = "CLOSED"
        ends = 2 if c.last_fin is None else None
    else:
        nums = p["ack"] if ack else None
        if ack and s.acked is not None and near(s.acked, nums) < s.acked:
            nums = None         # overtaken
        shift = s.scale if s.scale is not None and r.scale is not None and not syn else 0
        if nums is not None:
            if p["win"] == 0 and s.window != 0:
                told["zero"].append(f"zero {r.tail}+0")
            s.acked, s.window = nums if s.acked is None else near(s.acked, nums), p["win"]
        s.shift = shift
        if not syn and not c.established and s.isn is not None and r.isn is not None:
            c.established = setup = True
        probe = n == 0 and not fin and not syn
        if not probe and not syn:
            if pos < 0 or (n == 1 and pos == s.tail - 1 and s.tail == 0):
                raise Unknown("before the start, or a probe")
            if r.acked is not None:
                edge = near(s.isn + 1 + s.tail, r.acked) - s.isn - 1 + (r.window << r.shift)
                if pos + n > edge:
                    told["overrun"].append(f"overrun {edge}+{pos + n - edge}")
            data(c, s, r, pos, n, bool(fin), told)
        acks_fin = bool(ack) and r.fin is not None and near(r.isn + 1 + r.tail, p["ack"]) - r.isn - 1 > r.fin
        real_fin = fin and (pos + n == s.fin if s.fin is not None else pos + n == s.queue_fin)
        s.state = sender(s.state, syn, ack, real_fin, acks_fin)
        r.state = receiver(r.state, syn, ack, acks_fin, s.fin is not None)
        if s.fin is not None and r.fin is not None and c.last_fin is None:
            c.last_fin = s
        elif c.last_fin is r:
            ends = 1
    if c.over:
        return
    for k in ORDER:
        for word in told[k]:
            c.tell(r if k == "zero" and False else s, word)
        if k == "setup" and setup:
            c.tell(s, "setup 0+0")
            c.tell(r, "setup 0+0")
    for side, old in ((s, was[0]), (r, was[1])):
        if side.state != old:
            c.tell(side, f"state {old}>{side.state}")
    if ends:
        c.tell(c.a, f"end {ends}")
        c.tell(c.b, f"end {ends}")
        c.over = True


def packets(path):
    cmd = ["tshark", "-n", "-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.defragment:TRUE",
           "-o", "tcp.desegment_tcp_streams:FALSE", "-Y", "tcp", "-T", "fields"]
    for f in FIELDS:
        cmd += ["-e", f]
    out = subprocess.run(cmd + ["-E", "occurrence=f"], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        v = dict(zip(FIELDS, line.split("\t")))
        odd = v["tcp.checksum.status"] == "0" or v["ip.frag_offset"] not in ("", "0") or \
            v["ip.flags.mf"] == "1" or v["vlan.id"] or v["tcp.seq_raw"] == ""
        src, dst = v["ip.src"] or v["ipv6.src"], v["ip.dst"] or v["ipv6.dst"]
        yield {"odd": odd, "key": (src, int(v["tcp.srcport"]), dst, int(v["tcp.dstport"])),
               "seq": int(v["tcp.seq_raw"] or 0), "ack": int(v["tcp.ack_raw"] or 0),
               "flags": int(v["tcp.flags"] or "0", 16), "len": int(v["tcp.len"] or 0),
               "win": int(v["tcp.window_size_value"] or 0),
               "scale": int(v["tcp.options.wscale.shift"]) if v["tcp.options.wscale.shift"] else None,
               "tsval": int(v["tcp.options.timestamp.tsval"]) if v["tcp.options.timestamp.tsval"] else None}


def main():
    conns, left_out = {}, {}
    for p in packets(sys.argv[1]):
        key = p["key"]
        back = key[2:] + key[:2]
        if key in left_out or back in left_out:
            continue
        c = conns.get(key) or conns.get(back)
        try:
            if p["odd"]:
                raise Unknown("a bad checksum, or fragments")
            if c is None:
                if p["flags"] & (SYN | ACK | RST | FIN) != SYN:
                    raise Unknown("no SYN first")
                c = conns[key] = Conn(key)
                c.tell(c.a, "start 0+0")
                c.tell(c.b, "start 0+0")
            segment(c, *((c.a, c.b) if c.key == key else (c.b, c.a)), p)
        except Unknown as e:
            left_out[key] = str(e)
    for key, why in left_out.items():
        print(*key, why, sep="\t", file=sys.stderr)
    for c in conns.values():
        if c.key in left_out or c.key[2:] + c.key[:2] in left_out:
            continue
        if not c.over:
            c.tell(c.a, "end 5" if c.last_fin is None else "end 1")
            c.tell(c.b, "end 5" if c.last_fin is None else "end 1")
        print("\n".join(c.lines))


main()
