#!/usr/bin/env bash
# ratelimit: a flow is policed by dropping, and arrives whole by TCP's own means; another prefix is not.
. "$(dirname "$0")/lib.sh"
need_topo
OUT=$NET_TMP/rates.tsv
in_client ip addr add 10.77.0.30/24 dev eth0
PM="{ pm: ratelimit, file: $B/pms/ratelimit.so, options: { file: $OUT,
          prefixes: '$CLIENT 2M burst 64K' } }"
pipeline slow '"tcp port 9016"' "$PM" | box_config "$NET_TMP/box.yaml"
need_box "$NET_TMP/box.yaml"
make_file "$NET_TMP/data" 3 1

take() { # source address; seconds that 3 MB take
	in_server "$PYTHON" - "$NET_TMP/got" <<-'END' &
		import socket, sys
		s = socket.create_server(("", 9016))
		c, _ = s.accept()
		with open(sys.argv[1], "wb") as f:
		    while data := c.recv(65536):
		        f.write(data)
		c.sendall(b"done")
	END
	wait_for 100 listens server 9016
	in_client "$PYTHON" - "$1" $SERVER "$NET_TMP/data" <<-'END'
		import socket, sys, time
		s = socket.create_connection((sys.argv[2], 9016), 60, (sys.argv[1], 0))
		began = time.monotonic()
		s.sendall(open(sys.argv[3], "rb").read())
		s.shutdown(socket.SHUT_WR)
		assert s.recv(10) == b"done"
		print(int((time.monotonic() - began) * 1000))
	END
}

# 64K at once, and the rest at 2 MB a second: no machine is so slow that this says nothing.
at_least "$(take $CLIENT)" 1300 "3 MB at 2 MB a second take their time"
same_file "$NET_TMP/got" "$NET_TMP/data" "and arrive whole"
dropped=$(counter drop_pm)
at_least "$dropped" 1 "by drops"
take 10.77.0.30 >/dev/null
same_file "$NET_TMP/got" "$NET_TMP/data" "another source arrives whole"
is "$(counter drop_pm)" "$dropped" "and loses nothing"
stop_box
at_least "$(awk '$1 == "sent" && $2 == 1 { print $3 }' "$OUT")" 1 "what the prefix lost is written down"
finish
