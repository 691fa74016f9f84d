#!/usr/bin/env bash
# ratelimit: a flow is policed by dropping, and arrives whole by TCP's own means; another prefix is not.
# pcapng, ndpi and match, confined as modules are: packets are kept, HTTP is recognised, a pattern is
# hidden and cut although the modules are killed meanwhile.
. "$(dirname "$0")/lib.sh"
need_topo
OUT=$NET_TMP/rates.tsv
in_client ip addr add 10.77.0.30/24 dev eth0
PM="{ pm: ratelimit, file: $B/pms/ratelimit.so, options: { file: $OUT,
          prefixes: '$CLIENT 2M burst 64K' } }"
have() { # module: its library may not be installed
	[ -e "$B/pms/$1.so" ] && echo "{ pm: $1, file: $B/pms/$1.so, hold: { time: 20s }, options: { $2 } }"
}
NG=$(have pcapng "file: $NET_TMP/out.pcapng")
ND=$(have ndpi "file: $NET_TMP/ndpi.tsv")
MA=$(have match "file: $NET_TMP/alerts.json, patterns: [ 'mask /secret [0-9]{1,6}/ a number',
          'cut /<b>[a-z]{1,20}<.b>/i bold', 'alert /end of page/ end' ]")
{
	pipeline slow '"tcp port 9016"' "$PM"
	pipeline look '"tcp port 80"' "$NG" ${ND:+"$ND"} ${MA:+"$MA"}
} | box_config "$NET_TMP/box.yaml"
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

mkdir "$NET_TMP/www"
{
	for i in $(seq 20000); do echo "line $i secret $i <b>bold</b> one"; done
	echo "end of page"
} >"$NET_TMP/www/page"
"$PYTHON" - "$NET_TMP/www/page" >"$NET_TMP/want" <<'END'
import re, sys
page = open(sys.argv[1]).read()
page = re.sub("secret [0-9]{1,6}", lambda m: "*" * len(m[0]), page)
print(page.replace("<b>bold</b>", ""), end="")
END
need "nginx serves a page" start_nginx "$NET_TMP/www"
fetch "http://$SERVER/open/page" "$NET_TMP/got"
if [ -n "$MA" ]; then
	same_file "$NET_TMP/got" "$NET_TMP/want" "match hides and cuts"
	pm_kill match 3 0.1 &
	killer=$!
	for i in 1 2 3; do fetch "http://$SERVER/open/page" "$NET_TMP/got"; done
	wait $killer
	same_file "$NET_TMP/got" "$NET_TMP/want" "also while it is killed"
else
	skip "match is not built: libhs or libpcre2-8 is not installed"
fi
stop_box
capinfos -c "$NET_TMP/out.pcapng" >"$NET_TMP/capinfos" 2>&1
at_least "$(sed -n 's/^Number of packets: *//p' "$NET_TMP/capinfos")" 50 "pcapng has kept the packets"
if [ -n "$ND" ]; then
	is "$(cut -f7 "$NET_TMP/ndpi.tsv" | sort -u)" HTTP "ndpi recognises HTTP"
	is "$(wc -l <"$NET_TMP/ndpi.tsv")" "$([ -n "$MA" ] && echo 4 || echo 1)" "one line each"
else
	skip "ndpi is not built: libndpi is not installed"
fi
matches() { sed -n "s/.*\"signature\":\"$1\",\"matches\":\([0-9]*\).*/\1/p" "$NET_TMP/alerts.json"; }
if [ -n "$MA" ]; then
	is "$(matches end) $(matches bold)" "4 80000" "every match is counted once"
	is "$(grep -c '"action":"mask"' "$NET_TMP/alerts.json")" 128 "alerts stop at their limit"
fi
at_least "$(awk '$1 == "sent" && $2 == 1 { print $3 }' "$OUT")" 1 "what the prefix lost is written down"
finish
