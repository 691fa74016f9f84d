#!/usr/bin/env bash
# What cannot work ends in one line that says what, why and what to do, a non-zero exit status, and
# nothing left behind.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
stages() { pipeline web '"tcp port 80"' "$(pm_replace web needle haystack)"; }

box_is_empty() { [ -z "$(ip netns pids "$NET-box")" ]; }
nothing_left() { # sentence
	wait_for 50 box_is_empty
	is "$(ip netns pids "$NET-box" | wc -l)" 0 "$1: no process is left"
	is "$(in_box ip -o link show | grep -c "${2:-xdp}")" 0 "$1: no XDP program of ours is left"
	is "$(find "$D/run" -type s 2>/dev/null | wc -l)" 0 "$1: no socket is left"
}

# The command fails (what it waits for is limited), and prints exactly one line, which the extended
# regex matches (and, for a fault in the configuration, that line of the file with a caret, both
# indented).
fails() { # sentence, regex, command...
	local sentence=$1 regex=$2 status
	shift 2
	in_box timeout 100 "$@" >"$D/out" 2>&1
	status=$?
	ok $((status == 0 || status >= 124)) "$sentence: fails (exit status $status)"
	is "$(grep -cE '^[^ ]' "$D/out")" 1 "$sentence: one line" || sed 's/^/# /' "$D/out"
	check "$sentence: names it and what to do" grep -qE "$regex" "$D/out" ||
		sed 's/^/# /' "$D/out"
}

RUN="$B/bin/flowosctl run"

stages | box_config "$D/nic.yaml"
sed -i 's/nic: wan/nic: nosuch0/' "$D/nic.yaml"
fails "a missing NIC" 'nosuch0.*(ip link|interfaces)' $RUN "$D/nic.yaml"
nothing_left "a missing NIC"

stages | box_config "$D/huge.yaml"
sed -i 's/^memory:/&\n  hugepages: require/' "$D/huge.yaml"
hugepages_reserve 0
if [ "$(cat $HUGE 2>/dev/null || echo 0)" = 0 ]; then
	fails "no hugepages where they are required" 'hugepage.*(nr_hugepages|hugepages: auto)' \
		$RUN "$D/huge.yaml"
	nothing_left "no hugepages"
else
	skip "hugepages are in use on this machine"
fi
hugepages_restore

stages | box_config "$D/ok.yaml"
fails "no capability" 'CAP_|root|sudo' setpriv --bounding-set=-all --inh-caps=-all $RUN "$D/ok.yaml"
nothing_left "no capability"

fails "too few descriptors" 'descriptors.*ulimit -n' sh -c "ulimit -n 40; exec $RUN $D/ok.yaml"
nothing_left "too few descriptors"

cat >"$D/pass.c" <<'END'
#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int pass_all(struct xdp_md *ctx)
{
	return ctx ? XDP_PASS : XDP_ABORTED;
}
END
clang -O2 -g -target bpf -I"/usr/include/$(gcc -print-multiarch)" -c -o "$D/pass.o" "$D/pass.c"
need "another XDP program is attached" in_box ip link set lan xdp obj "$D/pass.o" sec xdp
fails "another XDP program on the interface" 'lan.*XDP.*(xdp off|ip link)' $RUN "$D/ok.yaml"
check "it is still attached" bash -c "ip -n $NET-box link show lan | grep -q xdp"
in_box ip link set lan xdp off
nothing_left "another XDP program"

# A module built against another version of the interface.
mkdir -p "$D/other/pmhost"
sed -E 's/^(#define FOS_PM_ABI[A-Z_]*[[:space:]]+).*/\1999/' pmhost/pm.h >"$D/other/pmhost/pm.h"
check "a module of another ABI is built" gcc -shared -fPIC -I"$D/other" -I. -o "$D/other.so" \
	pms/count.c
pipeline web '"tcp port 80"' "{ pm: other, file: $D/other.so }" | box_config "$D/abi.yaml"
fails "a module of another ABI" 'other\.so.*999.*(build|compile)' $RUN "$D/abi.yaml"
nothing_left "a module of another ABI"

{ printf 'GARBAGE, not a capture'; head -c 4000 /dev/urandom; } >"$D/garbage.pcap"
stages | file_config "$D/file.yaml"
fails "a file that is no capture" 'garbage\.pcap.*not a pcap.*tcpdump -w' \
	$RUN "$D/file.yaml" --read "$D/garbage.pcap" --write "$D/out.pcap"
"$PYTHON" tests/offline/mkcap.py "$D/cut.pcap" plain 1 >"$D/cut.streams" && truncate -s -7 "$D/cut.pcap"
fails "a capture that ends within a packet" 'cut\.pcap: byte [0-9]+: .*ends within.*pcapfix' \
	$RUN "$D/file.yaml" --read "$D/cut.pcap" --write "$D/out.pcap"
fails "a capture that does not exist" 'nosuch\.pcap' \
	$RUN "$D/file.yaml" --read "$D/nosuch.pcap" --write "$D/out.pcap"
fails "a configuration that does not exist" 'nosuch\.yaml' $RUN "$D/nosuch.yaml"
nothing_left "captures"

# The run directory on a full file system, in a mount namespace of its own.
mkdir -p "$D/full"
stages | box_config "$D/full.yaml"
sed -i "s,run_dir:.*,run_dir: $D/full," "$D/full.yaml"
fails "a run directory without room" 'full.*No space left.*df' unshare -m sh -c "
	mount -t tmpfs -o size=4k none $D/full && head -c 4096 /dev/zero >$D/full/x &&
	$RUN $D/full.yaml; status=\$?; rm $D/full/x; ls -A $D/full | sed 's/^/left: /'; exit \$status"
nothing_left "a run directory without room"

# After all that the box still starts.
need_box "$D/ok.yaml"
fails "a second box on the same interfaces" 'lan|run|running' $RUN "$D/ok.yaml"
check "the first still runs" kill -0 "$BOX_PID"
stop_box "and stops"
nothing_left "a clean stop"
finish
