#!/usr/bin/env bash
# Every process kills itself once at every kill point (shm/killpoint.h) that it passes, while pages
# are fetched and edited: no connection is lost, every byte comes once, no frame is missing, and no
# point of any kind of process was left out.
. "$(dirname "$0")/lib.sh"
need_topo
D=$NET_TMP
mkdir "$D/www" "$D/kills"
chmod 755 "$D"
chmod 1777 "$D/kills"
seq -f 'line %.0f has a ~ in it' 60000 >"$D/www/text"
sed 's/~/tilde/' "$D/www/text" >"$D/want"
start_nginx "$D/www" || skip_all "nginx does not start"
pipeline web '"tcp port 80"' \
	"{ pm: warm, file: $B/pms/count.so, spare: yes, options: { file: /dev/null } }" \
	"{ pm: web, file: $B/tests/pm/poison.so }" "$(pm_to_file digest "$D/streams.tsv")" |
	box_config "$D/box.yaml"

killed() { find "$D/kills" -type f | wc -l; }
# Names of the points in these files, but those that only a capture passes.
points_in() { # file...
	grep -hoE 'fos_killpoint\("[^"]+"' "$@" | cut -d'"' -f2 | grep -v '^replay\.' | sort -u
}
left_out() { # process as in kills/, names not to be expected, file...
	local process=$1 but=$2
	shift 2
	points_in "$@" | grep -vxE "$but" | while read -r name; do
		# shellcheck disable=SC2086 # a pattern
		ls $D/kills/$process:$name >/dev/null 2>&1 || echo "$name"
	done | xargs
}
SKELETON='shm/proc.c shm/proc_run.c'
# shellcheck disable=SC2086 # several files
{
	# ingress posts no hints, a PM keeps nothing in the undo log
	ingress() { left_out 'ingress.*' 'hint.*' ingress/*.c $SKELETON; }
	classifier() { left_out 'classifier.0' '' classifier/*.c shm/txn.c $SKELETON; }
	modules() {
		left_out 'pm.*' 'txn.(save|saved|roll_back)' pmhost/*.c shm/txn.c shm/proc_spare.c \
			$SKELETON
	}
	egress() { left_out 'egress.0' '' egress/*.c shm/txn.c $SKELETON; }
	keeper() { left_out 'keeper' '' shm/keeper*.c; }
}
all_left_out() { ingress; classifier; modules; egress; keeper; }
broken=0 pages=0 page=http://$SERVER/open/text
# Until processes have died at every point that is known and nothing has been killed for a while, at most so
# long.
load_until_quiet() { # seconds
	local end=$((SECONDS + $1)) quiet=$((SECONDS + 5)) before=0 i
	while [ $SECONDS -lt "$end" ] && { [ $SECONDS -lt "$quiet" ] || [ -n "$(all_left_out)" ]; }; do
		in_client curl -s -S -Z --parallel-immediate --max-time 100 --limit-rate 3M \
			"$page" -o "$D/got1" "$page" -o "$D/got2" >>"$D/curl.log" 2>&1 ||
			broken=$((broken + 1))
		for i in 1 2; do
			cmp -s "$D/got$i" "$D/want" || broken=$((broken + 1))
			pages=$((pages + 1))
		done
		[ "$(killed)" = "$before" ] || quiet=$((SECONDS + 5))
		before=$(killed)
	done
}
round() { # seed, seconds
	export FLOWOS_KILL_AT="$1 $D/kills"
	need_box "$D/box.yaml"
	unset FLOWOS_KILL_AT
	load_until_quiet "$2"
	is "$broken" 0 "seed $1: $pages pages while processes died at $(killed) points: all are right"
	[ "$broken" = 0 ] || grep ^curl: "$D/curl.log" | sed 's/^/# /'
	check "seed $1: the audit is clean" flowosctl_in_box audit
	is "$(counter pm_rules_broken)" 0 "seed $1: no value of a PM was refused"
	stop_box "seed $1: the box stops"
}

for seed in $([ "$FULL" = 1 ] && seq 12 || echo 1); do
	rm -f "$D/kills"/*
	round "$seed" $([ "$FULL" = 1 ] && echo 60 || echo 150)
done

# ---- young deaths ------------------------------------------------------------------------------

# All die while all start, a PM and its spare among them: whoever is first has the lease.
late=0
for seed in $(seq $([ "$FULL" = 1 ] && echo 40 || echo 6)); do
	mkdir "$D/start$seed"
	chmod 1777 "$D/start$seed"
	export FLOWOS_KILL_AT="$seed $D/start$seed"
	box_start "$D/box.yaml" 2>>"$D/starts" || late=$((late + 1))
	unset FLOWOS_KILL_AT
	box_stop
done
is "$late" 0 "a box starts while its processes die at every point of their starts"
[ "$late" = 0 ] || sed 's/^/# /' "$D/starts"

# ---- which points ----------------------------------------------------------------------------

is "$(ingress)" "" "ingress died at every point of its own"
is "$(classifier)" "" "as did the classifier"
is "$(modules)" "" "PMs, a spare among them"
is "$(egress)" "" "egress"
is "$(keeper)" "" "and the keeper"
finish
