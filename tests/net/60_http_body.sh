#!/usr/bin/env bash
# Modules on HTTP bodies and header blocks between nginx and curl, a strict client, and (FULL=1)
# Chromium: what arrives is well-formed, and exactly what was served, edited.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www" "$D/want" "$D/put" "$D/got" "$D/nginx"
export WANT=$D/want

"$PYTHON" - "$D/www" "$D/want" <<'PAGES'
import sys
ad = '<script async src="https://ads.example/a.js">var a = 1;</script>'
text = "<p>" + "All work and no play. " * 300 + "</p>\n"
head = "<!doctype html><html><head><title>t</title></head><body>\n"
tail = "<p id=end>the end</p></body></html>\n"
pages = {"small": [head, ad, tail], "large": [head] + [text, ad] * 40 + [tail],
         "clean": [head, text * 20, tail], "empty": []}
for name, parts in pages.items():
    for d, drop in ((sys.argv[1], False), (sys.argv[2], True)):
        with open("%s/%s" % (d, name), "w") as f:
            f.write("".join("" if drop and p is ad else p for p in parts))
PAGES
seq -f 'line %.0f has a needle in it' 200000 >"$D/upload"
sed 's/needle/haystack/' "$D/upload" >"$D/want/upload"

cat >"$D/nginx/nginx.conf" <<-CONF
	user root;
	worker_processes 1;
	daemon off;
	pid $D/nginx/pid;
	error_log $D/nginx/error.log;
	events { worker_connections 1024; }
	http {
		access_log off;
		default_type text/html;
		client_max_body_size 100m;
		client_body_temp_path $D/nginx/body;
		proxy_temp_path $D/nginx/proxy;
		fastcgi_temp_path $D/nginx/fastcgi;
		uwsgi_temp_path $D/nginx/uwsgi;
		scgi_temp_path $D/nginx/scgi;
		gzip on;
		gzip_min_length 1;
		keepalive_requests 10000;
		server {
			listen 80;
			root $D/www;
			location /chunked/ { alias $D/www/; ssi on; ssi_types *; }
			location /put/ { alias $D/put/; dav_methods PUT; }
		}
	}
CONF
in_server nginx -e "$D/nginx/error.log" -p "$D/nginx" -c "$D/nginx/nginx.conf" >"$D/nginx/out" 2>&1 &
wait_for 100 listens server 80 || skip_all "nginx does not start"
# what waits for its rest while a process is started again is not to go on without it
pipeline web '"tcp port 80"' \
	"{ pm: adblock, file: $B/pms/adblock.so, options: { hosts: ads.example }, $HOLD }" \
	"{ pm: scrub, file: $B/tests/pm/scrub.so, direction: forward, $HOLD }" \
	"{ pm: header, file: $B/pms/header.so, $HOLD, options: { response_set: \"Server: box\",
	response_add: \"X-Box: 1\" } }" |
	box_config "$D/box.yaml"
need_box "$D/box.yaml"

c() { in_client curl -s -S --max-time 30 "$@"; }

# ---- pages -----------------------------------------------------------------------------------

for page in small large clean empty; do
	c -o "$D/got/$page" "http://$SERVER/$page"
	same_file "$D/got/$page" "$D/want/$page" "page '$page' with a length"
	c -o "$D/got/$page" "http://$SERVER/chunked/$page"
	same_file "$D/got/$page" "$D/want/$page" "page '$page' in chunks"
	c --http1.0 -o "$D/got/$page" "http://$SERVER/$page"
	same_file "$D/got/$page" "$D/want/$page" "page '$page' for HTTP/1.0"
done
c --compressed -D "$D/head" -o "$D/got/large" "http://$SERVER/large"
same_file "$D/got/large" "$D/want/large" "a client that takes gzip gets the page without its ads"
check "unencoded" bash -c "! grep -i content-encoding '$D/head'"
check "with the header module's fields" grep -q '^X-Box: 1' "$D/head"
is "$(grep -ic '^server: box' "$D/head")/$(grep -ic '^server:' "$D/head")" 1/1 \
	"one of them in the place of the server's"
c -I "http://$SERVER/large" >"$D/head"
is "$(sed -n 's/\r$//; s/^Content-Length: //p' "$D/head")" "$(stat -c %s "$D/www/large")" \
	"HEAD names the length that the server has"
etag=$(c -o "$D/x" -D - "http://$SERVER/small" | sed -n 's/\r$//; s/^ETag: //p')
is "${etag:0:3}" 'W/"' "an entity tag is a weak one"
is "$(c -o "$D/x" -w '%{http_code}' -H "If-None-Match: $etag" "http://$SERVER/small")" 304 \
	"with which the server finds the page unchanged"
# The second advertisement begins behind the first text.
c -r 0-9999 -o "$D/got/range" "http://$SERVER/large"
is "$(stat -c %s "$D/got/range") $(grep -c 'ads.example' "$D/got/range")" "10000 0" \
	"a range has its length, and blanks where the ads were"
check "ten at a time, pipelined" in_client "$PYTHON" tests/net/http.py pipeline "$SERVER" \
	small large chunked/clean empty large chunked/large small clean chunked/small chunked/empty
c -o "$D/got/1" "http://$SERVER/small" -o "$D/got/2" "http://$SERVER/chunked/large" \
	-o "$D/got/3" "http://$SERVER/clean"
is "$(cat "$D/got/"{1,2,3} | sha256sum)" "$(cat "$D/want/"{small,large,clean} | sha256sum)" \
	"three pages over one connection"

# ---- requests with bodies, and what is no HTTP -----------------------------------------------

c -T "$D/upload" "http://$SERVER/put/length"
same_file "$D/put/length" "$D/want/upload" "an upload with a length arrives edited"
c -H 'Transfer-Encoding: chunked' -T "$D/upload" "http://$SERVER/put/chunks"
same_file "$D/put/chunks" "$D/want/upload" "an upload in chunks, too"
before=$(counter http_malformed)
in_client "$PYTHON" tests/net/http.py raw "$SERVER" 160301020001fffe >"$D/got/raw"
check "what is not HTTP reaches the server, and its answer the client" grep -q '400 Bad' "$D/got/raw"
at_least "$(counter http_malformed)" $((before + 1)) "and is counted"

# ---- kills -----------------------------------------------------------------------------------

seq -f '<p>line %.0f</p><script src="//ads.example/x"></script>' 400000 >"$D/www/bulk"
sed 's/<script.*//' "$D/www/bulk" >"$D/want/bulk"
c -o "$D/got/bulk" "http://$SERVER/bulk"
same_file "$D/got/bulk" "$D/want/bulk" "undisturbed, 400,000 elements are deleted"
for n in 1 2; do
	url=http://$SERVER/bulk
	[ $n = 1 ] || url=http://$SERVER/chunked/bulk
	slow_fetch "$url" "$D/got/bulk$n"
	curl[n]=$!
done
check "adblock is killed 10 times" pm_kill adblock 10 0.3
check "during the transfers" kill -0 "${curl[1]}" "${curl[2]}"
hurry
for n in 1 2; do
	wait "${curl[n]}"
	is $? 0 "transfer $n ends well"
	same_file "$D/got/bulk$n" "$D/want/bulk" "transfer $n, killed 10 times: the same bytes"
done
is "$(counter pm_hold_expired)" 0 "nothing waited too long"
is "$(counter pm_rules_broken)" 0 "no value of a PM was refused"
at_least "$(counter http_mended)" 20 "the box counts the messages whose length it mended"
check "the audit is clean" flowosctl_in_box audit

# ---- a browser -------------------------------------------------------------------------------

if [ "$FULL" != 1 ]; then
	skip "Chromium renders the pages (FULL=1)"
elif ! command -v chromium >/dev/null; then
	skip "Chromium renders the pages: the Debian package chromium is not installed"
else
	for page in small large chunked/large; do
		rm -rf "$D/chromium"
		timeout 60 ip netns exec "$NET-client" chromium --headless --no-sandbox --disable-gpu \
			--disable-quic --no-first-run --disable-background-networking \
			--disable-component-update --disable-sync \
			--user-data-dir="$D/chromium" --dump-dom "http://$SERVER/$page" \
			>"$D/got/dom" 2>"$D/chromium.log"
		texts=$(grep -o 'All work' "$D/got/dom" | wc -l)
		is "$(grep -c 'ads.example' "$D/got/dom") $(grep -c 'id="end"' "$D/got/dom") $texts" \
			"0 1 $(grep -o 'All work' "$D/want/${page#*/}" | wc -l)" \
			"Chromium renders '$page' whole, without ads"
	done
fi
stop_box
finish
