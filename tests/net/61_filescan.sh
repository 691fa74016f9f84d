#!/usr/bin/env bash
# Files that curl fetches and puts through the box are told of by `transfer` and matched by `filescan`,
# live, in the sandbox, through kills: each file once.
. "$(dirname "$0")/lib.sh"
need_topo
[ -e "$B/pms/filescan.so" ] || skip_all "filescan is not built: package libyara-dev is not installed"
D=$NET_TMP
mkdir "$D/www"
make_file "$D/www/clean.bin" 2 1
make_file "$D/www/bad.bin" 2 2
printf 'SIGNATURE-OF-EVIL' >>"$D/www/bad.bin"
make_file "$D/tail" 1 3
cat "$D/tail" >>"$D/www/bad.bin"
echo 'rule evil { strings: $a = "SIGNATURE-OF-EVIL" condition: $a }' >"$D/evil.yar"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "{ pm: transfer, file: $B/pms/transfer.so, $HOLD }" \
	"{ pm: filescan, file: $B/pms/filescan.so, $HOLD, options: { rules: $D/evil.yar, file: $D/found.tsv,
	report: all } }" |
	box_config "$D/box.yaml"
need_box "$D/box.yaml"

fetch "http://$SERVER/clean.bin" "$D/got"
same_file "$D/got" "$D/www/clean.bin" "a file comes as it was sent"
fetch "http://$SERVER/open/bad.bin" "$D/got"
slow_fetch "http://$SERVER/bad.bin" "$D/got"
curl=$!
check "both modules are killed during a transfer" pm_kill transfer 4 0.3
check "several times" pm_kill filescan 4 0.3
hurry
wait $curl
is $? 0 "which ends well"
same_file "$D/got" "$D/www/bad.bin" "with the same bytes"
wait_for 100 bash -c "[ \$(wc -l <'$D/found.tsv') -ge 3 ]"
is "$(cut -f1-4 "$D/found.tsv" | tr '\t\n' ' |')" \
	"clean - clean.bin text/html|match evil bad.bin text/html|match evil bad.bin text/html|" \
	"each file is reported once: one clean, one with a match, twice"
is "$(counter pm_rules_broken)" 0 "no value of a PM was refused"
stop_box
finish
