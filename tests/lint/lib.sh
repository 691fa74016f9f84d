# lib.sh - for the lint scripts: a rule is one TAP line, its violations are comments below it.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
shopt -s lastpipe # `... | rule` counts in this shell
NR=0 BAD=0

# Print the source files whose names end in one of the given suffixes.
sources() { # suffix...
	local s
	for s in "$@"; do
		find shm config ingress classifier pmhost egress pms tests deploy -type f \
			-name "*$s" 2>/dev/null
	done | sort
}

# Standard input = the violations; the rule holds when there are none.
rule() { # sentence
	local found
	found=$(cat)
	NR=$((NR + 1))
	if [ -z "$found" ]; then
		echo "ok $NR - $1"
	else
		BAD=1
		echo "not ok $NR - $1"
		printf '%s\n' "$found" | sed 's/^/# /'
	fi
}

finish() {
	echo "1..$NR"
	exit $BAD
}
