#!/usr/bin/env bash
# Stages are added, reordered and removed under traffic: connections that begin go through the new order,
# one that lives through all of it keeps its own, one is let go of by a stage that is removed `now`, and no
# byte is lost, with PMs killed between; what cannot be is refused with its reason.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 20000 >"$D/www/text"
seq -f 'line %.0f has a needle in it' 1500000 >"$D/www/long"
seq -f 'line %.0f has a needle in it' 400000 >"$D/www/short"
start_nginx "$D/www" || skip_all "nginx does not start"
{
	pipeline web '"tcp port 80"' "$(pm_replace one needle noodle 'hold: { time: 60s }')"
	printf '    standby:\n      - %s\n      - %s\n' \
		"$(pm_replace two noodle soup 'hold: { time: 60s }')" \
		'{ pm: count, options: { file: /dev/null } }'
} | box_config "$D/box.yaml"
need_box "$D/box.yaml"

gives() { # word in place of needle, sentence
	sed "s/needle/$1/" "$D/www/text" >"$D/want"
	fetch "http://$SERVER/open/text" "$D/got"
	same_file "$D/got" "$D/want" "$2"
}
stages() { flowosctl_in_box pipeline "$@" >"$D/said" 2>&1; }

gives noodle "as configured: the first edits"
slow_fetch "http://$SERVER/open/long" "$D/long"
long=$!
sleep 0.5
check "a stage is added" stages add web two
gives soup "new connections: the second edits what the first made"
check "a PM is killed" pm_kill two 1 0.3
check "they change places" stages move web two first
gives noodle "in the other order the second finds nothing"
check "a reader of packets is added before them" stages add web count first
check "the first is removed" stages remove web one
gives needle "nobody edits"
check "it is added again" stages add web one before:two
gives soup "and edits"
check "the old connection lives" kill -0 $long
hurry
wait $long
is $? 0 "the connection that lived through all of it ends well"
sed 's/needle/noodle/' "$D/www/long" >"$D/want"
same_file "$D/long" "$D/want" "with the stages that it began with"
# One that edits is taken out of a connection that lives: what it has released stays edited, what comes
# behind passes it, and the sequence numbers go on.
slow_fetch "http://$SERVER/open/short" "$D/both"
both=$!
wait_for 200 test -s "$D/both"
check "a stage is removed now" stages remove web two now
hurry
wait $both
is $? 0 "the connection that it was in ends well"
sed -E 's/soup|noodle/needle/' "$D/both" >"$D/got"
same_file "$D/got" "$D/www/short" "no byte of it is lost"
is "$(sed -E 's/.*has a (\w+) in it/\1/' "$D/both" | uniq | tr '\n' ' ')" "soup noodle " \
	"it was edited up to some place, and not from there on"
gives noodle "new connections do without it"
check "it comes back" stages add web two after:one
gives soup "for those that begin"
stages move web count last
is $? 1 "a reader of packets behind one of bytes is refused"
is "$(grep -c 'must stand before' "$D/said")" 1 "with the reason"
stages remove web nobody
is "$(grep -c 'has no PM nobody' "$D/said")" 1 "so is a PM that is not there"
stages show web
is "$(grep -c 'new connections): count,one,two' "$D/said")" 1 "pipeline show tells the order"
is "$(counter pm_rules_broken)" 0 "no value of a PM was refused"
check "the audit is clean" flowosctl_in_box audit
stop_box
finish
