#!/usr/bin/env python3
"""table.py - statistics of the benchmarks, in one place

	table.py DIRECTORY OUT.json

Reads records.tsv (metric, variant, turn, value) and comparisons.tsv (name, unit, ours, peer, kind,
target) from DIRECTORY, prints the table, writes the list of {name, unit, ours, peer, ratio, target,
met} and what it rests on.

ours, peer: medians.  ratio: the median of the ratios (kind `difference`: of the differences) of one
turn each, with the interval that holds the median with 95 % confidence: order statistics, nothing
assumed of the distribution.  met: true when the whole interval lies on the target's right side, false
when all of it lies on the wrong one, null (printed `?`) when the target lies inside or the turns are
too few (fewer than six) to say.
"""
import collections
import json
import math
import sys


def median(values):
    v = sorted(values)
    n = len(v)
    return (v[(n - 1) // 2] + v[n // 2]) / 2


def interval_rank(n):
    """Largest k for which the k-th smallest and k-th largest of n values hold the median between
    them with at least 95 % confidence; 0: n is too small."""
    best, below = 0, 0.0
    for k in range(1, n // 2 + 1):
        below += math.comb(n, k - 1) / 2.0 ** n
        if 1 - 2 * below < 0.95:
            break
        best = k
    return best


def interval(values):
    """(low, high, sound): without soundness it is only the range of what was seen."""
    v = sorted(values)
    k = interval_rank(len(v))
    return (v[k - 1], v[-k], True) if k else (v[0], v[-1], False)


def judge(low, high, sound, target):
    if target == '-' or not sound:
        return None
    bound = float(target[2:])
    if target.startswith('>='):
        return True if low >= bound else False if high < bound else None
    return True if high <= bound else False if low > bound else None


def pair(kind, ours, peer):
    """What each turn that has both says."""
    if kind == 'value':
        return list(ours.values())
    turns = [t for t in ours if t in peer]
    if kind == 'difference':
        return [ours[t] - peer[t] for t in turns]
    return [ours[t] / peer[t] for t in turns if peer[t]]


def compare(records, row):
    name, unit, ours_key, peer_key, kind, target = row
    ours = records.get(ours_key, {})
    peer = records.get(peer_key, {})
    values = pair(kind, ours, peer)
    if not values:
        return None
    low, high, sound = interval(values)
    return {
        'name': name, 'unit': unit,
        'ours': median(list(ours.values())),
        'peer': median(list(peer.values())) if peer else None,
        'ratio': median(values) if kind == 'ratio' else
                 median(pair('ratio', ours, peer)) if peer else None,
        'target': None if target == '-' else target,
        'met': judge(low, high, sound, target),
        'kind': kind, 'figure': median(values), 'low': low, 'high': high, 'turns': len(values),
        'ours_spread': [min(ours.values()), max(ours.values())],
        'peer_spread': [min(peer.values()), max(peer.values())] if peer else None,
    }


def read(directory):
    records = collections.defaultdict(dict)
    with open(directory + '/records.tsv') as f:
        for line in f:
            metric, variant, turn, value = line.rstrip('\n').split('\t')
            records[metric + '/' + variant][int(turn)] = float(value)
    with open(directory + '/comparisons.tsv') as f:
        rows = [line.rstrip('\n').split('\t') for line in f]
    return records, rows


def number(x):
    return '-' if x is None else '%.0f' % x if abs(x) >= 1000 else '%.4g' % x


def show(results):
    print('%-46s %-9s %19s %19s  %-24s %-8s %s' % (
        'what', 'unit', 'ours (range)', 'peer (range)', 'ratio or figure [95 %]', 'target', 'met'))
    for r in results:
        spread = ['%s (%s-%s)' % (number(r[k]), number(r[k + '_spread'][0]),
                                  number(r[k + '_spread'][1])) if r[k] is not None else '-'
                  for k in ('ours', 'peer')]
        met = {True: 'yes', False: 'NO', None: '?'}[r['met']] if r['target'] else ''
        print('%-46s %-9s %19s %19s  %-24s %-8s %s' % (
            r['name'], r['unit'], spread[0], spread[1], '%s [%s, %s]' % (
                number(r['figure']), number(r['low']), number(r['high'])), r['target'] or '', met))


def main():
    records, rows = read(sys.argv[1])
    results = [r for r in (compare(records, row) for row in rows) if r]
    show(results)
    with open(sys.argv[2], 'w') as f:
        json.dump(results, f, indent=1)
        f.write('\n')
    missed = [r['name'] for r in results if r['target'] and not r['met']]
    print('%d comparisons, %d with a target, %d of them not met or not certain' % (
        len(results), sum(1 for r in results if r['target']), len(missed)))


if __name__ == '__main__':
    main()
