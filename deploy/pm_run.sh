#!/usr/bin/env bash
# pm_run.sh - `flowosctl pm run`: a module between a client and a server in network namespaces (root).
#
#   flowosctl pm run PM [-c CONFIG] [-o KEY=VALUE]... [--serve DIR] [--watch] [-- COMMAND...]
#
# PM: NAME.so, NAME.c (compiled), or a name on the PM path; without -c it is the only stage of a
# pipeline for all TCP, and -o are its options (a KEY again: one more value).  The server serves DIR
# (or a page) on port 80.  With COMMAND, that runs in the client's namespace, where SERVER is the
# server's address, and its end is the end, and its exit status ours; else Ctrl-C is.  --watch: the
# module is built again whenever its source changes (`make` where there is a Makefile, else the
# compiler) and takes over under traffic; while it does not compile, or its init() refuses, the one
# before stays.  Nothing is left behind.
set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CTL=${FLOWOSCTL:?is set by flowosctl}
USAGE='flowosctl pm run PM [-c CONFIG] [-o KEY=VALUE]... [--serve DIR] [--watch] [-- COMMAND...]'
PM='' CONFIG='' SERVE='' WATCH='' OPTIONS=() COMMAND=()

fail() {
	printf 'flowosctl: %s\n' "$*" >&2
	exit 1
}

misuse() {
	printf 'flowosctl: %s; usage: %s\n' "$1" "$USAGE" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	-c | --config | -o | --option | --serve)
		[ $# -gt 1 ] || misuse "$1 needs an argument"
		case $1 in
		-c | --config) CONFIG=$2 ;;
		--serve) SERVE=$2 ;;
		*)
			[[ $2 = ?*=* ]] || misuse "'$2' is not KEY=VALUE"
			OPTIONS+=("$2") ;;
		esac
		shift ;;
	--watch) WATCH=1 ;;
	--)
		shift
		COMMAND=("$@")
		break ;;
	-*) misuse "unknown option '$1'" ;;
	*)
		[ -z "$PM" ] || misuse 'one PM is needed'
		PM=$1 ;;
	esac
	shift
done
[ -n "$PM" ] || misuse 'a PM is needed'
[ -z "$CONFIG" ] || [ ${#OPTIONS[@]} = 0 ] || misuse '-c and -o together: the options are those in CONFIG'
[ "$(id -u)" = 0 ] || fail 'network namespaces and AF_XDP need root: try `flowosctl pm test` without'
[ -z "$CONFIG" ] || [ -r "$CONFIG" ] || fail "cannot read $CONFIG"
[ -z "$SERVE" ] || [ -d "$SERVE" ] || fail "there is no directory $SERVE"

NET=${FOS_NET:-pmrun$$}
B=$(dirname "$CTL")/..
[ -x "$B/bin/flowosctl" ] || fail "there is no $B/bin/flowosctl"
# shellcheck source=net.sh
. "$HERE/net.sh"
COMPOSED=$NET_TMP/run.yaml
trap 'net_cleanup; rm -f "$COMPOSED"' EXIT
trap 'exit 130' INT TERM HUP

NAME=$(basename "$PM")
NAME=${NAME%.so}
NAME=${NAME%.c}
SOURCE=''
case $PM in
*.c) SOURCE=$PM ;;
*.so) [ ! -e "${PM%.so}.c" ] || SOURCE=${PM%.so}.c ;;
esac
[ -z "$WATCH" ] || [ -n "$SOURCE" ] || fail "--watch needs the source, $NAME.c, beside the module"
BUILDS=0 MODULE=''

# The module built, and a copy of it that no later build writes into: its path in MODULE.
build() {
	local dir built=$PM
	if [ -n "$SOURCE" ]; then
		dir=$(dirname "$SOURCE")
		built=$dir/$NAME.so
		if [ -e "$dir/Makefile" ]; then
			make -s --no-print-directory -C "$dir" "$NAME.so" >&2 || return
		elif [ "$PM" != "$built" ] || [ -n "$WATCH" ]; then
			built=$NET_TMP/$NAME.build.so
			"$CTL" pm build "$SOURCE" "$built" || return
		fi
	fi
	[ -e "$built" ] || fail "there is no $built"
	BUILDS=$((BUILDS + 1))
	MODULE=$NET_TMP/$NAME.$BUILDS.so
	cp "$built" "$MODULE"
}

# The options as YAML: values as they are, several of one key a list.
options() {
	local option value sep q="'" told=' '
	for option in "${OPTIONS[@]}"; do
		[[ $told != *" ${option%%=*} "* ]] || continue
		told+="${option%%=*} " sep=''
		printf '          %s: [' "${option%%=*}"
		for value in "${OPTIONS[@]}"; do
			[ "${value%%=*}" = "${option%%=*}" ] || continue
			value=${value#*=}
			printf "%s'%s'" "$sep" "${value//$q/$q$q}"
			sep=', '
		done
		printf ']\n'
	done
}

# What the configuration does not have itself: interfaces, wires, a run directory of its own.
compose() {
	if [ -n "$CONFIG" ]; then
		cat "$CONFIG"
	else
		printf 'version: 1\npipelines:\n  - name: run\n    match: { proto: tcp }\n    stages:\n'
		printf '      - pm: %s\n' "$NAME"
		[ -z "$MODULE" ] || printf '        file: "%s"\n' "$MODULE"
		[ ${#OPTIONS[@]} = 0 ] || printf '        options:\n'
		options
	fi
	grep -qs '^box:' "${CONFIG:-/dev/null}" || printf '\nbox: { run_dir: %s }\n' "$NET_TMP/run"
	grep -qs '^interfaces:' "${CONFIG:-/dev/null}" ||
		printf 'interfaces: [ { name: lan, nic: lan }, { name: wan, nic: wan } ]\n'
	grep -qs '^wires:' "${CONFIG:-/dev/null}" || printf 'wires: [ [lan, wan] ]\n'
}

page() {
	cat <<-'END'
		<!doctype html>
		<html><head><title>A page</title></head><body>
		<p>Every colour of the rainbow.</p>
		<script async src="https://x.ads.example/a.js">var a = 1;</script>
		</body></html>
	END
}

serve() {
	if [ -z "$SERVE" ]; then
		SERVE=$NET_TMP/page
		mkdir -p "$SERVE"
		page >"$SERVE/index.html"
	fi
	# Without Content-Length: a module on `app` that changes a page's length does not mend headers.
	in_server "$PYTHON" - "$SERVE" >"$NET_TMP/server.log" 2>&1 <<-'END' &
		import functools, http.server, sys

		class Handler(http.server.SimpleHTTPRequestHandler):
		    def send_header(self, name, value):
		        if name.lower() != "content-length":
		            super().send_header(name, value)

		http.server.ThreadingHTTPServer(
		    ("", 80), functools.partial(Handler, directory=sys.argv[1])).serve_forever()
	END
	wait_for 50 listens server 80 || fail "the web server did not start: $(cat "$NET_TMP/server.log")"
}

seen() { stat -c '%y %s %i' "$SOURCE" 2>/dev/null; }

# Between two saves the source may be absent for a moment: editors write a new file.
watch() {
	local last now
	last=$(seen)
	while sleep 0.3; do
		now=$(seen)
		[ -n "$now" ] && [ "$now" != "$last" ] || continue
		last=$now
		if ! build; then
			echo "flowosctl: $SOURCE does not compile: the module before stays" >&2
		elif in_box "$CTL" upgrade "pm/$NAME" "$MODULE" "$COMPOSED" >"$NET_TMP/upgrade" 2>&1; then
			echo "flowosctl: $NAME: build $BUILDS has taken over" >&2
		else
			cat "$NET_TMP/upgrade" >&2
		fi
	done
}

case $PM in
*.c | *.so | */*) build || exit 1 ;;
esac
# In its own directory: files that it names relatively count from there.
[ -z "$CONFIG" ] || COMPOSED=$(mktemp "$(dirname "$CONFIG")/.pm-run-XXXXXX.yaml") || exit 1
compose >"$COMPOSED"
topo_up || fail 'the namespaces cannot be made; see the lines above'
serve
box_start "$COMPOSED" || exit 1
[ -z "$WATCH" ] || watch &
if [ ${#COMMAND[@]} -gt 0 ]; then
	in_client env "SERVER=$SERVER" "${COMMAND[@]}"
	exit
fi
tail -n +1 -f "$NET_TMP/box.log" >&2 &
echo "running; in another terminal: ip netns exec $NET-client curl http://$SERVER/    (Ctrl-C ends it)"
while [ -n "$BOX_PID" ] && kill -0 "$BOX_PID" 2>/dev/null; do
	sleep 0.3
done
fail 'the box has ended'
