#!/usr/bin/env bash
# Debian 12's own kernel (6.1) under emulation: the box works there too.  The kernel comes as a
# package, is unpacked and booted, not installed; the emulated machine sees this one's files
# read-only (virtiofs) with a layer in memory over them.
. "$(dirname "$0")/lib.sh"
need_root
VM=$NET_TMP/vm
ROOT=$PWD
MODULES='virtio_pci virtio_net virtiofs overlay veth bridge'
VIRTIOFSD=/usr/lib/qemu/virtiofsd

for tool in qemu-system-x86_64 busybox cpio modprobe apt-get $VIRTIOFSD; do
	command -v "$tool" >/dev/null || skip_all "there is no $tool"
done
[ "$(uname -m)" = x86_64 ] || skip_all "the emulated machine is x86_64"
mkdir -p "$VM/ram"/{bin,proc,sys,dev,lower,layer,new,modules}

get_kernel() {
	local package
	package=$(apt-cache depends linux-image-cloud-amd64 |
		sed -n 's/.*Depends: \(linux-image-6\.1\..*\)/\1/p' | head -n 1)
	[ -n "$package" ] && (cd "$VM" && apt-get download -q "$package") >/dev/null 2>&1 &&
		dpkg -x "$VM"/linux-image-*.deb "$VM/kernel" && rm "$VM"/linux-image-*.deb
}
get_kernel || skip_all "the package linux-image-cloud-amd64 (6.1) cannot be had"
RELEASE=$(basename "$VM"/kernel/lib/modules/*)

# The first file system in memory: busybox, the modules in the order of their need, init, script.
make_ram() {
	local m path
	depmod -b "$VM/kernel" "$RELEASE"
	for m in $MODULES; do
		modprobe -d "$VM/kernel" -S "$RELEASE" --show-depends "$m"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
		cp "$path" "$VM/ram/modules/"
		basename "$path"
	done >"$VM/order"
	mv "$VM/order" "$VM/ram/modules/order"
	cp "$(command -v busybox)" "$VM/ram/bin/busybox"
	cp tests/net/vm/init "$VM/ram/init"
	cat >"$VM/ram/run" <<-END
		export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/run B=$B FOS_NET=vm
		ip link set lo up
		cd $ROOT && exec bash tests/net/vm/smoke.sh
	END
	(cd "$VM/ram" && find . | cpio -o -H newc --quiet | gzip -1) >"$VM/initrd"
}

boot() {
	"$VIRTIOFSD" --socket-path="$VM/fs" -o source=/ -o cache=auto \
		-o sandbox=chroot >"$VM/fs.log" 2>&1 &
	wait_for 50 test -S "$VM/fs" || return
	timeout 270 qemu-system-x86_64 -accel tcg -smp 2 -m 3G -nodefaults -nographic -no-reboot \
		-object memory-backend-memfd,id=near,size=2G,share=on -numa node,cpus=0,memdev=near \
		-object memory-backend-memfd,id=far,size=1G,share=on -numa node,cpus=1,memdev=far \
		-netdev hubport,hubid=0,id=nic -device virtio-net-pci,netdev=nic,romfile= \
		-chardev socket,id=fs,path="$VM/fs" -device vhost-user-fs-pci,chardev=fs,tag=host \
		-kernel "$VM/kernel/boot/vmlinuz-$RELEASE" -initrd "$VM/initrd" \
		-append "console=ttyS0 quiet panic=-1" -serial stdio </dev/null 2>>"$VM/fs.log" |
		tr -d '\r' >"$VM/log"
}

check "a machine with Linux $RELEASE is made" make_ram
boot
# its own TAP, passed on
while read -r line; do
	case $line in
	'ok '*) ok 0 "${line#ok [0-9]* - }" ;;
	'not ok '*) ok 1 "${line#not ok [0-9]* - }" ;;
	'# '*) echo "$line" ;;
	esac
done <"$VM/log"
is "$(sed -n 's/^vm: exit status //p' "$VM/log")" 0 "its run came to its end and was well"
[ "$NR_FAILED" = 0 ] || tail -n 20 "$VM/log" | sed 's/^/# vm: /'
finish
