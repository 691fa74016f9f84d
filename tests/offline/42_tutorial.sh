#!/usr/bin/env bash
# The tutorial, pms/README.md, followed to the letter: its sh blocks are run one after the other, and a C
# block after a line that ends in `FILE`: is written to that file.  No root needed.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
export HOME=$D TMPDIR=$D

# The page as a script: block by block, each of which says that it has come to its end.
follow() {
	"$PYTHON" - pms/README.md <<-'END'
		import re, sys
		before, n = "", 0
		text = open(sys.argv[1]).read()
		for m in re.finditer(r"([^\n]*)\n\n```(sh|c)\n(.*?)```", text, re.S):
		    before, kind, body = m.groups()
		    name = re.search(r"`([a-z.]+)`:$", before)
		    n += 1
		    if kind == "sh":
		        print("set -e\n" + body + "set +e")
		    elif name:
		        print("cat >%s <<'END-OF-FILE'\n%sEND-OF-FILE" % (name.group(1), body))
		    print("echo followed %d" % n)
		print("echo to the end, %d blocks" % n)
	END
}

follow >"$D/script"
sed -i "s,\$PWD/build,$B,g" "$D/script"
bash "$D/script" >"$D/out" 2>&1
is "$(tail -n 1 "$D/out")" 'to the end, 8 blocks' "a stranger who follows the page comes to its end" ||
	tail -n 15 "$D/out" | sed 's/^/# /'
is "$(grep -c '^loud: .* the same bytes left each time' "$D/out")" 4 "the module passes as the page says"
is "$(grep -c 'got:    192.0.2.1:40000 .* 63 bytes fin' "$D/out")" 1 "and fails where the page says"
is "$(ls "$D/loud/out.pcap")" "$D/loud/out.pcap" "and runs over the capture"

# What the page says of a fault: memory that a kill takes away.
sed -i 's/^\tstruct here \*here = fos_ctx(w);/\tstatic struct here memory, *here = \&memory;/' \
	"$D/loud/loud.c"
is "$(grep -c 'static struct here' "$D/loud/loud.c")" 1 "the fault that the page describes"
PATH=$B/bin:$PATH PKG_CONFIG_PATH=$B/pkgconfig make -C "$D/loud" test >"$D/out" 2>&1
is "$(grep -c '^again: ' "$D/out")" 1 "is found by make test" || sed 's/^/# /' "$D/out"
at_least "$(grep -c '^ *[0-9]*: module 0 is killed at' "$D/out")" 1 "which names the kill"
flowosctl pm test "$D/loud/loud.c" -r "$D/loud/in.pcap" --segments 1 >"$D/out" 2>&1
is "$?" 1 "and with a byte in each segment, too" || sed 's/^/# /' "$D/out"
finish
