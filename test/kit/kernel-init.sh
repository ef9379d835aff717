#!/bin/sh
# PID 1 of the test kernel: makes the machine's root writable in memory, runs one command, powers off.
#
# The kernel command line gives patchbay.job=FOLDER and patchbay.share=FOLDER. FOLDER/command is a shell script; its
# stdout goes to the first serial line, its stderr to the second, its status to FOLDER/status. Below the share, writing
# is real (hostfs); everywhere else it goes into the overlay and is dropped.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

power_off() {
  sync
  echo o >/proc/sysrq-trigger
  sleep 60
}

fail() {
  echo "kernel-init: $*" >/dev/console
  power_off
}

mount -t proc proc /proc || exit 1
read -r line </proc/cmdline
for word in $line; do
  case $word in
  patchbay.job=*) job=${word#*=} ;;
  patchbay.share=*) share=${word#*=} ;;
  esac
done

root=/mnt/root
mount -t tmpfs -o size=90% tmpfs /mnt || fail "no tmpfs"
mkdir /mnt/upper /mnt/work $root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay $root || fail "no overlay"
cd $root || fail "no root"
mkdir -p .old ".$share"
mount -t hostfs none ".$share" -o "$share" || fail "no share"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs dev dev
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir -p dev/pts dev/shm dev/net
mount -t devpts devpts dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs tmpfs run
mkdir run/netns run/lock
[ -e dev/net/tun ] || mknod dev/net/tun c 10 200
ln -sfn /proc/self/fd dev/fd
ln -sfn fd/0 dev/stdin
ln -sfn fd/1 dev/stdout
ln -sfn fd/2 dev/stderr
pivot_root . .old || fail "no pivot"
cd /
umount -l /.old
ip link set lo up
stty -F /dev/ttyS0 raw -echo
stty -F /dev/ttyS1 raw -echo

# Through cat, so that the command sees pipes and not terminals.
{
  {
    setsid sh "$job/command" </dev/null 2>&3
    echo $? >"$job/status"
  } | cat >/dev/ttyS0
} 3>&1 | cat >/dev/ttyS1
power_off
