#!/usr/bin/env bash
# Between real kernels: a module moves connections to another pipeline in the middle of a download, while
# it and the editors of both pipelines are killed: what is before that byte has passed the one editor, the
# rest the other, every byte once.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 400000 >"$D/www/text"
start_nginx "$D/www" || skip_all "nginx does not start"
mover="file: $B/tests/pm/mover.so, direction: reverse, hold: { time: 10s }"
{
	pipeline first '"tcp port 80"' \
		"{ pm: mover, $mover, options: { to: second, at: 3000000 } }" \
		"$(pm_replace before needle pin 'hold: { time: 10s }')"
	pipeline second '"tcp port 1"' "$(pm_replace after needle NEEDLESS 'hold: { time: 10s }')"
} | box_config "$D/box.yaml"
need_box "$D/box.yaml"

# Up to some line "pin", from there on "NEEDLESS", and nothing else is another: the line of the change.
border() {
	awk '{ n++; one = "line " n " has a pin in it"; two = "line " n " has a NEEDLESS in it" }
		$0 == one && !b { next } $0 == two { if (!b) b = n; next } { bad++ }
		END { print (n == 400000 && !bad) ? b : "wrong: " bad + 0 " of " n }' "$1"
}
fetch "http://$SERVER/open/text" "$D/got"
at=$(border "$D/got")
at_least "$at" 90000 "a download is edited by the one, then by the other"
slow_fetch "http://$SERVER/open/text" "$D/got"
curl=$!
for pm in mover before after mover before after; do
	check "$pm is killed" pm_kill $pm 1 0.3
done
hurry
wait $curl
is $? 0 "the transfer ends well"
is "$(border "$D/got")" "$at" "with kills: the same line, every byte once"
at_least "$(counter flows_moved)" 2 "status counts the flows that moved"
is "$(counter pm_rules_broken)" 0 "no value of a PM was refused"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
