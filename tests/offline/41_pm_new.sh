#!/usr/bin/env bash
# flowosctl pm new: the project that it writes builds, passes its own test, and installs, against the
# source tree and against `make install DESTDIR=`; wrong names and taken directories are refused in one
# line.  The tutorial (pms/README.md) is followed to the letter.  No root needed.
. "$(dirname "$0")/../net/lib.sh"
D=$NET_TMP
export TMPDIR=$D

# A directory with a project is used as its README says.
project_works() { # directory, sentence
	check "$2: make" make -s -C "$1"
	check "$2: make test" make -s -C "$1" test
	check "$2: make install" make -s -C "$1" install DESTDIR="$D/root"
	is "$(cd "$D/root" && find . -name '*.so')" "./usr/lib/flowos/pm/$(basename "$1").so" \
		"$2: the module is where FlowOS looks for it"
	rm -rf "$D/root"
}

refused() { # command's words after `pm new`, line expected (extended regex), sentence
	local out status
	# shellcheck disable=SC2086 # words
	out=$(cd "$D" && flowosctl pm new $1 2>&1)
	status=$?
	is "$((status > 0)):$(printf '%s\n' "$out" | wc -l):$(printf '%s' "$out" | grep -cE "$2")" \
		1:1:1 "$3"
}

# ---- from the source tree ----------------------------------------------------------------------

export PATH=$B/bin:$PATH PKG_CONFIG_PATH=$B/pkgconfig
unset -f flowosctl
check "pm new writes a project" flowosctl pm new rainbow "$D/rainbow"
is "$(cd "$D/rainbow" && echo *)" 'Makefile README.md expect.txt in.pcap pipeline.yaml rainbow.c' \
	"of six files"
is "$(wc -l <"$D/rainbow/Makefile")" 10 "with a Makefile of ten lines"
project_works "$D/rainbow" "in the source tree"
sed -i 's/"colour"/"colors"/' "$D/rainbow/rainbow.c"
make -s -C "$D/rainbow" test >"$D/out" 2>&1
is "$(grep -c '^FAILED: not as expected' "$D/out")" 1 "a change of the module fails its test"
refused 1st 'cannot name a module' "a name that begins with a digit is refused"
refused 'a/b' 'cannot name a module' "and one with a slash"
refused "$(printf 'x%.0s' $(seq 32))" 'at most 31' "and one that is too long"
refused rainbow 'rainbow is there already' "and a directory that exists"
refused '' 'usage: flowosctl pm new' "and no name at all"

# ---- installed ---------------------------------------------------------------------------------

need "make install DESTDIR=" make -s B="$B" install DESTDIR="$D/dest"
is "$(cd "$D/dest/usr/include/flowos" && find . -name '*.h' | grep -v '^./mos/' | sort | tr '\n' ' ')" \
	"$(cd pmhost && find . -name 'pm.h' -o -name 'pm_*.h' | sed 's,./,./pmhost/,' | sort | tr '\n' ' ' |
		sed 's,^,./pm.h ,')" "the public headers, and no other"
check "the installed header stands alone" gcc -fsyntax-only -I"$D/dest/usr/include/flowos" -include pm.h \
	-x c /dev/null
is "$(cat "$D/dest/usr/share/man/man3/fos_find.3")" '.so man3/fos_pm.3' "a page for each call"
DOC=$D/dest/usr/share/doc/flowos
is "$(ls "$DOC/examples")" "$(cd config && ls flowos.yaml examples/* | xargs -n 1 basename | sort)" \
	"the examples, and the rules that they name"
is "$(cd "$DOC" && ls pms.md modules/header.c | tr '\n' ' ')" 'modules/header.c pms.md ' \
	"the tutorial, and the modules, at whose heads their options are"
check "and for flowosctl" grep -q '^.TH FLOWOSCTL 8' "$D/dest/usr/share/man/man8/flowosctl.8"
export PATH=$D/dest/usr/bin:$PATH PKG_CONFIG_PATH=$D/dest/usr/lib/pkgconfig
export PKG_CONFIG_SYSROOT_DIR=$D/dest
check "pm new, installed" flowosctl pm new second "$D/second"
project_works "$D/second" "installed"

is "$(echo "$D"/dest/usr/include/flowos/mos/* | sed "s,$D/dest/usr/include/flowos/mos/,,g")" \
	'cpu.h debug.h mos_api.h mtcp_api.h mtcp_epoll.h mtcp_util.h' "mOS's headers, and no other"
# shellcheck disable=SC2046 # words
check "a program for mOS builds with what is installed" gcc -o "$D/tell" tests/mos/tell.c \
	$(pkg-config --cflags flowos-mos) $(pkg-config --libs --static flowos-mos) -lcrypto
finish
