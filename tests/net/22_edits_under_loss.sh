#!/usr/bin/env bash
# Real kernels' TCP at both ends, one packet in a hundred lost on each side of the box, hundreds of
# thousands of edits: every byte arrives edited, once.  Where a lost segment cut a word in two and its
# sender has fallen back to its timer, the module's hold ends (README.md, "Known limits"): such a word
# passes as it is, is counted, and is all that may differ.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 300000 >"$D/www/text"
sed 's/needle/haystack/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
# shellcheck disable=SC2086 # CLANG may be several words
${CLANG:-clang} -O2 -g -target bpf -DLOSS_PER_MILLE=10 -I/usr/include/"$(gcc -print-multiarch)" \
	-c tests/net/loss.bpf.c -o "$D/loss.o" || skip_all "clang does not compile for BPF"
# a loss while a pattern is cut in two keeps the module waiting for a retransmission
pipeline web '"tcp port 80"' "$(pm_replace web needle haystack 'hold: { bytes: 64K, time: 60s }')" |
	box_config "$D/box.yaml"
need_box "$D/box.yaml"
for host in client server; do
	need "the $host loses packets" ip netns exec "$NET-$host" sh -c "tc qdisc add dev eth0 clsact &&
		tc filter add dev eth0 ingress bpf da obj $D/loss.o sec tc"
done

unedited=0
arrived() { # sentence
	unedited=$((unedited + $(grep -c needle "$D/got")))
	sed -i 's/needle/haystack/' "$D/got"
	same_file "$D/got" "$D/want" "$1"
}

for round in 1 2 3; do
	fetch "http://$SERVER/open/text" "$D/got"
	arrived "close-delimited page, round $round"
	fetch "http://[$SERVER6]/open/text" "$D/got"
	arrived "over IPv6, round $round"
done
at_least "$(counter segments_resent)" 10 "the box resent its own edited segments"
at_least "$(counter edits_applied)" 1000000 "the box counts the edits"
at_least "$(counter pm_hold_expired)" $unedited "$unedited words passed unedited, of 1800000"
at_least 5 $unedited "which is seldom"
stop_box
finish
