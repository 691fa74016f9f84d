#!/usr/bin/env bash
# The protocols of shared memory as Promela models (shm/models): spin goes through every state of each
# and finds nothing wrong; with each of the faults that a model names put in, it does.
. "$(dirname "$0")/../net/lib.sh"
for tool in spin gcc; do
	command -v $tool >/dev/null && continue
	skip "shm/models are not checked: $tool is not installed"
	finish
done

# Prints what pan says of a model; status 0 = every state was seen and none is wrong, 1 = something wrong
# was found, 2 = no verdict: it does not compile, or a bound of memory, depth or time was reached.
search() { # model, fault or nothing
	local dir=$NET_TMP/$1$2 optimize=-O1
	[ -z "$2" ] || optimize=-O0 # it ends early
	mkdir -p "$dir" && cp "shm/models/$1.pml" "$dir" && cd "$dir" || return 2
	spin -a ${2:+"-D$2"} "$1.pml" && gcc $optimize -w -DSAFETY -DMEMLIM=800 -o pan pan.c || return 2
	timeout 120 ./pan -m100000 >out 2>&1
	cat out
	grep -qE '^pan:.*(assertion violated|invalid end state)' out && return 1
	grep -q 'errors: 0' out && ! grep -qE 'Search not completed|depth too small' out || return 2
}

faults() { # model
	sed -n '/^ \* Faults that must be found:/,/\*\//p' "shm/models/$1.pml" |
		grep -oE '\b[A-Z]+(_[A-Z]+)+\b'
}

nr=0
for file in shm/models/*.pml; do
	model=${file##*/}
	model=${model%.pml}
	nr=$((nr + 1))
	check "$model: no order of steps and deaths breaks it" search "$model" ''
	named=0
	for fault in $(faults "$model"); do
		named=$((named + 1))
		(search "$model" "$fault") >"$NET_TMP/out" 2>&1
		is $? 1 "$model: $fault is found" || tail -n 5 "$NET_TMP/out" | sed 's/^/# /'
		grep -q "def $fault\$" "$file" || is "$fault" '' "$model has no such fault"
	done
	at_least $named 4 "$model names faults"
	rm -rf "${NET_TMP:?}/$model"*
done
at_least $nr 5 "there are models"
finish
