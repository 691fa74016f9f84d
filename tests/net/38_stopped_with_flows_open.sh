#!/usr/bin/env bash
# The box is stopped with two connections open: the one whose bytes it has changed is reset, and no byte of
# it passes unchanged; the other lives on over the bridge.  Killed altogether, the first is held.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
cat >"$D/lines.py" <<'END'
import socket, sys, threading, time

def lines(c, text):
    try:
        while True:
            c.sendall(text)
            time.sleep(0.05)
    except OSError:
        pass

if sys.argv[1] == "server":
    s = socket.create_server(("", int(sys.argv[2])))
    while True:
        c, _ = s.accept()
        threading.Thread(target=lines, args=(c, sys.argv[3].encode() + b"\n"), daemon=True).start()
s = socket.create_connection((sys.argv[2], int(sys.argv[3])))
try:
    while True:
        b = s.recv(65536)
        sys.stdout.write(b.decode() or "end\n")
        sys.stdout.flush()
        if not b:
            break
except ConnectionResetError:
    print("reset")
END
in_server "$PYTHON" "$D/lines.py" server 90 'a ~ b' &
in_server "$PYTHON" "$D/lines.py" server 91 'a plain b' &
wait_for 100 listens server 90
wait_for 100 listens server 91
pipeline web '"tcp port 90 or tcp port 91"' "{ pm: web, file: $B/tests/pm/poison.so }" |
	box_config "$D/box.yaml"

OPEN=''
open_both() {
	# shellcheck disable=SC2086 # a list of numbers
	[ -z "$OPEN" ] || { kill $OPEN && wait $OPEN; } 2>/dev/null
	: >"$D/edited"
	: >"$D/plain"
	in_client "$PYTHON" "$D/lines.py" client $SERVER 90 >"$D/edited" 2>&1 &
	OPEN=$!
	in_client "$PYTHON" "$D/lines.py" client $SERVER 91 >"$D/plain" 2>&1 &
	OPEN="$OPEN $!"
	wait_for 50 has_lines "$D/edited" 3
	wait_for 50 has_lines "$D/plain" 3
}
has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
# shellcheck disable=SC2317,SC2329 # called by check
goes_on() { # file
	local n
	n=$(wc -l <"$1")
	wait_for 50 has_lines "$1" $((n + 5))
}

need_box "$D/box.yaml"
open_both
is "$(sort -u "$D/edited")" "a tilde b" "a connection is edited"
stop_box
check "stopped: the other lives on over the bridge" goes_on "$D/plain"
is "$(sort -u "$D/plain")" "a plain b" "with its bytes as they are"
check "the edited one is reset" wait_for 30 grep -q reset "$D/edited"
is "$(grep -v reset "$D/edited" | sort -u)" "a tilde b" "and never passed raw"

need_box "$D/box.yaml"
open_both
pids=$(box_status "' '.join(str(p['pid']) for p in s['processes'] if p['name'] != 'keeper')")
keeper=$(pm_pid keeper)
# shellcheck disable=SC2086 # a list of numbers
kill -STOP "$BOX_PID" && kill -KILL $pids
sleep 1
n=$(wc -l <"$D/edited")
sleep 1
is "$(wc -l <"$D/edited")" "$n" "every stage killed and none started again: the edited one is held"
is "$(sort -u "$D/edited")" "a tilde b" "and not passed raw"
kill -CONT "$BOX_PID"
check "they are started again: it goes on" goes_on "$D/edited"
check "as does the other" goes_on "$D/plain"
is "$(sort -u "$D/edited" "$D/plain" | xargs)" "a plain b a tilde b" "with the right bytes"
is "$(pm_pid keeper)" "$keeper" "the keeper has held everything meanwhile"
stop_box
finish
