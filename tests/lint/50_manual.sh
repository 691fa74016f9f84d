#!/usr/bin/env bash
# The manual pages: every public call is in fos_pm(3), explained, with an example that compiles.
. "$(dirname "$0")/lib.sh"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
python3 deploy/man/man.py "$out" 2>"$out/missing" || echo "deploy/man/man.py fails" >>"$out/missing"

# Declarations begin in the first column; a name before a parenthesis is the function's.
grep -hoE '^[a-z][a-z0-9_ ]*[ *]\**fos_[a-z0-9_]+\(' pmhost/pm.h pmhost/pm_*.h |
	grep -oE 'fos_[a-z0-9_]+\($' | tr -d '(' |
	while read -r f; do
		[ -e "$out/man3/$f.3" ] && grep -q "$f(" "$out/man3/fos_pm.3" || echo "$f"
	done | rule 'every public call of pm.h and pm_*.h is in fos_pm(3)'
rule 'and has an example there' <"$out/missing"
${CC:-cc} -std=gnu11 -O2 -Wall -Wextra -Wno-unused-function -I. -fsyntax-only deploy/man/examples.c 2>&1 |
	rule 'the examples compile'
# Commands in the table of `flowosctl help`, and the options that it names.
sed -n 's/^\t{"\([a-z]*\)", [a-z_]*, "\(.*\)",.*/\1 \2/p' deploy/ctl/main.c | tr -s '[]|= ' '\n' |
	grep -xE '[a-z]+|--[a-z-]+' | sort -u | while read -r word; do
	sed -n '/^ \* SYNOPSIS/,/^ \* DESCRIPTION/p' deploy/ctl/main.c | grep -qw -e "$word" || echo "$word"
done | rule 'flowosctl(8) has every command and option of flowosctl help'
# -ww: groff says what it does not understand
for f in "$out"/man3/fos_pm.3 "$out"/man8/*.8; do
	! command -v groff >/dev/null || groff -man -Tutf8 -ww -z "$f" 2>&1 | sed "s,^,${f##*/}: ,"
done | rule 'the pages are sound'
finish
