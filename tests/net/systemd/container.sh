# container.sh - a real systemd, booted in a container in the box's namespace; to be sourced after
# net.sh, as root.
#
# The root directory is private and nearly empty; /usr is the machine's own, read-only, with what
# `make install` puts there laid over it.  So nothing is downloaded, the programs find the libraries
# they were built with, and whatever this systemd does to /etc, /var, /run and /tmp stays inside.
#
#   sd_lacks                  why it cannot be done here; prints nothing when it can
#   sd_boot INSTALLED         boot with the tree that `make install DESTDIR=INSTALLED` made
#   in_sd COMMAND...          run a command inside
#   sd_stop                   power off and remove all traces

SD_ROOT=$NET_TMP/systemd SD_PID='' SD_INIT='' SD_GROUP=''

sd_lacks() {
	if [ "$(id -u)" != 0 ]; then
		echo 'needs root'
	elif ! command -v systemd-nspawn >/dev/null; then
		echo 'needs systemd-nspawn (package systemd-container)'
	elif [ ! -x /usr/lib/systemd/systemd ] && [ ! -x /lib/systemd/systemd ]; then
		echo 'needs systemd installed, if not running'
	elif [ ! -L /bin ] || [ ! -L /lib ]; then
		echo 'needs a machine whose /bin and /lib lie in /usr'
	fi
}

# What a system must have of its own; everything else systemd makes.
sd_make_root() { # installed tree
	local d
	mkdir -p "$SD_ROOT"/{etc/systemd/system,usr,var,run,tmp,dev,proc,sys,root}
	for d in bin sbin lib lib32 lib64 libx32; do
		[ ! -L /$d ] || ln -s "$(readlink /$d)" "$SD_ROOT/$d"
	done
	cp /usr/lib/os-release "$SD_ROOT/etc/os-release"
	tr -d - </proc/sys/kernel/random/uuid >"$SD_ROOT/etc/machine-id"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$SD_ROOT/etc/passwd"
	printf 'root:x:0:\n' >"$SD_ROOT/etc/group"
	printf 'passwd: files systemd\ngroup: files systemd\n' >"$SD_ROOT/etc/nsswitch.conf"
	cp -a "$1/etc/." "$SD_ROOT/etc/"
	# Nothing of the machine's own services is to run.
	printf '[Unit]\nWants=systemd-journald.service systemd-sysusers.service\n' \
		>"$SD_ROOT/etc/systemd/system/box.target"
	ln -s box.target "$SD_ROOT/etc/systemd/system/default.target"
}

# Where no systemd runs, the container gets a control group of its own by hand.
sd_group() {
	local top
	top=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
	[ -n "$top" ] || return 1
	SD_GROUP=$top/$NET-systemd
	mkdir -p "$SD_GROUP"
}

sd_boot() { # installed tree
	local opt='' cap
	cap=CAP_NET_ADMIN,CAP_NET_RAW,CAP_BPF,CAP_PERFMON,CAP_IPC_LOCK,CAP_SYS_RESOURCE
	sd_make_root "$1"
	if [ ! -d /run/systemd/system ]; then
		sd_group || return 1
		opt=--keep-unit
	fi
	(
		[ -z "$SD_GROUP" ] || echo "$BASHPID" >"$SD_GROUP/cgroup.procs" || exit 1
		export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
		exec systemd-nspawn --quiet --directory="$SD_ROOT" --machine="$NET-systemd" \
			--overlay-ro="$1/usr:/usr:/usr" --register=no $opt \
			--network-namespace-path="/run/netns/$NET-box" \
			--capability=$cap --system-call-filter=bpf \
			--resolv-conf=off --timezone=off --console=pipe --boot
	) >"$NET_TMP/systemd.log" 2>&1 </dev/null &
	SD_PID=$!
	wait_for 300 sd_up_or_dead
	sd_up
}

sd_up_or_dead() { sd_up || ! kill -0 "$SD_PID"; }

sd_up() {
	SD_INIT=$(pgrep -P "$SD_PID" -f systemd | head -n 1)
	[ -n "$SD_INIT" ] && in_sd systemctl is-active -q box.target
}

in_sd() {
	nsenter -t "$SD_INIT" -m -u -i -n -p env -i PATH=/usr/sbin:/usr/bin SYSTEMD_COLORS=0 \
		SYSTEMD_PAGER=cat "$@"
}

sd_stop() {
	if [ -n "$SD_PID" ]; then
		# SIGRTMIN+4 powers off; the kernel ends with the first process all others of a container
		kill -s RTMIN+4 $SD_INIT 2>/dev/null
		wait_for 100 sd_gone || kill -KILL "$SD_PID" $SD_INIT 2>/dev/null
		wait "$SD_PID" 2>/dev/null
		wait_for 50 sd_gone
		SD_PID='' SD_INIT=''
	fi
	rm -rf "/run/systemd/nspawn/propagate/$NET-systemd"
	[ -z "$SD_GROUP" ] || find "$SD_GROUP" -depth -type d -exec rmdir {} + 2>/dev/null
}

sd_gone() {
	! kill -0 "$SD_PID" 2>/dev/null && { [ -z "$SD_INIT" ] || ! kill -0 "$SD_INIT" 2>/dev/null; }
}
