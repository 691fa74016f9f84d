#!/usr/bin/env bash
# Memory, descriptors, sockets and mappings are refused to one process, at any call (tests/offline/fail.c),
# once, or from then on for good, whoever is started again: a capture is written as ever, or the run ends
# with a line that says why; it never crashes or hangs.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
SEED=${SEED:-$RANDOM} EACH=1
[ "$FULL" = 1 ] && EACH=6
echo "# SEED=$SEED"
RANDOM=$SEED
"${CC_FOR_TESTS:-gcc}" -O2 -shared -fPIC -fno-builtin -o "$D/fail.so" tests/offline/fail.c -ldl ||
	skip_all "cannot build what is preloaded"
"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" plain 3 needle pin >/dev/null
pipeline web '{ proto: tcp }' "$(pm_replace edit needle pin)" \
	"$(pm_to_file digest "$D/streams.tsv")" | file_config "$D/box.yaml"
check "undisturbed" offline "$D/box.yaml" "$D/in.pcap" "$D/plain.pcap"

# Programs that are small allocate little; a call that is never made changes nothing, and is not counted.
survived=0 ended=0 unmade=0 bad=0
try() { # program, call, N, [ever]
	local status=0
	rm -f "$D/out.pcap" "$D/failed"
	FAIL="$1 $2 $3 $D/failed ${4:-}" LD_PRELOAD="$D/fail.so" timeout -k 1 30 "$B/bin/flowosctl" run \
		"$D/box.yaml" --read "$D/in.pcap" --write "$D/out.pcap" >"$D/log" 2>&1
	status=$?
	if [ ! -e "$D/failed" ]; then
		unmade=$((unmade + 1))
	elif [ $status = 0 ] && cmp -s "$D/out.pcap" "$D/plain.pcap"; then
		survived=$((survived + 1))
	elif [ $status = 1 ] && [ -s "$D/log" ]; then
		ended=$((ended + 1))
	else
		status="$status, and what it wrote is another"
	fi
	if [ ${#status} -gt 3 ] || grep -qE 'signal (11|7|4|8) ' "$D/log"; then
		bad=$((bad + 1))
		echo "# $1: $2 number $3${4:+ and all after it}: exit status $status"
		head -n 5 "$D/log" | sed 's/^/#   /'
	fi
}
# found by chance: egress had its output open and nothing to stand on
try flowos-egress sendmsg 1 ever
CALLS='malloc calloc realloc mmap ftruncate memfd_create eventfd socket bind connect sendmsg recvmsg'
for program in keeper ingress classifier pmhost egress; do
	for call in $CALLS; do
		[ "$FULL" = 1 ] || [ $((RANDOM % 2)) = 0 ] || continue
		most=8
		case $call in
		malloc | calloc) most=60 ;;
		mmap) most=40 ;;
		esac
		for _ in $(seq $EACH); do
			n=$((1 + RANDOM % most))
			try flowos-$program $call $n "$([ $((RANDOM % 2)) = 0 ] || echo ever)"
		done
	done
done
echo "# $unmade were never made"
is $bad 0 "of the calls that failed $survived changed nothing, $ended ended the run with a line"
at_least $((survived + ended)) 5 "some did fail"
finish
