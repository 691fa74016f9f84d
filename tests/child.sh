# tests/child.sh - sourced by the scripts that run others: a child is ended with all that it started,
# and the number of hugepages is what it was.
# shellcheck shell=bash
HUGE=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
HUGE_BEFORE=$(cat $HUGE 2>/dev/null)

# The process group has ten seconds to clean up after itself.  Without an argument there is none.
end_child() {
	[ -n "${1:-}" ] || return 0
	kill -TERM -- "-$1" 2>/dev/null
	for _ in $(seq 100); do
		kill -0 -- "-$1" 2>/dev/null || break
		sleep 0.1
	done
	kill -KILL -- "-$1" 2>/dev/null
	return 0
}

hugepages_back() {
	[ -z "$HUGE_BEFORE" ] || [ "$(cat $HUGE)" = "$HUGE_BEFORE" ] ||
		echo "$HUGE_BEFORE" 2>/dev/null >$HUGE
	return 0
}
