#!/usr/bin/env bash
# A pipeline that changes nothing: the capture it writes carries the same streams, by an
# independent reassembler, as the capture it read.
. "$(dirname "$0")/../net/lib.sh"
. "$(dirname "$0")/corpus.sh"
OUT=$NET_TMP/out

pipeline all '{ proto: tcp }' "$(pm_to_file digest /dev/null)" | file_config "$NET_TMP/pass.yaml"

pass_table() { # table, [--core]
	local c failed=''
	for c in $(captures "$1"); do
		mkdir -p "$OUT/$(dirname "$c")"
		offline "$NET_TMP/pass.yaml" "$CORPUS/$c" "$OUT/$c" || failed="$failed $c"
	done
	is "$failed" "" "every capture of $1 goes through"
	# shellcheck disable=SC2046 # the corpus has no spaces in its names
	(cd "$OUT" && "$PYTHON" "$CORPUS/tools/streams.py" --root . $(captures "$1")) \
		>"$NET_TMP/result" 2>/dev/null
	check "the streams of $1 ${2:-} are the same behind the box" \
		verify "$NET_TMP/result" "$1" "${2:-}"
}

pass_table MANIFEST.tsv --core
pass_table MUTATED.tsv
finish
