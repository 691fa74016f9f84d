#!/usr/bin/env bash
# Every example configuration passes `flowosctl check`; where its modules' files are looked for.
. "$(dirname "$0")/../net/lib.sh"
nr=0
for f in config/examples/*.yaml; do
	[ -e "$f" ] || continue
	nr=$((nr + 1))
	pm=$(basename "$f" .yaml)
	if [ -e "pms/$pm.c" ] && [ ! -e "$B/pms/$pm.so" ]; then
		skip "${f##*/}: the module is not built: its library is not installed"
		continue
	fi
	check "${f##*/} passes check" flowosctl check "$f"
done
at_least $nr 1 "there are examples"

# A relative file of a PM counts from the configuration's folder, wherever one stands.
mkdir -p "$NET_TMP/etc/modules"
cp "$B/pms/count.so" "$NET_TMP/etc/modules/mine.so"
pipeline all '""' "{ pm: mine, file: modules/mine.so }" | sed '/match:/d' |
	file_config "$NET_TMP/etc/relative.yaml"
check "a module beside the configuration is found from elsewhere" \
	flowosctl check "$NET_TMP/etc/relative.yaml"
cd "$NET_TMP/etc" || exit 1
check "and from there" flowosctl check relative.yaml
mv modules/mine.so modules/other.so
flowosctl check relative.yaml >"$NET_TMP/out" 2>&1
is $? 1 "one that is not there is refused"
check "with the place that was looked at" grep -q "'modules/mine.so' not found" "$NET_TMP/out"
flowosctl check "$NET_TMP/etc/relative.yaml" >"$NET_TMP/out" 2>&1
check "in full where that differs" grep -q "looked for $NET_TMP/etc/modules/mine.so" "$NET_TMP/out"
finish
