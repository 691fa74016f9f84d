#!/usr/bin/env bash
# flowosctl pm run: a module from its source between a client and a server; a command in the client's
# place gives the exit status; --watch builds it again when it is saved and exchanges it under a download
# that goes on, prints the compiler's errors and keeps the module that works; Ctrl-C leaves nothing.
. "$(dirname "$0")/lib.sh"
need_root
D=$NET_TMP
export TMPDIR=$D FOS_NET=$NET-r
CTL=$B/bin/flowosctl

module() { # what a text becomes, the text
	cat <<-END
		#include "pmhost/pm.h"

		static void on_data(struct fos_window *w)
		{
			struct fos_hit hit;

			while (fos_find(w, fos_head(w), "$2", 0, &hit)) {
				fos_replace(w, hit.pos, ${#2}, "$1", sizeof("$1") - 1);
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
module color colour >"$D/src/word.c"
mkfifo "$D/www/text"

"$CTL" pm run "$D/src/word.c" -- curl -s -m 60 "http://$SERVER/" >"$D/out" 2>"$D/err"
is "$?:$(grep -c 'Every color of the rainbow' "$D/out")" 0:1 \
	"a command sees the page as the module makes it"
said
"$CTL" pm run "$D/src/word.c" -- sh -c 'exit 7' >/dev/null 2>&1
is $? 7 "its exit status is that of the command"
"$CTL" pm run replace -o find=rainbow -o with=bow -- curl -s -m 60 "http://$SERVER/" >"$D/out" 2>"$D/err"
is "$?:$(grep -c 'colour of the bow' "$D/out")" 0:1 "a module by name, with options"
said
"$CTL" pm run replace -o find=rainbow -o "with='b\"w'" -o find='\x45very' -o 'with=\\x' -- \
	sh -c 'curl -s -m 60 "http://$SERVER/"' >"$D/out" 2>"$D/err"
is "$?:$(grep -cF "\\x colour of the 'b\"w'" "$D/out")" 0:1 \
	"values as they are, several of a key; SERVER is told"
said
"$CTL" pm run replace -c none.yaml -o find=x >"$D/out" 2>&1
is "$?:$(grep -c 'together' "$D/out")" 2:1 "-o beside -c is refused, as it would have no effect"
"$CTL" pm run replace -o find >"$D/out" 2>&1
is "$?:$(grep -c 'not KEY=VALUE' "$D/out")" 2:1 "and a KEY alone"
flowosctl pm new rainbow "$D/rainbow" >/dev/null
PATH=$B/bin:$PATH PKG_CONFIG_PATH=$B/pkgconfig "$CTL" pm run "$D/rainbow/rainbow.c" \
	-c "$D/rainbow/pipeline.yaml" -- curl -s -m 60 "http://$SERVER/" >"$D/out" 2>"$D/err"
is "$?:$(grep -c 'Every color' "$D/out")" 0:1 "a project with its own pipeline and Makefile"
said
is "$(ls -A "$D/rainbow" | grep -c pm-run)" 0 "nothing is left in its directory"
out=$("$CTL" pm run "$D/none.so" 2>&1)
is "$?:$(printf '%s\n' "$out" | wc -l)" 1:1 "a module that is not there: one line"

# ---- --watch -----------------------------------------------------------------------------------

module color '~' >"$D/src/word.c"
env --default-signal=INT "$CTL" pm run "$D/src/word.c" --serve "$D/www" --watch >"$D/run.log" 2>&1 &
RUN=$!
says() { grep -q "$1" "$D/run.log"; }
wait_for 200 says '^running'
check "it runs, and says how to use it" says "ip netns exec $FOS_NET-client curl"
# Numbered lines, until `stop` is there: the download lasts as long as it takes to exchange the module.
# Of a text of one byte nothing is ever held: however slow the machine, each line is edited.
lines() {
	"$PYTHON" - "$D/www/text" "$D/stop" <<-'END'
		import os, sys, time
		with open(sys.argv[1], "wb", buffering=0) as out:
		    n = 0
		    while not os.path.exists(sys.argv[2]):
		        out.write(b"%d ~ %s\n" % (n, b"." * 500)) # the server reads 64 KB at once
		        n += 1
		        time.sleep(0.002)
		    out.write(b"%d end .\n" % n)
	END
}
# Is every line there, once and in order?  Then how many modules it has seen, one after the other.
judge() {
	"$PYTHON" - "$D/got" <<-'END'
		import sys
		lines = [line.split(" ") for line in open(sys.argv[1]).read().splitlines()]
		bad = [line for n, line in enumerate(lines) if len(line) != 3 or line[0] != str(n)]
		print("bad: %s" % bad[:3] if bad else " ".join(dict.fromkeys(line[1] for line in lines)),
		      sum(a[1] != b[1] for a, b in zip(lines, lines[1:])) if not bad else "")
	END
}
lines &
ip netns exec "$FOS_NET-client" curl -s -N -m 200 -o "$D/got" "http://$SERVER/text" &
CURL=$!
arrives() { tail -n 3 "$D/got" 2>/dev/null | grep -q "^[0-9]* $1 "; }
check "a download is edited" wait_for 100 arrives color
save() { # as editors do: the new file takes the old one's place
	module "$@" >"$D/src/new" && mv "$D/src/new" "$D/src/word.c"
}
save tint '~'
wait_for 200 says 'build 2 has taken over'
check "a save is built and takes over" says 'build 2 has taken over'
check "under the download" wait_for 200 arrives tint
echo 'int broken(' >>"$D/src/word.c"
wait_for 200 says 'does not compile'
check "what does not compile does not" says 'word: build 2\|the module before stays'
at_least "$(grep -c 'word.c:[0-9]*:[0-9]*: error' "$D/run.log")" 1 "and the compiler says why"
save paint '~'
wait_for 200 says 'build 3 has taken over'
check "the next save takes over" says 'build 3 has taken over'
check "under the download, too" wait_for 200 arrives paint
touch "$D/stop"
wait $CURL
is "$?:$(judge)" '0:color tint paint end 3' \
	"every line of the download came, once, edited by the module of its time"
rm "$D/www/text"
seq -f '%.0f ~ .' 0 100000 >"$D/www/text"
ip netns exec "$FOS_NET-client" curl -s -m 200 -o "$D/got" "http://$SERVER/text"
is "$(judge)" 'paint 0' "and the next one by the new module"
kill -INT $RUN
wait $RUN
is "$(ip netns list | grep -c "$FOS_NET"):$(ls -d "$D"/tmp.* 2>/dev/null | wc -l)" 0:0 \
	"Ctrl-C leaves nothing behind"
finish
