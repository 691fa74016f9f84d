#!/usr/bin/env bash
# A module that is a program of its own (pmhost/pm_main.h): built with pkg-config, started by the
# supervisor with its arguments, started again when it dies; what is refused about one; another language,
# valgrind, gdb.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
export PKG_CONFIG_PATH=$B/pkgconfig

cat >"$D/color.c" <<'EOF'
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pmhost/pm.h"

static const char *word, *once;

static void on_data(struct fos_window *w)
{
	struct fos_hit hit;

	while (fos_find(w, fos_head(w), word, 0, &hit)) {
		fos_delete(w, hit.pos, 1);
		if (hit.pos > 100 && unlink(once) == 0)
			abort();
		fos_release(w, hit.end);
	}
	fos_release(w, hit.pos);
}

FOS_PM(.name = "color", .stream = FOS_APP, .flags = FOS_PM_EDITS, .on_data = on_data);

int main(int argc, char **argv)
{
	if (getopt(argc, argv, "w:") != 'w' || optind != 3 || argc != 4)
		return 3;
	word = optarg;
	once = argv[optind];
	return fos_pm_main(&fos_pm_module);
}
EOF
# shellcheck disable=SC2046 # words
check "it builds with pkg-config" ${CC:-cc} $(pkg-config --cflags flowos-pm) -o "$D/color" \
	"$D/color.c" $(pkg-config --libs flowos-pm)

config() { # stage
	pipeline all '"tcp"' "$1" | file_config "$D/box.yaml"
}

"$PYTHON" tests/offline/mkcap.py "$D/in.pcap" rough 5 needle eedle >"$D/want"
config "{ pm: color, file: $D/color, options: { args: [-w, needle, $D/once] } }"
touch "$D/once"
check "flowosctl check takes it" "$B/bin/flowosctl" check "$D/box.yaml"
check "a capture goes through it" offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
"$B/bin/flowosctl" digest "$D/out.pcap" | cut -f2-5,7- | sort >"$D/got"
is "$(grep -c 'pm.color.0 .*was killed by signal 6.*starting it again' "$D/offline.log")" 1 \
	"it dies once on the way and is started again"
is "$(diff <(sort "$D/want") "$D/got" | head -n 4)" "" "and leaves edited"

config "{ pm: color, file: $D/color, options: { args: [-w] } }"
offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
is "$?:$(grep -c 'pm.color.0 .*ended with status 3$' "$D/offline.log")" 1:1 \
	"one that does not start ends the run with its name"

check "an upgrade to a program is refused in one line" bash -c \
	"! '$B/bin/flowos-pmhost' --try '$D/color' 2>'$D/try' && [ \$(wc -l <'$D/try') = 1 ] &&
	grep -q 'program of its own' '$D/try'"
is "$("$B/bin/flowosctl" upgrade pm/color "$D/none.so" "$D/box.yaml" 2>&1)" \
	"flowosctl: there is no file $D/none.so" "and so is one to a file that is not there"

# ---- another language, tools

cat >"$D/hooks.cc" <<'EOF'
extern "C" {
#include "pmhost/pm.h"
}

namespace {
struct word {
	const char *text;
	explicit word(const char *t) : text(t) {}
	bool in(fos_window *w, fos_hit &hit) const { return fos_find(w, fos_head(w), text, 0, &hit); }
};
const word needle("needle");
}

extern "C" void on_data(fos_window *w)
{
	fos_hit hit;

	while (needle.in(w, hit)) {
		fos_delete(w, hit.pos, 1);
		fos_release(w, hit.end);
	}
	fos_release(w, hit.pos);
}
EOF
cat >"$D/tool.c" <<'EOF'
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "pmhost/pm.h"

void on_data(struct fos_window *w);

static void look(struct fos_window *w)
{
	static int first;
	const char *wait = getenv("WAIT"); /* for a debugger, at the first bytes */
	volatile char *left = malloc(8);

	if (getenv("UNDER") && left[7] == 1)
		fos_say(fos_pm_of(w), "nothing was written there");
	if (wait && !first++ && close(open(wait, O_CREAT | O_WRONLY, 0600)) == 0)
		while (access(wait, F_OK) == 0)
			usleep(10000);
	free((char *)left);
	on_data(w);
}

FOS_PM(.name = "tool", .stream = FOS_APP, .flags = FOS_PM_EDITS, .on_data = look);

int main(int argc, char **argv)
{
	if (argc == 2 && !getenv("UNDER") && setenv("UNDER", argv[1], 1) == 0)
		execlp("valgrind", "valgrind", "-q", argv[1], argv[0], NULL);
	return fos_pm_main(&fos_pm_module);
}
EOF
build_tool() {
	# shellcheck disable=SC2046 # words
	clang++ -c -Wall -Wextra -Werror $(pkg-config --cflags flowos-pm) -o "$D/hooks.o" "$D/hooks.cc" &&
		${CC:-cc} -g $(pkg-config --cflags flowos-pm) -o "$D/tool" "$D/tool.c" "$D/hooks.o" \
			$(pkg-config --libs flowos-pm)
}
check "hooks in C++, FOS_PM() in C" build_tool
edited() { # name
	"$B/bin/flowosctl" digest "$D/out.pcap" | cut -f2-5,7- | sort >"$D/got"
	is "$(diff <(sort "$D/want") "$D/got" | head -n 4)" "" "$1"
}
config "{ pm: tool, file: $D/tool }"
offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
edited "what leaves is edited"

if command -v valgrind >/dev/null; then
	config "{ pm: tool, file: $D/tool, options: { args: [--log-file=$D/valgrind] } }"
	rm -f "$D/out.pcap"
	offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap"
	is "$(grep -c -e 'depends on uninitialised' -e ' look (tool.c:' "$D/valgrind")" 2 \
		"valgrind finds what it does" || sed 's/^/# /' "$D/valgrind" "$D/offline.log"
	edited "and what leaves is edited"
else
	skip 'valgrind is not installed'
fi

config "{ pm: tool, file: $D/tool }"
rm -f "$D/out.pcap"
WAIT=$D/wait offline "$D/box.yaml" "$D/in.pcap" "$D/out.pcap" &
running=$!
waits() { [ -e "$D/wait" ]; }
check "a program stands still" wait_for 100 waits
gdb -q -batch -p "$(pgrep -f "^$D/tool")" -ex bt >"$D/gdb" 2>&1
if command -v gdb >/dev/null && ! grep -q 'ptrace: Operation not permitted' "$D/gdb"; then
	is "$(grep -c -e ' look (.* at .*tool.c:' -e ' main (.* at .*tool.c:' "$D/gdb")" 2 \
		"gdb shows where" || sed 's/^/# /' "$D/gdb"
else
	skip 'gdb is not installed, or may not trace'
fi
rm "$D/wait"
wait $running
is $? 0 "when gdb has gone it goes on"
edited "to the end"
finish
