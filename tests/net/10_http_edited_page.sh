#!/usr/bin/env bash
# Pages from nginx, fetched by curl through the box with adblock, are byte for byte as expected.
. "$(dirname "$0")/lib.sh"
need_topo
WWW=$NET_TMP/www
mkdir "$WWW" "$NET_TMP/want" "$NET_TMP/want-length" "$NET_TMP/got"

# Three versions of every page: as served, without its advertisements, and with blanks for them.
"$PYTHON" - "$WWW" "$NET_TMP/want" "$NET_TMP/want-length" <<'END'
import sys
ad = '<script async src="https://ads.example/a.js?x=1">var a = "<b>";</script>'
ad2 = "<SCRIPT\n SRC='//cdn.banners.example/b.js'></SCRIPT>"
own = '<script src="/own.js">var s = "ads.example";</script>'
huge = '<script src="http://ads.example/big.js">' + "x = 'abcdefgh';\n" * 65536 + "</script>"
text = "<p>" + "All work and no play. " * 500 + "</p>\n"
pages = {
    "one": [text, ad, text],
    "first": [ad, text],
    "last": [text, ad],
    "several": [text, ad, ad2, text, own, ad, "<p>end</p>"],
    "none": [text, own, text],
    "huge": [text, huge, text],
    "empty": [],
}
ads = {ad, ad2, huge}
for name, parts in pages.items():
    for directory, gone in zip(sys.argv[1:], (lambda p: p, lambda p: "", lambda p: " " * len(p))):
        with open("%s/%s" % (directory, name), "w") as f:
            f.write("".join(gone(p) if p in ads else p for p in parts))
END
start_nginx "$WWW" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' "$(pm_adblock 'ads.example,banners.example')" |
	box_config "$NET_TMP/box.yaml"

fetch "http://$SERVER/open/several" "$NET_TMP/got/direct"
same_file "$NET_TMP/got/direct" "$WWW/several" "before the box starts the page comes as it is served"
need_box "$NET_TMP/box.yaml"
for page in one first last several none huge empty; do
	fetch "http://$SERVER/open/$page" "$NET_TMP/got/$page"
	same_file "$NET_TMP/got/$page" "$NET_TMP/want/$page" "page '$page', close-delimited: ads deleted"
	fetch "http://$SERVER/$page" "$NET_TMP/got/$page"
	same_file "$NET_TMP/got/$page" "$NET_TMP/want/$page" \
		"page '$page', with a Content-Length: ads deleted"
	in_client curl -s -S --max-time 60 --http1.0 -H 'Connection: keep-alive' \
		-o "$NET_TMP/got/$page" "http://$SERVER/$page"
	same_file "$NET_TMP/got/$page" "$NET_TMP/want-length/$page" \
		"page '$page', for an HTTP/1.0 client that keeps its connection: ads blanked"
done
in_client curl -s -S --max-time 20 "http://$SERVER/{one,none,several}" >"$NET_TMP/got/three"
cat "$NET_TMP/want/"{one,none,several} >"$NET_TMP/want/three"
same_file "$NET_TMP/got/three" "$NET_TMP/want/three" "three pages over one connection"
nobody() { [ -z "$(in_server ss -Htn state established '( sport = :80 )')" ]; }
check "the server hears that clients who kept their connections have closed them" wait_for 50 nobody
at_least "$(counter bytes_deleted)" 1000000 "the box counts the bytes it deleted"
is "$(counter drop_csum_bad)" 0 "no checksum was bad"
stop_box
finish
