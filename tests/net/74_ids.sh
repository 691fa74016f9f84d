#!/usr/bin/env bash
# ids between real kernels: an alert, a request that is dropped before its last byte has gone, one that is
# reset, each told once although the module is killed; rules are exchanged under traffic.
. "$(dirname "$0")/lib.sh"
[ -e "$B/pms/ids.so" ] || skip_all 'ids is not built: libhs or libpcre2-8 is not installed'
need_topo
D=$NET_TMP
cat >"$D/local.rules" <<'END'
alert tcp any any -> any $WEB (msg:"page"; flow:to_server; content:"GET "; depth:4; content:"/page"; \
	distance:0; within:9; sid:1;)
drop tcp any any -> any $WEB (msg:"drop it"; content:"/forbidden"; sid:2;)
reject tcp any any -> any $WEB (msg:"refuse it"; pcre:"/\/refused[0-9]{3}/"; sid:3;)
alert tcp any $WEB -> any any (msg:"end of page"; content:"end of page"; nocase; sid:4;)
END
pipeline web '"tcp port 80"' "{ pm: ids, file: $B/pms/ids.so,
          options: { list: $D/local.rules, vars: [ 'WEB 80' ], file: $D/eve.json } }" |
	box_config "$D/box.yaml"
mkdir "$D/www"
{
	seq 200000
	echo "End Of Page"
} >"$D/www/page"
need "nginx serves a page" start_nginx "$D/www"
need_box "$D/box.yaml"

fetch "http://$SERVER/page" "$D/got"
same_file "$D/got" "$D/www/page" "a page arrives whole"
pm_kill ids 2 0.1 &
killer=$!
for i in 1 2 3; do fetch "http://$SERVER/page" "$D/got"; done
wait $killer
same_file "$D/got" "$D/www/page" "also while the module is killed"
in_client curl -s --max-time 5 -o "$D/got" "http://$SERVER/forbidden"
is $? 28 "a request that is dropped is never answered"
in_client curl -s --max-time 10 -o "$D/got" "http://$SERVER/refused123"
is $? 56 "one that is rejected is reset"
fetch "http://$SERVER/refused12" "$D/got"
at_least "$(wc -c <"$D/got")" 1 "another is answered"

echo 'alert tcp any $WEB -> any any (msg:"new"; content:"200 OK"; sid:5;)' >>"$D/local.rules"
check "rules are exchanged" flowosctl_in_box reload pm/ids
fetch "http://$SERVER/page" "$D/got"
same_file "$D/got" "$D/www/page" "and the page arrives whole"
stop_box
count() { grep -c "\"event_type\":\"alert\".*\"signature_id\":$1," "$D/eve.json"; }
at_least "$(count 1)" 5 "each request of the page is told"
is "$(count 1)" "$(count 4)" "and its end as often"
is "$(count 5)" 1 "the new rule is told once"
is "$(count 2) $(count 3)" "1 1" "what was dropped and rejected, once each"
is "$(grep -c '"action":"blocked"' "$D/eve.json")" 2 "as blocked"
finish
