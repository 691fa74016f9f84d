#!/usr/bin/env bash
# pcapng: tshark and capinfos read what the module writes, and find in it the packets that came in.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
command -v capinfos >/dev/null || skip_all "capinfos is not installed"

packets() {
	tshark -n -r "$1" -Y 'ip or ipv6' -T fields -e frame.time_epoch -e frame.len -e eth.src \
		-e vlan.id -e tcp.seq_raw -e udp.srcport -e ip.src -e ipv6.src 2>"$D/tshark.err" | sort
}

for kind in mixed rough; do
	"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" $kind 3 >/dev/null
	pipeline all '"ip or ip6"' "{ pm: pcapng, file: $B/pms/pcapng.so,
          options: { file: $D/out.pcapng } }" | file_config "$D/box.yaml"
	rm -f "$D/out.pcapng"
	check "$kind capture: runs" offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
	check "$kind capture: it is a pcapng file" bash -c \
		"capinfos -t '$D/out.pcapng' | grep -q 'File type:.*pcapng'"
	packets "$D/in.pcap" >"$D/want"
	packets "$D/out.pcapng" >"$D/got"
	is "$(grep -v '^Running as' "$D/tshark.err")" "" "$kind capture: nothing is wrong with it"
	at_least "$(wc -l <"$D/want")" 20 "$kind capture: there are packets"
	is "$(diff "$D/got" "$D/want" | head -n 3)" "" "$kind capture: its packets are those that came in"
done
finish
