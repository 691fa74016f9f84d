#!/usr/bin/env bash
# deps.sh - the Debian 12 packages that FlowOS is built, tested and shown with.
#
#   deps.sh [all|build|full|bench]   install those that are absent (root); say nothing when none is
#   deps.sh --missing [all|build|full|bench]  only print their names
#
# Where dpkg does not exist, nothing is checked: the compiler will say what it lacks.
# `a|b` is satisfied by either; the first is installed.
set -u

BUILD='gcc libc6-dev make clang bpftool libbpf-dev libxdp-dev liburing-dev libnuma-dev
	libcyaml-dev libyaml-dev libpcap-dev libssl-dev libjansson-dev libseccomp-dev
	pkgconf|pkg-config python3'
TESTS='llvm libclang-rt-14-dev iproute2 ethtool iperf3 nginx|nginx-light curl tshark procps
	iputils-ping util-linux groff-base systemd-container qemu-system-x86 busybox-static cpio kmod spin
	libvectorscan-dev|libhyperscan-dev libpcre2-dev libndpi-dev libyara-dev valgrind gdb strace socat'

BENCH='dpdk-dev wrk privoxy libnids-dev tcpflow nftables'

# make test-full, besides the others
FULL_TESTS='chromium'

installed() {
	local p
	for p in ${1//|/ }; do
		case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in
		*' installed') return 0 ;;
		esac
	done
	return 1
}

packages() {
	case $1 in
	build) echo "$BUILD" ;;
	full) echo "$FULL_TESTS" ;;
	bench) echo "$BENCH" ;; # besides the others
	*) echo "$BUILD $TESTS" ;;
	esac
}

missing() {
	local p
	command -v dpkg-query >/dev/null || return 0
	for p in $(packages "$1"); do
		installed "$p" || printf '%s ' "${p%%|*}"
	done
}

# Packages with a daemon (nginx) must not start it on this machine.
no_daemons() {
	[ ! -e /usr/sbin/policy-rc.d ] || return 0
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	trap 'exit 130' INT TERM
}

install() {
	export DEBIAN_FRONTEND=noninteractive
	no_daemons
	echo "deps: installing $*"
	apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 && return
	apt-get update -q >/dev/null &&
		apt-get install -y -q --no-install-recommends "$@" >/dev/null
}

only_print=no
if [ "${1:-}" = --missing ]; then
	only_print=yes
	shift
fi
need=$(missing "${1:-all}")
if [ $only_print = yes ]; then
	printf '%s\n' "${need% }"
elif [ -n "$need" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "deps: packages are missing: ${need% };" \
			"run \`make deps\` as root to install them" >&2
		exit 1
	fi
	# shellcheck disable=SC2086 # a list of names
	if ! install $need; then
		echo "deps: apt-get could not install: ${need% }; see its message above," \
			"or install them by hand" >&2
		exit 1
	fi
fi
exit 0
