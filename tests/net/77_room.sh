#!/usr/bin/env bash
# Modules that the box was not started with: those that stand by as `room` become what the operator names,
# under traffic, and take their place in the pipeline; PMs are killed in between; what does not fit is
# refused with its reason and changes nothing.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 20000 >"$D/www/text"
seq -f 'line %.0f has a needle in it' 600000 >"$D/www/long"
start_nginx "$D/www" || skip_all "nginx does not start"
config() { # options of a, of b
	{
		pipeline web '"tcp port 80"' "$(pm_replace one needle noodle 'hold: { time: 60s }')"
		printf '    standby:\n'
		printf "      - { pm: %s, file: $B/pms/room.so, options: { %s } }\n" a "$1" b "$2"
	} | box_config "$D/box.yaml"
}
config '' ''
need_box "$D/box.yaml"

gives() { # word in place of needle, sentence
	sed "s/needle/$1/" "$D/www/text" >"$D/want"
	fetch "http://$SERVER/open/text" "$D/got"
	same_file "$D/got" "$D/want" "$2"
}
stages() { flowosctl_in_box pipeline "$@" >"$D/said" 2>&1; }

gives noodle "room does nothing"
slow_fetch "http://$SERVER/open/long" "$D/long"
long=$!
stages add web "a=$B/pms/count.so"
is "$?:$(grep -c 'count.so has another stream' "$D/said")" 1:1 "a module that reads packets does not fit"
stages add web "a=$B/pms/filescan.so"
[ ! -e "$B/pms/filescan.so" ] ||
	is "$(grep -cE 'filescan.so has another (number or size of keys|set of imports)' "$D/said")" 1 \
		"nor one that needs a topic"
stages add web "a=$B/pms/replace.so"
is "$?:$(grep -c 'does not work with .*replace.so' "$D/said")" 1:1 \
	"one whose init() refuses the options is none, either"
config 'find: noodle, with: soup' 'response_set: "Server: none"'
check "with those that its entry has now it is added" stages add web "a=$B/pms/replace.so" last
gives soup "new connections: it edits what the first made"
check "a reader of http.body, before all others" stages add web "b=$B/pms/header.so" first
in_client curl -s -S --max-time 20 -D "$D/head" -o "$D/got" "http://$SERVER/open/text"
is "$(grep -ci '^server: none' "$D/head")" 1 "sees header blocks"
check "both are killed" pm_kill a 1 0.2
check "and start again as what they are" pm_kill b 1 0.2
gives soup "so the bytes say"
stages remove web a
gives noodle "one is taken out"
hurry
wait $long
is $? 0 "the connection that lived through all of it ends well"
sed 's/needle/noodle/' "$D/www/long" >"$D/want"
same_file "$D/long" "$D/want" "with the stages that it began with"
stages add web "a=$B/pms/header.so"
is "$?:$(grep -c 'has another stream' "$D/said")" 1:1 "who has had flows stays what it is"
is "$(counter pm_rules_broken)" 0 "no value of a PM was refused"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
