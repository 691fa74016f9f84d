#!/usr/bin/env bash
# Without the libraries that some modules need, make builds the rest and says in one line each what is not
# built and why; the tests of those modules skip by name.  (make is only asked what it would do.)
. "$(dirname "$0")/../net/lib.sh"
unset MAKEFLAGS MAKELEVEL
PKG_CONFIG_LIBDIR=/nonexistent make -n all B="$NET_TMP/b" CC=true >"$NET_TMP/said" 2>&1
for m in match ndpi ids filescan; do
	is "$(grep -c "SKIP *pms/$m\.c: not installed: [a-z]" "$NET_TMP/said")" 1 "$m: one line says so"
	is "$(grep -c "PM .*pms/$m\.so" "$NET_TMP/said")" 0 "and it is not built"
done
at_least "$(grep -c 'PM .*pms/firewall\.so' "$NET_TMP/said")" 1 "a module without such needs is"
mkdir -p "$NET_TMP/b/tests" "$NET_TMP/b/pms"
cp "$B/tests/test_mod_match" "$NET_TMP/b/tests/"
check "the test of match skips, and says why" bash -c \
	"'$NET_TMP/b/tests/test_mod_match' | grep -q '# SKIP the module match is not built'"
finish
