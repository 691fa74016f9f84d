#!/usr/bin/env bash
# `flowosctl digest` reproduces the known streams of every capture of the corpus.
. "$(dirname "$0")/../net/lib.sh"
. "$(dirname "$0")/corpus.sh"

digest_table() { # table, [--core]
	# shellcheck disable=SC2046 # the corpus has no spaces in its names
	(cd "$CORPUS" && "$B/bin/flowosctl" digest $(captures "$1")) \
		>"$NET_TMP/result" 2>"$NET_TMP/errors"
	is $? 0 "flowosctl digest reads every capture of $1" ||
		head -n 5 "$NET_TMP/errors" | sed 's/^/# /'
	check "every stream of $1 ${2:-} is as known" verify "$NET_TMP/result" "$1" "${2:-}"
}

digest_table MANIFEST.tsv --core
digest_table MUTATED.tsv
finish
