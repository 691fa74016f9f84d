#!/usr/bin/env bash
# Inline consistency on the corpus's hostile sequences: what an application behind a running Linux
# kernel receives from the box's egress is what the modules saw, connection by connection.
. "$(dirname "$0")/../net/lib.sh"
. "$(dirname "$0")/corpus.sh"
need_root
[ -f "$CORPUS/linux/LINUX.tsv" ] || skip_all "no hostile sequences in $CORPUS/linux"
[ -c /dev/net/tun ] || skip_all 'needs /dev/net/tun'
unshare -n true 2>/dev/null || skip_all 'needs a network namespace of its own (unshare)'
L=$CORPUS/linux OUT=$NET_TMP/egress

pipeline all '{ proto: tcp }' "$(pm_to_file digest "$NET_TMP/lines")" | file_config "$NET_TMP/c.yaml"

# One line per connection from the client: path, 4-tuple, number, bytes, digest; in order.
client_streams() { grep -P '^\S+\t\S+\t\S+\t\S+\t8080\t' "$1" | sort -u; }

mkdir -p "$OUT/pcap"
: >"$NET_TMP/modules"
failed='' nr=0
for c in "$L"/pcap/*.pcap; do
	c=pcap/${c##*/}
	grep -qx "$c" "$L/REPLAY_EXCLUDE" && continue
	nr=$((nr + 1))
	rm -f "$NET_TMP/lines"
	offline "$NET_TMP/c.yaml" "$L/$c" "$OUT/$c" || failed="$failed $c"
	[ ! -s "$NET_TMP/lines" ] || sed "s|^|$c\t|" "$NET_TMP/lines" >>"$NET_TMP/modules"
done
is "$failed" '' "all $nr sequences go through the box"

# The kernel opens a connection also where no byte came: digest writes no line for that.
kernel_streams() { # captures
	(cd "$OUT" && unshare -n "$PYTHON" "$CORPUS/tools/replay_linux.py" --root . "$@") \
		2>"$NET_TMP/errors" | awk -F'\t' '$7 > 0'
}

client_streams "$NET_TMP/modules" >"$NET_TMP/saw"
# shellcheck disable=SC2046 # names without blanks
kernel_streams $(cd "$OUT" && echo pcap/*.pcap) >"$NET_TMP/kernel"
client_streams "$NET_TMP/kernel" >"$NET_TMP/got"
# The tool gives the application some milliseconds to read: where that was too short on a busy machine,
# the sequence is played once more.
for again in 1 2 3 4 5 6 7 8; do
	differ=$(diff "$NET_TMP/saw" "$NET_TMP/got" | sed -n 's/^[<>] //p' | cut -f1 | sort -u)
	[ "$differ" ] || break
	echo "# try $((again + 1)): $(wc -w <<<"$differ") sequences"
	grep -vFf <(sed 's/$/\t/' <<<"$differ") "$NET_TMP/kernel" >"$NET_TMP/others"
	# shellcheck disable=SC2086 # as above
	kernel_streams $differ | cat "$NET_TMP/others" - >"$NET_TMP/kernel"
	client_streams "$NET_TMP/kernel" >"$NET_TMP/got"
done
at_least "$(wc -l <"$NET_TMP/kernel")" $((nr / 2)) "a kernel received the sequences" ||
	head -n 5 "$NET_TMP/errors" | sed 's/^/# /'
check "$(wc -l <"$NET_TMP/got") streams: the kernel behind the box received what the modules saw" \
	diff "$NET_TMP/saw" "$NET_TMP/got"

# Where sequences are unambiguous, the box changes nothing about what is received.
awk -F'\t' '$10 == "eq"' "$L/LINUX.tsv" | cut -f1-8 | grep -vFf "$L/REPLAY_EXCLUDE" |
	awk -F'\t' '$7 > 0' | sort -u >"$NET_TMP/plain"
check "$(wc -l <"$NET_TMP/plain") unambiguous streams are those received without the box" \
	diff "$NET_TMP/plain" <(grep -Ff <(cut -f1 "$NET_TMP/plain") "$NET_TMP/saw")
finish
