#!/usr/bin/env bash
# White space, left-over markers, manual pages at the head of every process, scripts that parse.
. "$(dirname "$0")/lib.sh"
ALL='.c .h .def .sh .mk .md .yaml .py'

# shellcheck disable=SC2086 # a list of suffixes
{ sources $ALL; ls Makefile README.md 2>/dev/null; } | xargs -r grep -nE '[[:space:]]+$' |
	rule 'no trailing white space'
# shellcheck disable=SC2086
{ sources $ALL; echo Makefile; } | grep -v '^tests/lint/30_text' |
	xargs -r grep -nwE 'TODO|FIXME|XXX' |
	rule 'no left-over markers'
sources .c .h | xargs -r grep -nE '^ +[^ *]' | rule 'C is indented by tabs'
for f in $(sources .h); do
	grep -q '^#ifndef [A-Z0-9_]*_H$' "$f" || echo "$f"
done | rule 'every header has an include guard'
for f in $(sources .c | grep -v '^tests/' | xargs -r grep -l '^int main('); do
	head -n 3 "$f" | grep -qE '^(/\*| \*) NAME' || echo "$f"
done | rule "every process's main opens with its manual page"
for f in $(sources .sh) .ci/run; do
	bash -n "$f" 2>&1
done | rule 'every script parses'
finish
