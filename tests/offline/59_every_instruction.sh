#!/usr/bin/env bash
# A process killed before literally every instruction of what must not be torn (unit/test_single_step.c).
# FULL=1: all of them, on all cores, some ten minutes of processor time; else one in 500, drawn anew each
# time (SLICE=N repeats one).
. "$(dirname "$0")/../net/lib.sh"
N=500 first=${SLICE:-$((RANDOM % 500))} last=''
if [ "$FULL" = 1 ]; then
	N=$(nproc) first=0
	[ "$N" -le 16 ] || N=16
	last=$((N - 1))
fi
for k in $(seq "$first" "${last:-$first}"); do
	EVERY=$k/$N "$B/tests/test_single_step" >"$NET_TMP/$k" 2>&1 &
done
wait
for k in $(seq "$first" "${last:-$first}"); do
	sed 's/^/# /' "$NET_TMP/$k"
	if grep -q '# SKIP' "$NET_TMP/$k"; then
		skip "$(sed -n 's/.*# SKIP *//p' "$NET_TMP/$k")"
	else
		is "$(grep -c '^ok' "$NET_TMP/$k") $(grep -c '^not ok' "$NET_TMP/$k")" "11 0" \
			"slice $k of $N: killed before each, bytes, messages and audit are right"
	fi
done
finish
