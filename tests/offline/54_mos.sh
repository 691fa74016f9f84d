#!/usr/bin/env bash
# Programs written for mOS (pms/mos/): tests/mos/*.c built with pkg-config and run on captures; mOS's own
# samples, when FLOWOS_MOS_SAMPLES names the directory that they are in.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
export PKG_CONFIG_PATH=$B/pkgconfig

build() { # program, sources and flags...
	local program=$1
	shift
	# shellcheck disable=SC2046 # words
	${CC:-cc} -O1 $(pkg-config --cflags flowos-mos) -o "$D/$program" "$@" \
		$(pkg-config --libs flowos-mos) -lcrypto
}
printf 'mos {\n\tforward = 1\n\tnetdev {\n\t\tdpdk0 0x0001\n\t}\n}\n' >"$D/mos.conf"

on() { # program, capture, arguments...
	local program=$1 capture=$2 args="$D/mos.conf"
	shift 2
	for a; do args="$args, $a"; done
	pipeline all '"ip"' "{ pm: mos, file: $D/$program, options: { args: [$args] } }" |
		file_config "$D/box.yaml"
	offline "$D/box.yaml" "$D/$capture" "$D/out.pcap"
}
said() { grep -vE '^(packets|frames) in|^  drop_|^flowos|^mos: ' "$D/offline.log"; }
sums() { "$B/bin/flowosctl" digest "$D/out.pcap" | cut -f"${1:-2-5,7-}" | sort; }
sum() { printf '%s' "$1" | sha256sum | cut -d' ' -f1; }

need "a program that watches builds" build tell -Wall -Wextra tests/mos/tell.c
need "one that asks builds" build ask -Wall -Wextra tests/mos/ask.c
need "one that changes packets builds" build change -Wall -Wextra tests/mos/change.c
for c in events slow twice edits; do "$PYTHON" tests/mos/script.py "$D/$c.pcap" $c; done
"$PYTHON" tests/offline/mkcap.py "$D/rough.pcap" rough 5 | sort >"$D/want"

# ---- watching
on tell events.pcap events "'tcp port 80'"
as() { # file of tests/mos, sentence
	is "$(said | md5sum)" "$(md5sum <"tests/mos/$1.txt")" "$2" ||
		diff <(said) "tests/mos/$1.txt" | sed 's/^/# /' | head -n 20
}
as events "each event of a connection, in order"
on tell events.pcap raw "'udp or port 9'"
is "$(said)" "nul packet client -1 -1 proto 17 len 40
nul orphan both -1 -1 A at 0 len 0 port 4002
nul packet client -1 -1 A at 0 len 0 port 4002" "packets and orphans pass the filters of their sockets"
on tell rough.pcap streams
is "$(diff "$D/want" <(said | sort))" "" "streams are read whole, whatever came out of order or twice"
is "$(diff "$D/want" <(sums))" "" "and leave unchanged"
for policy in streams:xyz last:def; do
	on tell twice.pcap "${policy%:*}"
	want=$(sum "helloabc${policy#*:}")
	is "$(said | cut -f6 | head -n 1) $(sums 8)" "$want $want" \
		"of bytes that come twice ahead of a hole ${policy#*:} stand, told and sent ($policy)"
done
touch "$D/once"
on tell rough.pcap once "$D/once"
is "$(grep -c 'killed by signal 6.*starting it again' "$D/offline.log")" 1 \
	"a program that dies is started again"
is "$(diff "$D/want" <(sums))" "" "and every stream leaves whole"

# ---- asking
on ask events.pcap events
as ask-events "user-defined events: nested, with arguments, raised, of one connection for a while"
on ask events.pcap bytes
as ask-bytes "what each end has at each event, in sequence and ahead of a hole"
on ask events.pcap stop
as ask-stop "monitoring stops for one side, for both"
on ask events.pcap calls
as ask-calls "calls fail with the error that README.md names"
on ask slow.pcap timers
as ask-timers "timers of sockets and connections, in the capture's time; the handler of SIGINT at the end"

# ---- changing
on change edits.pcap edits
is "$(sums 5,8)" "81	$(sum 'one TWO three')
82	$(sum 'one three')
83	$(sum 'one and two three')" "payload is overwritten, shortened and lengthened"
on change edits.pcap drop 82
is "$(sums 5,7)" "81	13
83	13" "a connection whose first packet is dropped never begins"
is "$(grep -c 'drop_pm  *10 ' "$D/offline.log")" 1 "none of its packets leaves"
on change edits.pcap late 82
is "$(sums 5,7)" "81	13
83	13" "one whose data is dropped goes no further"
on change edits.pcap reset 82
is "$(sums 5,7)" "81	13
83	13" "nor does one that is reset"
on change edits.pcap nat 192.0.2.9
all=$(sum 'one two three')
is "$(sums 2,3,5,8)" "192.0.2.9	44081	81	$all
192.0.2.9	44082	82	$all
192.0.2.9	44083	83	$all" "addresses and ports are translated for whole connections"
on change edits.pcap refused
is "$(said)" "same: done
length: done
seq: Operation not supported
type: Operation not supported
two things: Invalid argument
nowhere: Invalid argument
longer header: Operation not supported
beyond the payload: Invalid argument
sendpkt: Operation not supported
no socket: Bad file descriptor
address of a later packet: Operation not supported" "what cannot be is refused with a reason"

# ---- mOS's own samples, unchanged
samples() {
	local s=$FLOWOS_MOS_SAMPLES p line
	for p in midstat simple_firewall nat; do
		need "$p builds unchanged" build $p -w -fgnu89-inline -DNDEBUG -DNETSTAT -DINFO -DDBGERR \
			-DDBGCERR -I"$s/common" -I"$s/../util/include" "$s/$p/$p.c" "$s"/common/*.c
	done
	printf 'DROP 10.77.0.0/24 10.77.0.1 dport:82\n' >"$D/rules"
	pipeline all '"ip"' "{ pm: mos, file: $D/midstat, options: { args: [-f, $D/mos.conf] } }" |
		file_config "$D/box.yaml"
	offline "$D/box.yaml" "$D/slow.pcap" "$D/out.pcap"
	line='tcp  *0  *10.77.0.2: *4000 *ESTABLISHED  *10.77.0.1: *80  *ESTABLISHED'
	at_least "$(said | grep -c "$line")" 4 \
		"midstat shows a connection each second"
	pipeline all '"ip"' "{ pm: mos, file: $D/simple_firewall, options: { args: [-c, $D/mos.conf, -f,
		$D/rules] } }" | file_config "$D/box.yaml"
	offline "$D/box.yaml" "$D/edits.pcap" "$D/out.pcap"
	is "$(sums 5,7)" "81	13
83	13" "simple_firewall drops one connection of three"
	pipeline all '"ip"' "{ pm: mos, file: $D/nat, options: { args: [-f, $D/mos.conf,
		-i, 192.0.2.9] } }" | file_config "$D/box.yaml"
	offline "$D/box.yaml" "$D/edits.pcap" "$D/out.pcap"
	is "$(sums 2,3,5,8)" "192.0.2.9	1025	81	$all
192.0.2.9	1026	82	$all
192.0.2.9	1027	83	$all" "nat translates three connections"
}
if [ -d "${FLOWOS_MOS_SAMPLES:-/nowhere}" ]; then
	samples
else
	for p in midstat simple_firewall nat; do
		skip "$p: FLOWOS_MOS_SAMPLES names no directory (mOS's tree, samples/)"
	done
fi

# ---- mos.conf
printf 'mos {\n\tforwards = 1\n}\n' >"$D/mos.conf"
on tell edits.pcap streams
is "$(grep -c 'mos.conf:2:2: no such key of mos: .forwards.; there are forward,' "$D/offline.log")" 1 \
	"an error in mos.conf is told with its place"
finish
