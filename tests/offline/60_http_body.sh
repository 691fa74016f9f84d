#!/usr/bin/env bash
# HTTP bodies in captures: modules on http.body give the same messages for any segments, order and
# kills; what is not edited leaves byte for byte, in real captures too.  No root needed.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
CTL=$B/bin/flowosctl
RUNS=$([ "$FULL" = 1 ] && echo 600 || echo 40)
export TMPDIR=$D

"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" http 3 >/dev/null
"$PYTHON" tests/offline/mkcap.py "$D/rough.pcap" http 4 >/dev/null
tried() { # sentence, module and options...
	local sentence=$1
	shift
	check "$sentence: the same messages leave for any segments, order and kills" \
		"$CTL" pm test "$@" -r "$D/in.pcap" --runs "$RUNS"
}
tried "adblock" adblock -o hosts=ads.example
tried "header" header -o response_set="Server: y" -o request_add="A: b" -o response_remove=ETag
tried "a module that edits bodies both ways" "$B/tests/pm/scrub.so"

"$CTL" pm test adblock -o hosts=ads.example -r "$D/rough.pcap" --runs 0 --write-expect "$D/expect" \
	>"$D/out" 2>&1
is "$?:$(sed -n '/^10.77.0.1/,/^10.77.0.2/p' "$D/expect" | grep -c 'script')" 0:0 \
	"no reply has its advertisements" || head "$D/out"
at_least "$(grep -c 'Transfer-Encoding: chunked' "$D/expect")" 5 "replies with a length have become chunked"

# A module that looks at every header block and changes none.
pipeline web '{ proto: tcp }' "{ pm: header, file: $B/pms/header.so }" | file_config "$D/pass.yaml"
digests() { "$CTL" digest "$1" | cut -f2- | sort; }
passes() { # capture
	offline "$D/pass.yaml" "$1" "$D/out.pcap" && [ "$(digests "$1")" = "$(digests "$D/out.pcap")" ]
}
check "made-up conversations leave as they came" passes "$D/in.pcap"
corpus=$(realpath -m "${FLOWOS_CORPUS:-../shared/corpus}")
if [ ! -d "$corpus/pcaps" ]; then
	skip "real captures: no corpus at $corpus (set FLOWOS_CORPUS)"
else
	for c in "$corpus"/pcaps/*/*http*.pcap; do
		check "${c##*/} leaves as it came" passes "$c"
	done
fi
finish
