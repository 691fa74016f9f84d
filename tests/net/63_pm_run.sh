#!/usr/bin/env bash
# flowosctl pm run: a module from its source between a client and a server; a command in the client's
# place gives the exit status; --watch builds it again when it is saved and exchanges it under a download
# that goes on, prints the compiler's errors and keeps the module that works; Ctrl-C leaves nothing.
. "$(dirname "$0")/lib.sh"
need_root
D=$NET_TMP
export TMPDIR=$D FOS_NET=$NET-r
CTL=$B/bin/flowosctl

module() { # what "colour" becomes
	cat <<-END
		#include "pmhost/pm.h"

		static void on_data(struct fos_window *w)
		{
			struct fos_hit hit;

			while (fos_find(w, fos_head(w), "colour", 0, &hit)) {
				fos_replace(w, hit.pos, 6, "$1", sizeof("$1") - 1);
				fos_release(w, hit.end);
			}
			fos_release(w, hit.pos);
		}
		FOS_PM(.name = "word", .stream = FOS_APP, .flags = FOS_PM_EDITS, .on_data = on_data);
	END
}

# When something failed, what was said.
said() {
	[ $NR_FAILED = 0 ] || sed 's/^/# /' "$D/err"
}

mkdir "$D/src" "$D/www"
module color >"$D/src/word.c"
"$PYTHON" -c 'print("a colour\n" * 200000, end="")' >"$D/www/text"

"$CTL" pm run "$D/src/word.c" -- curl -s -m 10 "http://$SERVER/" >"$D/out" 2>"$D/err"
is "$?:$(grep -c 'Every color of the rainbow' "$D/out")" 0:1 \
	"a command sees the page as the module makes it"
said
"$CTL" pm run "$D/src/word.c" -- sh -c 'exit 7' >/dev/null 2>&1
is $? 7 "its exit status is that of the command"
"$CTL" pm run replace -o find=rainbow -o with=bow -- curl -s -m 10 "http://$SERVER/" >"$D/out" 2>"$D/err"
is "$?:$(grep -c 'colour of the bow' "$D/out")" 0:1 "a module by name, with options"
said
flowosctl pm new rainbow "$D/rainbow" >/dev/null
PATH=$B/bin:$PATH PKG_CONFIG_PATH=$B/pkgconfig "$CTL" pm run "$D/rainbow/rainbow.c" \
	-c "$D/rainbow/pipeline.yaml" -- curl -s -m 10 "http://$SERVER/" >"$D/out" 2>"$D/err"
is "$?:$(grep -c 'Every color' "$D/out")" 0:1 "a project with its own pipeline and Makefile"
said
is "$(ls -A "$D/rainbow" | grep -c pm-run)" 0 "nothing is left in its directory"
out=$("$CTL" pm run "$D/none.so" 2>&1)
is "$?:$(printf '%s\n' "$out" | wc -l)" 1:1 "a module that is not there: one line"

# ---- --watch -----------------------------------------------------------------------------------

env --default-signal=INT "$CTL" pm run "$D/src/word.c" --serve "$D/www" --watch >"$D/run.log" 2>&1 &
RUN=$!
says() { grep -q "$1" "$D/run.log"; }
wait_for 200 says '^running'
check "it runs, and says how to use it" says "ip netns exec $FOS_NET-client curl"
# --limit-rate: the download goes on while the module is exchanged
ip netns exec "$FOS_NET-client" curl -s -m 60 --limit-rate 300K -o "$D/got" "http://$SERVER/text" &
CURL=$!
arrives() { tail -c 2000 "$D/got" 2>/dev/null | grep -q "a $1\$"; }
wait_for 100 arrives color
sleep 1.1 # so that a second save has another time
module tint >"$D/src/word.c"
wait_for 200 says 'build 2 has taken over'
check "a save is built and takes over" says 'build 2 has taken over'
check "under the download" wait_for 200 arrives tint
sleep 1.1
echo 'int broken(' >>"$D/src/word.c"
wait_for 200 says 'does not compile'
check "what does not compile does not" says 'word: build 2\|the module before stays'
at_least "$(grep -c 'word.c:[0-9]*:[0-9]*: error' "$D/run.log")" 1 "and the compiler says why"
sleep 1.1
module paint >"$D/src/word.c"
wait_for 200 says 'build 3 has taken over'
check "the next save takes over" says 'build 3 has taken over'
wait $CURL
is "$?:$(sort "$D/got" | uniq | tr '\n' ' '):$(wc -l <"$D/got")" '0:a color a tint :200000' \
	"every line of the download came, edited by the module of its time"
ip netns exec "$FOS_NET-client" curl -s -m 60 -o "$D/got" "http://$SERVER/text"
is "$(sort "$D/got" | uniq):$(wc -l <"$D/got")" 'a paint:200000' "and the next one by the new module"
kill -INT $RUN
wait $RUN
is "$(ip netns list | grep -c "$FOS_NET"):$(ls -d "$D"/tmp.* 2>/dev/null | wc -l)" 0:0 \
	"Ctrl-C leaves nothing behind"
finish
