#!/usr/bin/env bash
# Counters: one line each in shm/counter.def, with a unit and a sentence, and counted somewhere.
. "$(dirname "$0")/lib.sh"
DEF=shm/counter.def

names() { sed -nE 's/^[CD]\(([a-z0-9_]+),.*/\1/p' $DEF; }

if [ ! -f $DEF ]; then
	echo "$DEF does not exist" | rule 'there is a table of counters'
	finish
fi
grep -nE '^[CD]\(' $DEF | grep -vE '^[0-9]+:[CD]\([a-z0-9_]+, "[a-z]+", "[^"]{8,}"\)' |
	rule 'every counter has a name, a unit and a sentence'
names | sort | uniq -d | rule 'every counter is defined once'
grep -E '^[CD]\(' $DEF | grep -E '^C\(drop_|^D\((drop_)?[^d]' | grep -vE '^D\(drop_' |
	rule 'drop reasons, and only they, are named drop_'
for n in $(names); do
	sources .c .h | grep -v '^tests/' | xargs -r grep -qw "FOS_C_$n" || echo "$n"
done | rule 'every counter is counted somewhere'
finish
