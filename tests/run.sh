#!/usr/bin/env bash
# run.sh - run the tests and count what they say.
#
#   run.sh [lint|unit|fuzz|offline|net|SCRIPT]...      nothing = all, in this order
#
# Every program prints TAP.  A line is printed per program, failures with their output, and last of
# all exactly `N passed, N failed, N skipped`.  A program that crashes, exceeds its time, prints no
# result or fewer than it planned counts as failed.  FULL=1 runs the long variants.  B = build
# directory.  Whatever a test leaves behind, also on Ctrl-C, is removed: processes (found by a mark
# in their environment), namespaces, temporary files, the number of hugepages.
set -u
cd "$(dirname "$0")/.." || exit 1
export B=${B:-build} FULL=${FULL:-0}
export FOS_NET=fos$$
TMPDIR=$(mktemp -d --suffix=-flowos-test)
export TMPDIR
. tests/child.sh
PASSED=0 FAILED=0 SKIPPED=0 CHILD=''

# ---- cleaning up -----------------------------------------------------------------------------

# Processes that inherited the mark that run() gives, this script and its helpers not being so.
marked() {
	grep -lzx "FLOWOS_TEST_RUN=$$" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
}

sweep() {
	local ns
	for ns in /run/netns/"$FOS_NET"-*; do
		[ -e "$ns" ] || continue
		ip netns pids "${ns##*/}" 2>/dev/null | xargs -r kill -KILL 2>/dev/null
		ip netns del "${ns##*/}" 2>/dev/null
	done
	marked | xargs -r kill -KILL 2>/dev/null
	rm -rf "${TMPDIR:?}"/* 2>/dev/null
	hugepages_back
}

interrupted() {
	trap '' INT TERM HUP
	end_child "$CHILD"
	exit 130
}
trap 'sweep; rm -rf "$TMPDIR"' EXIT
trap interrupted INT TERM HUP

# ---- one program -----------------------------------------------------------------------------

tap_count() { grep -cE "$1" "$2"; }

# Count the TAP in $2; say what else is wrong with the run.  $1 = exit status.
judge() { # status, output, name, seconds allowed
	local pass bad skipped plan why=''
	skipped=$(tap_count '^ok [0-9]+.*# SKIP' "$2")
	pass=$(($(tap_count '^ok [0-9]+' "$2") - skipped))
	bad=$(tap_count '^not ok' "$2")
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$2" | tail -n 1)
	if [ "$1" = 124 ] || [ "$1" = 137 ]; then
		why="did not end within $4 s"
	elif [ "$1" -gt 128 ]; then
		why="crashed: $(kill -l $(($1 - 128)) 2>/dev/null)"
	elif [ $((pass + bad + skipped)) = 0 ]; then
		why="printed no result (exit status $1)"
	elif [ -n "$plan" ] && [ "$plan" != $((pass + bad + skipped)) ]; then
		why="planned $plan results, gave $((pass + bad + skipped))"
	elif [ "$1" != 0 ] && [ "$bad" = 0 ]; then
		why="exit status $1"
	fi
	[ -z "$why" ] || bad=$((bad + 1))
	PASSED=$((PASSED + pass)) FAILED=$((FAILED + bad)) SKIPPED=$((SKIPPED + skipped))
	printf '%-44s %5d passed' "$3" "$pass"
	[ "$bad" = 0 ] || printf ', %d FAILED' "$bad"
	[ "$skipped" = 0 ] || printf ', %d skipped' "$skipped"
	printf '\n'
	grep -E '^ok [0-9]+.*# SKIP' "$2" | sed 's/^ok [0-9]* *# SKIP/    skipped:/'
	[ "$bad" = 0 ] || show_failure "$2" "$why"
}

show_failure() { # output, reason
	[ -z "$2" ] || echo "    not ok - $2"
	grep -vE '^ok ' "$1" |
		awk '{l[NR] = $0} END {for (i = 1; i <= NR; i++)
			if (i <= 40 || i > NR - 60) print "    " l[i]; else if (i == 41) print "    ..."}'
}

run() { # seconds, name, command...
	local limit=$1 name=$2 out=$TMPDIR/out.$$
	shift 2
	mkdir -p "$TMPDIR/t"
	TMPDIR=$TMPDIR/t FLOWOS_TEST_RUN=$$ setsid timeout -k 15 "$limit" "$@" \
		>"$out" 2>&1 </dev/null &
	CHILD=$!
	wait "$CHILD" 2>/dev/null
	local status=$?
	CHILD=''
	judge $status "$out" "$name" "$limit"
	sweep
}

# ---- the groups ------------------------------------------------------------------------------

seconds() { [ "$FULL" = 1 ] && echo "$2" || echo "$1"; } # usual, full

is_program() { [ -f "$1" ] && [ -x "$1" ]; }

run_lint() {
	local f
	for f in tests/lint/[0-9][0-9]_*.sh; do
		run 120 "lint ${f##*/}" bash "$f"
	done
}

# The simulation is many thousand connections; under the sanitizers it runs fewer, but slower.
unit_seconds() { # name
	case $1 in
	test_sim) seconds 480 1800 ;;
	*) seconds 120 600 ;;
	esac
}

run_unit() {
	local f
	for f in "$B"/tests/test_*; do
		is_program "$f" || continue
		run "$(unit_seconds "${f##*/}")" "unit ${f##*/}" "$f"
	done
}

# Fixed seed and number of runs, so that two runs of the tests do the same.
fuzz_one() { # target
	local name=${1##*/} dir seeds runs=20000
	dir=$(mktemp -d)
	seeds=tests/fuzz/corpus/$name
	[ -d "$seeds" ] || seeds=
	[ "$name" = fuzz_reassembly ] && runs=1000 # each builds and tears down a flow table
	"$1" -seed=1 -runs="$(seconds $runs $((25 * runs)))" -rss_limit_mb=2048 -timeout=10 \
		-artifact_prefix="$dir/" "$dir" ${seeds:+"$seeds"} >"$dir.log" 2>&1 &&
		echo "ok 1 - $name survives its inputs" && return
	echo "not ok 1 - $name survives its inputs"
	tail -n 40 "$dir.log" | sed 's/^/# /'
	return 1
}
export -f fuzz_one seconds

run_fuzz() {
	local f
	for f in "$B"/fuzz/fuzz_*; do
		is_program "$f" || continue
		# shellcheck disable=SC2016 # expanded by the inner shell
		run "$(seconds 120 1200)" "fuzz ${f##*/}" bash -c 'fuzz_one "$1"' fuzz "$f"
	done
}

run_offline() {
	local f
	for f in tests/offline/[0-9][0-9]_*.sh; do
		[ -e "$f" ] && run "$(seconds 300 1800)" "offline ${f##*/}" bash "$f"
	done
}

run_net() {
	local f
	for f in tests/net/[0-9][0-9]_*.sh; do
		[ -e "$f" ] && run "$(seconds 300 900)" "net ${f##*/}" bash "$f"
	done
}

[ $# -gt 0 ] || set -- lint unit fuzz offline net
for group in "$@"; do
	case $group in
	lint | unit | fuzz | offline | net) "run_$group" ;;
	*) run "$(seconds 300 1800)" "$group" bash "$group" ;;
	esac
done
[ $((PASSED + FAILED + SKIPPED)) -gt 0 ] || FAILED=1
echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
[ "$FAILED" = 0 ]
