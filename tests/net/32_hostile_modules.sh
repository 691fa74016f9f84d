#!/usr/bin/env bash
# Modules that attack: each is refused or killed, and counted; the bytes of other flows stay exact and
# no other process is hurt.  And what a module's process has given up before it runs.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www"
seq -f 'line %.0f has a needle in it' 100000 >"$D/www/text"
sed 's/needle/haystack/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
in_server "$PYTHON" tests/net/poison.py server 81 &
wait_for 100 listens server 81

box_with() { # attack
	{
		pipeline good '"tcp port 80"' "$(pm_replace web needle haystack)"
		pipeline bad '"tcp port 81"' "{ pm: bad, file: $B/tests/pm/hostile.so,
          options: { attack: $1 } }"
	} | box_config "$D/box.yaml"
	need_box "$D/box.yaml"
}
# What the keeper counted: a module may write over what its own process counts.
deaths() {
	box_status "[p['counters'] for p in s['processes'] if p['name'] == 'keeper'][0].get('pm_deaths', 0)"
}
core_restarts() { box_status "sum(p['restarts'] for p in s['processes'] if p['name'] != 'bad')"; }

# ---- what it has left ------------------------------------------------------------------------

box_with none
proc() { grep "^$1:" "/proc/$(pm_pid bad)/status" | cut -f 2- | xargs; }
at_least "$(proc Uid | cut -d' ' -f1)" 61184 "a module's process has a user of its own"
is "$(proc Groups)" "" "no group"
is "$(proc CapPrm) $(proc CapBnd) $(proc NoNewPrivs) $(proc Seccomp)" \
	"0000000000000000 0000000000000000 1 2" "no capability, can gain none, is filtered"
is "$(nsenter -t "$(pm_pid bad)" -n ip -br link | wc -l)" 1 "it sees no network"
is "$(ls -l "/proc/$(pm_pid bad)/fd" | grep -c memfd)" 0 "it holds no descriptor of a region"
is "$(grep -c ' rw-s .*memfd' "/proc/$(pm_pid bad)/maps")" 1 "it can write one region"
ok $(($(proc Uid | cut -d' ' -f1) == $(grep ^Uid: "/proc/$(pm_pid web)/status" | cut -f 2))) \
	"another module has another user"
stop_box

# ---- attacks ---------------------------------------------------------------------------------

# Deaths 0: it is refused and lives; counted: as a value or a ring that breaks the rules.
attacked() { # attack, deaths wanted, sentence, [counted]
	local deaths restarts
	box_with "$1"
	in_client "$PYTHON" tests/net/poison.py client "$SERVER" 81 attack >"$D/out" 2>&1 &
	bad=$!
	fetch "http://$SERVER/open/text" "$D/got"
	wait_for 30 died_or_over "$2"
	SLOWED=$(counter pm_slowed)
	SENT=$(counter packets_sent_by_pm)
	deaths=$(deaths) restarts=$(core_restarts)
	fetch "http://$SERVER/open/text" "$D/again"
	if [ "$2" = 0 ]; then
		is "$deaths" 0 "$1: $3"
		[ -z "${4:-}" ] || at_least "$(refused)" 1 "$1: it is counted"
	else
		at_least "$deaths" "$2" "$1: $3"
	fi
	is "$restarts" 0 "$1: no other process is hurt"
	same_file "$D/got" "$D/want" "$1: other flows' bytes during it"
	same_file "$D/again" "$D/want" "$1: and after it"
	kill $bad 2>/dev/null
	wait $bad 2>/dev/null
	stop_box "$1: the box stops"
}
# shellcheck disable=SC2317,SC2329 # called by wait_for
died_or_over() { if [ "$1" = 0 ]; then ! kill -0 $bad; else [ "$(deaths)" -ge "$1" ]; fi 2>/dev/null; }
# Counted by others: what the module's own process counts a module may write over.
refused() {
	local n=0 c
	for c in 'egress.0 pm_rules_broken' 'egress.0 ring_broken' 'classifier.0 ring_broken' \
		'egress.0 pm_sends_malformed' 'egress.0 pm_sends_guarded' 'egress.0 pm_sends_gone'; do
		# shellcheck disable=SC2086 # two words
		n=$((n + $(counter_of $c)))
	done
	echo $n
}

attacked wild 1 "writing into another's memory is its death"
attacked frame 1 "as is writing into a packet"
attacked holes 1 "punching holes in its memory is its death"
attacked truncates 1 "truncating it likewise"
attacked hugepages 1 "taking hugepages is its death"
attacked memory 1 "allocating without end is its death"
attacked neighbours 1 "killing a neighbour is its own death"
attacked trace 1 "as is tracing one"
attacked backwards 0 "a head that recedes is survived" counted
attacked beyond 0 "a head beyond the tail is survived" counted
attacked edits 0 "edits outside the window are survived" counted
attacked changing 0 "records that change while they are read are survived" counted
attacked inserted 0 "inserted bytes that change afterwards are survived"
attacked doorbells 0 "doorbells drained and flooded are survived"
attacked parcels 0 "packets that it may not send are not sent" counted
is "$SENT" 0 "parcels: not one"
attacked reopen 0 "reopening what others hold is refused"
check "reopen: nothing was opened" grep -q 'reopened 0' "$D/box.log"
attacked orders 0 "telling the keeper what to do is refused"
check "orders: it says so" grep -q "a module's process .* asks for 'stop': refused" "$D/box.log"
attacked pretend 0 "pretending to be dead is refused"
check "pretend: it says so" grep -q "a module's process .* asks for 'watch': refused" "$D/box.log"
attacked loop 1 "looping for ever is its death"
at_least "$SLOWED" 1 "loop: until then it had a low priority"
attacked garbage 0 "garbage over all it can write is survived" counted
finish
