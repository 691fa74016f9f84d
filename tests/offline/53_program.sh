#!/usr/bin/env bash
# A module that is a program of its own (pmhost/pm_main.h): built with pkg-config, started by the
# supervisor with its arguments, started again when it dies; what is refused about one.
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
finish
