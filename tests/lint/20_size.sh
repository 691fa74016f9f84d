#!/usr/bin/env bash
# Files of at most 500 lines, functions of at most 60, lines of about 100 columns.
. "$(dirname "$0")/lib.sh"

# shm/layout.h is exempt: the shared-memory contract is one header, whatever its length.
sources .c .h .sh | grep -vx shm/layout.h | xargs -r wc -l |
	awk '$2 != "total" && $1 > 500 {print $2 ": " $1 " lines"}' |
	rule 'no file has more than 500 lines'

# A function's body lies between braces in the first column.
sources .c .h | xargs -r awk '
	/^{/ { start = FNR; next }
	/^}/ && start {
		if (FNR - start - 1 > 60)
			print FILENAME ":" start ": " FNR - start - 1 " lines"
		start = 0
	}' | rule 'no function has more than 60 lines'

for f in $(sources .c .h .sh); do
	expand -t 8 "$f" | awk -v f="$f" 'length($0) > 108 {print f ":" FNR ": " length($0)}'
done | rule 'no line is longer than 108 columns (100 is the aim)'
finish
