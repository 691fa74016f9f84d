#!/usr/bin/env bash
# midstat: a live connection is shown with both states, its rate and its round trips, by every order and as
# JSON; after a kill of the module nothing that was counted is lost; an ended connection is gone.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
pipeline all '"tcp port 9073"' "{ pm: midstat, file: $B/pms/midstat.so, options: { file: $D/out.tsv } }" |
	box_config "$D/box.yaml"
need_box "$D/box.yaml"

# Connections that say something ten times a second, and hear it; a line on standard input ends them.
in_server "$PYTHON" - >"$D/server" 2>&1 <<'END' &
import socket, threading
def serve(c):
    while data := c.recv(65536):
        c.sendall(data)
    c.close()
with socket.create_server(("", 9073)) as s:
    for _ in range(3):
        threading.Thread(target=serve, args=(s.accept()[0],)).start()
END
wait_for 100 listens server 9073
mkfifo "$D/end"
in_client "$PYTHON" - $SERVER "$D/end" >"$D/client" 2>&1 <<'END' &
import select, socket, sys, threading
conns = [socket.create_connection((sys.argv[1], 9073)) for _ in range(3)]
over = threading.Event()
threading.Thread(target=lambda: (open(sys.argv[2]).read(), over.set())).start()
while not over.wait(0.1):
    for n, c in enumerate(conns):
        c.sendall(b"x" * 1000 * (n + 1))
        got = 0
        while got < 1000 * (n + 1):
            got += len(c.recv(65536))
for c in conns:
    c.close()
END
exec 3<>"$D/end"

shown() { # python expression over r, the rows; options of midstat
	local e=$1
	shift
	flowosctl_in_box midstat --once --interval 0.1 -o json "$@" |
		"$PYTHON" -c "import json,sys; r = json.load(sys.stdin); print($e)"
}
measured() {
	[ "$(shown "len(r) == 3 and all(s['rtt_samples'] > 1 for c in r
		for s in (c['client'], c['server']))")" = True ]
}
check "three connections, round trips of both ends measured more than once" wait_for 40 measured
is "$(shown "{(c['client']['state'], c['server']['state'], c['server']['port']) for c in r}")" \
	"{('ESTABLISHED', 'ESTABLISHED', 9073)}" "established at both ends"
rated() {
	[ "$(shown "all(s['bits_per_s'] > 0 and 0 < s['rtt_min_ns'] <= s['rtt_ns'] for c in r
		for s in (c['client'], c['server']))" --interval 0.5)" = True ]
}
check "both directions have a rate, both ends a round trip" wait_for 20 rated
for by in rate rtt retrans bytes age; do
	key="{'rate': c['client']['bits_per_s'] + c['server']['bits_per_s'], 'age': c['age_ns'],
	'rtt': c['client']['rtt_ns'] + c['server']['rtt_ns'], 'bytes': c['client']['bytes'] +
	c['server']['bytes'], 'retrans': 0}['$by']"
	sorted="(lambda v: len(v) == 3 and v == sorted(v, reverse=True))([$key for c in r])"
	is "$(shown "$sorted" --sort $by)" True "sorted by $by"
done
flowosctl_in_box midstat --once --interval 0.2 -n 2 >"$D/table"
is "$(head -1 "$D/table" | cut -c1-45 | tr -s ' ')" "client server " "as a table"
is "$(grep -c ' ESTABLISHED ESTABLISHED ' "$D/table") $(tail -1 "$D/table")" "2 and 1 more" \
	"cut at two rows"

samples="sum(s['rtt_samples'] for c in r for s in (c['client'], c['server']))"
before=$(shown "$samples")
pid=$(pm_pid midstat)
kill -KILL "$pid"
at_least "$(shown "$samples")" "$before" "while the module is dead or back, nothing is lost"
goes_on() { [ "$(shown "$samples")" -gt $((before + 6)) ]; }
check "and it goes on" wait_for 40 goes_on
at_least "$(pm_restarts midstat)" 1 "by another process"
ip netns exec "$NET-box" "$B/bin/flowosctl" midstat --interval 0.1 "$BOX_CONFIG" >"$D/table" 3>&- &
again() { [ "$(grep -c '^client' "$D/table")" -ge 3 ]; }
check "without --once it is shown again and again" wait_for 100 again
kill -TERM $!
wait $!
is $? 143 "until it is ended"
echo end >&3
exec 3>&-
over() { [ "$(shown "len([c for c in r if c['client']['state'] == 'ESTABLISHED'])")" = 0 ]; }
check "an ended connection is established no more" wait_for 40 over
told() { [ "$(wc -l <"$D/out.tsv")" -ge 6 ]; }
check "each direction is told of at its end" wait_for 100 told
stop_box
is "$(wc -l <"$D/out.tsv"):$(cut -f15 "$D/out.tsv" | sort -u)" 6:fin "in a line each, once"
pipeline all '"tcp port 9073"' "{ pm: count, file: $B/pms/count.so, options: { file: $D/count.tsv } }" |
	box_config "$D/other.yaml"
need_box "$D/other.yaml"
is "$(flowosctl_in_box midstat --once 2>&1 | grep -c 'no module of this box is midstat')" 1 \
	"a box without the module says so"
finish
