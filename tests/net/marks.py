#!/usr/bin/env python3
"""marks.py FILE WANT SEED BYTES NUMBER [LONG] - a file with marks, and what must come of it

FILE has BYTES random bytes, NUMBER marks of each short kind and LONG of each long one (see
tests/pm/marks.c) at random places, some side by side; WANT is FILE as that module edits it.  Prints
how many marks the module finds, and how many bytes it deletes and inserts.
"""
import random
import re
import sys

DEL, INS, OVR, REP, BIG, CUT = MARKS = list(range(0xf0, 0xf6))
MARK = re.compile(b"[%s]" % bytes(MARKS))
NO_MARK = bytes(0 if b in MARKS else b for b in range(256))
TAKES = {DEL: 21, INS: 0, OVR: 21, REP: 1, BIG: 0, CUT: 3001}
GIVES = {INS: b"+" * 50, REP: b"<a longer replacement>", BIG: b"+" * 4000}


def make(seed, size, number, long):
    r = random.Random(seed)
    marks = MARKS[:4] * number + MARKS[4:] * long
    r.shuffle(marks)
    data = r.randbytes(size - len(marks)).translate(NO_MARK)
    places = sorted(r.choices(range(len(data) + 1), k=len(marks)))
    places[1::10] = places[:-1:10]  # every tenth beside the one before
    out, last = [], 0
    for place, mark in zip(places, marks):
        out += [data[last:place], bytes([mark])]
        last = place
    return b"".join(out + [data[last:]])


def edited(data):
    out, at = [], 0
    marks = deleted = inserted = 0
    while m := MARK.search(data, at):
        kind = m[0][0]
        out.append(data[at:m.start()])
        took = data[m.start():m.start() + TAKES[kind]]
        gave = b"!" * len(took) if kind == OVR else GIVES.get(kind, b"")
        out += [gave, b"" if took else m[0]]
        at = m.end() if not took else m.start() + len(took)
        marks += 1
        deleted += len(took)
        inserted += len(gave)
    return b"".join(out + [data[at:]]), marks, deleted, inserted


def main(path, want, seed, size, number, long=0):
    data = make(int(seed), int(size), int(number), int(long))
    result, *numbers = edited(data)
    with open(path, "wb") as f:
        f.write(data)
    with open(want, "wb") as f:
        f.write(result)
    print(*numbers)


if __name__ == "__main__":
    main(*sys.argv[1:])
