#!/bin/busybox sh
# The first process of the guest. The file system of the host is at /host, for reading; what is written stays in memory.
/bin/busybox mkdir -p /proc /sys /dev /host /sbin
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
for module in $(cat /modules.order); do insmod "/modules/$module.ko" || echo "no module $module"; done
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host || echo "no file system of the host"
mount -t proc none /host/proc
mount -t sysfs none /host/sys
mount -t devtmpfs none /host/dev
mount -t tmpfs none /host/mnt
option() { sed -n "s/.*tradingsafety\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
echo "the guest is up after $(cut -d' ' -f1 /proc/uptime) s"
cd /host
# One thread of the agent waits for each device, also for those that are gone.
HOME=/mnt UV_THREADPOOL_SIZE=64 chroot /host "$(option node)" "$(option agent)" "$(option port)"
echo "the agent ended: $?"
poweroff -f
