#!/usr/bin/env bash
# Edits on a capture: the streams are as expected, tshark finds no bad checksum and no TCP analysis
# flag that the input did not have, and two runs write the same bytes.  No root needed.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
SEEDS=$([ "$FULL" = 1 ] && seq 20 || seq 2)

bad_checksums() {
	tshark -n -r "$1" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
		-o udp.check_checksum:TRUE -Y 'ip.checksum.status == 0 || tcp.checksum.status == 0 ||
		udp.checksum.status == 0 || _ws.malformed' 2>/dev/null | wc -l
}

# The kinds of TCP analysis flags in a capture, one per line.
flags() {
	tshark -n -r "$1" -Y tcp.analysis.flags -T fields -E aggregator='|' -e _ws.expert.message \
		2>/dev/null | tr '|' '\n' | sed 's/ *(.*//' | sort -u
}

# find, replacement, its name, kind of capture, seed
edit() {
	local what="$3, $4 capture $5"
	"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" "$4" "$5" "$1" "$2" | sort >"$D/want"
	pipeline web '{ proto: tcp }' "$(pm_replace edit "$1" "$2")" | file_config "$D/edit.yaml"
	check "$what: runs" offline "$D/edit.yaml" "$D/in.pcap" "$D/out.pcap" || return
	"$PYTHON" tests/offline/assemble.py "$D/out.pcap" 2>&1 | sort >"$D/got"
	is "$(diff "$D/got" "$D/want" | head -n 2)" "" "$what: the streams are the edited ones"
	is "$(bad_checksums "$D/out.pcap")" 0 "$what: no bad checksum, nothing malformed"
	flags "$D/in.pcap" >"$D/flags.in"
	flags "$D/out.pcap" >"$D/flags.out"
	is "$(comm -13 "$D/flags.in" "$D/flags.out")" "" "$what: no new TCP analysis flag"
	check "$what: a second run" offline "$D/edit.yaml" "$D/in.pcap" "$D/again.pcap"
	is "$(cmp "$D/out.pcap" "$D/again.pcap" 2>&1)" "" "$what: two runs are byte-identical"
	[ "$3" = longer ] || return 0
	"$B/bin/flowosctl" run "$D/edit.yaml" --read "$D/in.pcap" >"$D/unseen.log" 2>&1
	is "$(diff "$D/offline.log" "$D/unseen.log")" "" \
		"$what: what leaves is counted alike where nobody gets it"
}

for seed in $SEEDS; do
	for kind in plain idle rough v6 vlan mixed; do
		edit needle pin shorter $kind "$seed"
		edit needle 'a rather longer haystack' longer $kind "$seed"
		edit needle NEEDLE equal $kind "$seed"
	done
done

# A run of egress that stops before bytes which were put in the place of a packet's last ones.
edit needle pin shorter plain 16

# Two PMs in sequence are one after the other.
"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" rough 7 needle noodle noodle soup | sort >"$D/want"
pipeline web '{ proto: tcp }' "$(pm_replace one needle noodle)" "$(pm_replace two noodle soup)" |
	file_config "$D/two.yaml"
check "two PMs in sequence: runs" offline "$D/two.yaml" "$D/in.pcap" "$D/out.pcap"
"$PYTHON" tests/offline/assemble.py "$D/out.pcap" 2>&1 | sort >"$D/got"
is "$(diff "$D/got" "$D/want" | head -n 2)" "" "two PMs in sequence: the second edits what the first made"
is "$(bad_checksums "$D/out.pcap")" 0 "two PMs in sequence: no bad checksum"
finish
