#!/usr/bin/env bash
# A module edits the beginning of a download and lets the rest go: from then on segments that come to the
# box ahead of a lost one pass at once, translated, and what is lost on either side is sent again by the
# server, with every process killed meanwhile.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/impair.sh"
need_bad_wires
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 200000 >"$D/www/text"
{
	head -n 100 "$D/www/text" | sed 's/needle/haystack/'
	tail -n +101 "$D/www/text"
} >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "{ pm: leave, file: $B/tests/pm/leave.so, $HOLD }" | box_config "$D/box.yaml"
need_box "$D/box.yaml"

# lost before the box (wan) and behind it (lan)
bad_wires() { wire wan ab:loss=100 ab:reorder=100 ab:late=1000 && wire lan ba:loss=30; }

last=0
passed_early() { # minimum, sentence
	local now
	now=$(counter tcp_passed_early)
	at_least $((now - last)) "$1" "$2"
	last=$now
}

bad_wires
for try in 'cubic 1 1' 'bbr 1 1' 'cubic 0 1'; do
	# shellcheck disable=SC2086 # its words
	hosts_tcp $try
	fetch "http://$SERVER/open/text" "$D/got"
	same_file "$D/got" "$D/want" "$try: a hundred words are edited, the rest is as it was"
	passed_early 100 "segments ahead of lost ones have passed at once"
done
fetch "http://[$SERVER6]/open/text" "$D/got"
same_file "$D/got" "$D/want" "over IPv6"

hosts_tcp cubic 1 1
slow_fetch "http://$SERVER/open/text" "$D/got"
curl=$!
for proc in leave classifier.0 egress.0 ingress.wan.0; do
	check "$proc is killed meanwhile" pm_kill $proc 3 0.3
done
hurry
wait $curl
is $? 0 "the transfer ends well"
same_file "$D/got" "$D/want" "with the same bytes"
is "$(counter pm_rules_broken)" 0 "no value of the module was refused"
unwire wan
unwire lan
at_least "$(did wan ab loss)" 50 "segments were lost before the box"
at_least "$(did lan ba loss)" 20 "and behind it"
wire wan
wire lan
box_is_well
stop_box
finish
