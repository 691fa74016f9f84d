#!/usr/bin/env bash
# Which directory may include which, and who may use which library.
. "$(dirname "$0")/lib.sh"

{ git ls-files --cached --others --exclude-standard 2>/dev/null || ls; } | cut -d/ -f1 | sort -u |
	grep -vE '^\.' | grep -vxE 'Makefile|README\.md|LICENSE|build|ingress|classifier|pmhost|egress' |
	grep -vxE 'shm|config|pms|tests|deploy' | rule 'nothing else lies at the top of the tree'

# Includes of project headers in directory $1 that are not in the extended regex $2.
includes_beyond() {
	grep -rnE '^#[[:space:]]*include "' "$1" --include='*.[ch]' 2>/dev/null |
		grep -vE "include \"($2)"
}

# The keeper lies in shm/ and is the one process that reads the configuration.
includes_beyond shm 'shm/' | grep -v '^shm/keeper_[a-z]*\.[ch]:.*"config/' |
	rule 'shm/ includes only shm/, the keeper also config/'
# config/plan.[ch] compiles the configuration into the directory region and alone knows shm/;
# shm/words.h is how a module's lists are read.
includes_beyond config 'config/|shm/(layout|words)\.h' | grep -v '^config/plan\.' |
	rule 'config/ includes only itself, the limits of shm/layout.h and shm/words.h'
for d in ingress classifier egress pmhost; do
	includes_beyond $d "$d/|shm/" | rule "$d/ includes only itself and shm/"
done
# pms/mos/ is a library of several files between pm.h and programs written for mOS.
includes_beyond pms 'pmhost/pm\.h|pms/lib/' | grep -v '^pms/mos/[a-z_]*\.[ch]:.*"pms/mos/' |
	rule 'pms/ include only pmhost/pm.h and pms/lib/, pms/mos/ also itself'
sources .c .h | grep -vE '^(tests|deploy)/' |
	xargs -r grep -nE '#[[:space:]]*include "(tests|deploy)/' |
	rule 'nothing includes tests/ or deploy/'
sources .c .h | xargs -r grep -nE '#[[:space:]]*include "[^/"]*"' |
	rule 'include paths start at the root of the tree'

sources .c .h | grep -vE '^(shm|tests)/' |
	xargs -r grep -nE '__atomic_|__sync_|_Atomic|stdatomic\.h|atomic_(load|store|fetch)' |
	rule 'atomic operations are written in shm/ only'
sources .c .h | grep -vE '^config/' | xargs -r grep -nE '<cyaml/|<yaml\.h>' |
	rule 'YAML is read in config/ only'
sources .c .h | grep -vE '^shm/' | xargs -r grep -nE '<(xdp|numa|numaif|liburing)(/|\.h)' |
	rule 'libxdp, libnuma and liburing are used in shm/ only'
finish
