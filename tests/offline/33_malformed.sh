#!/usr/bin/env bash
# A capture of any bytes crashes nothing: damaged copies of good captures, and the corpus's hostile
# ones.  FULL=1 does it once more with everything built under AddressSanitizer and UBSan.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
mkdir "$D/in"

# Good captures with bytes changed, cut out or cut off.
"$PYTHON" - "$D/in" "$([ "$FULL" = 1 ] && echo 100 || echo 15)" <<'END'
import random, subprocess, sys
for seed in range(int(sys.argv[2])):
    rnd = random.Random(seed)
    path = "%s/damaged-%03d.pcap" % (sys.argv[1], seed)
    kind = ["plain", "rough", "v6", "vlan", "mixed"][seed % 5]
    subprocess.run([sys.executable, "tests/offline/mkcap.py", path, kind, str(seed)],
                   check=True, stdout=subprocess.DEVNULL)
    data = bytearray(open(path, "rb").read())
    for _ in range(rnd.choice([1, 30, 1000])):
        data[rnd.randrange(40 if seed % 3 else 0, len(data))] = rnd.randrange(256)
    if seed % 4 == 0:
        del data[rnd.randrange(40, len(data)):]
    open(path, "wb").write(data)
END

CORPUS=$(realpath -m "${FLOWOS_CORPUS:-../shared/corpus}")
if [ -f "$CORPUS/MALFORMED.tsv" ]; then
	tail -n +2 "$CORPUS/MALFORMED.tsv" | cut -f1 | while read -r c; do
		ln -s "$CORPUS/$c" "$D/in/$(echo "$c" | tr / _)"
	done
else
	skip "no corpus at $CORPUS (set FLOWOS_CORPUS): its malformed captures"
fi

config() { # build directory
	local B=$1
	{
		pipeline web '{ proto: tcp }' "$(pm_replace edit needle haystack)"
		pipeline rest '"ip or ip6"' "$(pm_to_file count /dev/null)"
	} | file_config "$D/all.yaml"
}

# Exit status 0, or an orderly refusal in one line; anything else is a crash or a hang.
survives() { # flowosctl, capture
	local status
	timeout 60 "$1" run "$D/all.yaml" --read "$2" --write "$D/out.pcap" >"$D/log" 2>&1
	status=$?
	grep -qE 'AddressSanitizer|runtime error:|dumped|signal (4|6|7|8|11)' "$D/log" && return 1
	[ $status = 0 ] && return
	[ $status -lt 124 ] && [ "$(grep -c . "$D/log")" = 1 ]
}

all_survive() { # build directory, sentence
	local c n=0 dead=''
	config "$1"
	for c in "$D/in"/*; do
		n=$((n + 1))
		survives "$1/bin/flowosctl" "$c" || dead="$dead ${c##*/}"
	done
	is "$dead" "" "$2: $n captures crash nothing"
}

all_survive "$B" "the usual build"
if [ "$FULL" = 1 ]; then
	check "the sanitizers' build" make --no-print-directory B="$B/san" SAN=address,undefined all
	all_survive "$B/san" "under ASan and UBSan"
fi
finish
