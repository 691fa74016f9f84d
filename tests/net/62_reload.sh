#!/usr/bin/env bash
# flowosctl reload: a PM's options change under traffic, and nothing is lost: each line arrives once and in
# order, edited by the old options up to some line and by the new ones from there on.  A configuration
# with a mistake is told with file, line and column, and options that init() refuses are put back;
# in both cases the options in use stay.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP

config() { # what "colour" becomes, [the PM's other keys]
	options "find: \"colour\", with: \"$1\"" "${2:-}"
}

options() { # mapping, [the PM's other keys]
	pipeline web '"tcp port 80"' "{ pm: web, file: $B/pms/replace.so, ${2:-$HOLD}, options: { $1 } }" |
		box_config "$D/box.yaml"
}

# Numbered lines, one every 2 ms, until the file `stop` is there.
source_lines() {
	in_server "$PYTHON" - "$D/stop" <<-'END'
		import os, socket, sys, time
		s = socket.create_server(("", 80))
		c, _ = s.accept()
		n = 0
		while not os.path.exists(sys.argv[1]):
		    c.sendall(b"line %d colour\n" % n)
		    n += 1
		    time.sleep(0.002)
		c.sendall(b"the end after %d\n" % n)
		c.close()
	END
}

sink_lines() {
	in_client "$PYTHON" - $SERVER "$D/got" <<-'END'
		import socket, sys
		with open(sys.argv[2], "wb", buffering=0) as f:
		    s = socket.create_connection((sys.argv[1], 80))
		    while data := s.recv(65536):
		        f.write(data)
	END
}

becomes() { # word: lines come with it
	local word=$1
	tail -n 3 "$D/got" | grep -q " $word\$"
}

# Every line once and in order, and how many times the word changes.
judge() {
	"$PYTHON" - "$D/got" <<-'END'
		import sys
		lines = open(sys.argv[1]).read().split("\n")
		words = []
		for n, line in enumerate(lines[:-2]):
		    a, number, word = line.split(" ", 2)
		    if a != "line" or int(number) != n:
		        sys.exit("line %d is %r" % (n, line))
		    if not words or words[-1] != word:
		        words.append(word)
		if lines[-2:] != ["the end after %d" % (len(lines) - 2), ""]:
		    sys.exit("it ends with %r" % lines[-2:])
		print(*words)
	END
}

config color
need_box "$D/box.yaml"
source_lines &
wait_for 100 listens server 80
sink_lines &
CLIENT_PID=$!
check "lines come, edited" wait_for 100 becomes color

pid=$(pm_pid web)
config COLOR
check "reload takes up what the file has now" flowosctl_in_box reload pm/web
check "and from then on lines have it" wait_for 100 becomes COLOR
[ "$pid" != "$(pm_pid web)" ]
ok $? "by a process that has begun anew"

for i in 1 2 3; do
	config "word$i"
	flowosctl_in_box reload pm/web >/dev/null 2>&1 && wait_for 100 becomes "word$i"
	ok $? "again, $i"
done

sed -i 's/find:/fnd, :/' "$D/box.yaml"
out=$(in_box "$B/bin/flowosctl" reload pm/web --run-dir "$D/run" 2>&1)
ok $(($? != 1)) "a configuration with a mistake is refused"
is "$(printf '%s' "$out" | grep -cE "box.yaml:[0-9]+:[0-9]+: error: ")" 1 "with file, line and column" ||
	printf '%s\n' "$out" | sed 's/^/# /'
options 'find: [a, b], with: "x"'
out=$(in_box "$B/bin/flowosctl" reload pm/web --run-dir "$D/run" 2>&1)
ok $(($? != 1)) "options that init() refuses are an error"
is "$(printf '%s' "$out" | grep -cE "box.yaml:[0-9]+:[0-9]+: error: pm/web does not work")" 1 \
	"with their place" || printf '%s\n' "$out" | sed 's/^/# /'
is "$(printf '%s' "$out" | grep -c 'has the options again that it had before')" 1 \
	"and those before are put back"
config other 'hold: { time: 50s }'
out=$(in_box "$B/bin/flowosctl" reload pm/web --run-dir "$D/run" 2>&1)
ok $? "another reload works after that"
is "$(printf '%s' "$out" | grep -c 'hold of web has changed, too')" 1 "and says what it does not take up"
wait_for 100 becomes other
ok $? "lines have it"
check "the keeper is restarted" flowosctl_in_box restart keeper
config last
check "and knows how to go on" flowosctl_in_box reload pm/web
wait_for 100 becomes last
touch "$D/stop"
wait $CLIENT_PID
is "$(judge 2>&1)" \
	'color COLOR word1 word2 word3 other last' \
		"every line came once, in order, edited by one or the other"
stop_box
finish
