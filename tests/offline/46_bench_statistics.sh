#!/usr/bin/env bash
# The statistics of the benchmarks (tests/bench/table.py): medians, intervals, verdicts.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
calc() {
	(cd tests/bench && PYTHONDONTWRITEBYTECODE=1 "$PYTHON" -c "from table import *; print(($1))")
}

is "$(calc 'median([3, 1, 2]), median([4, 1, 3, 2])')" '(2.0, 2.5)' "medians"
is "$(calc 'interval_rank(5), interval_rank(6), interval_rank(10), interval_rank(20)')" \
	'(0, 1, 2, 6)' "order statistics that hold the median with 95 % (binomial tables)"
is "$(calc 'interval([9, 1, 2, 3, 4, 5, 6, 7, 8, 10])')" '(2, 9, True)' "ten: the second and the ninth"
is "$(calc 'interval([3, 1, 2])')" '(1, 3, False)' "three values: their range, and no more is claimed"
is "$(calc '[judge(l, h, True, ">=1.0") for l, h in ((1, 2), (.5, .9), (.9, 1.1))]')" \
	'[True, False, None]' "at least: all of the interval on one side, or uncertain"
is "$(calc '[judge(l, h, True, "<=120") for l, h in ((90, 120), (121, 130), (100, 130))]')" \
	'[True, False, None]' "at most, likewise"
is "$(calc 'judge(2, 3, False, ">=1.0"), judge(2, 3, True, "-")')" '(None, None)' \
	"no verdict of too few, nor without a target"

for i in 1 2 3 4 5 6; do
	printf 'rate\ta\t%d\t%d\nrate\tb\t%d\t%d\n' $i $((20 + i)) $i 10
done >"$D/records.tsv"
printf 'rate\ta\t7\t99\n' >>"$D/records.tsv"
printf 'a to b\tpages/s\trate/a\trate/b\tratio\t>=2\nnobody\tx\trate/c\trate/b\tratio\t-\n' \
	>"$D/comparisons.tsv"
check "a table is made of records" "$PYTHON" tests/bench/table.py "$D" "$D/out.json"
is "$("$PYTHON" -c 'import json, sys
r = json.load(open(sys.argv[1]))
r[0]["ratio"] = round(r[0]["ratio"], 3)
print(len(r), [r[0][k] for k in ("name", "unit", "ours", "peer", "ratio", "target", "met", "turns")])
	' "$D/out.json")" "1 ['a to b', 'pages/s', 24.0, 10.0, 2.35, '>=2', True, 6]" \
	"a ratio of turns that both have; what was not measured is left out"
finish
