#!/bin/sh
# The first process of a test device (tests/lab/hosts.py), in namespaces of its own: it says its process id, makes the
# machine's files look like a device's, waits for the cable and becomes the SSH server.
# $1 the device's name, $2 its folder on the machine, $3 openssh, dropbear or arm, $4 the prefix of its Python,
# $5 the name of its Python's executable in there; for arm $4 is the board's root file system and $5 empty;
# $6 a folder of the machine that it sees as /mnt/share, or nothing; $7 a folder of packages that its Python has, or nothing.
set -eu
name=$1 folder=$2 kind=$3 prefix=$4 python=$5 share=$6 packages_from=$7
exec 2>>"$folder/log"
read -r pid rest </proc/self/stat # still the machine's /proc: the number it knows us by
echo "$pid"

# The mounts below hide the places where these may be, so they are taken first.
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/host /mnt/python
mount --bind "$folder" /mnt/host
mount --bind "$prefix" /mnt/python
if [ -n "$share" ]; then
    mkdir /mnt/share
    mount --bind "$share" /mnt/share
    mount -o remount,bind,ro /mnt/share
fi
if [ -n "$packages_from" ]; then
    mkdir /mnt/packages
    mount --bind "$packages_from" /mnt/packages
    mount -o remount,bind,ro /mnt/packages
fi
exec >>/mnt/host/log 2>&1 # a file open for writing would keep / from becoming read-only

hostname "$name"
mount -t proc proc /proc
mount -t sysfs sysfs /sys 2>/dev/null || : # in a container it may be refused; the machine's stays
echo 0 2>/dev/null >/proc/sys/net/ipv4/ip_forward || : # a jump host carries logins, no packets
ip link set lo up

mount --bind /mnt/host/root /root
mount --bind /mnt/host/tmp /tmp
mount --bind /mnt/host/tmp /var/tmp
mount -t tmpfs -o mode=755 tmpfs /home
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount --bind /mnt/host/passwd /etc/passwd
# what tells two machines apart, and two starts of one
cat /proc/sys/kernel/random/uuid >/mnt/boot_id
mount --bind /mnt/boot_id /proc/sys/kernel/random/boot_id
if [ -e /etc/machine-id ]; then mount --bind /mnt/host/machine-id /etc/machine-id; fi

if [ "$kind" = arm ]; then
    board=/mnt/python
    mount -t proc proc $board/proc
    mount -t sysfs sysfs $board/sys 2>/dev/null || mount --rbind /sys $board/sys
    mount --rbind /dev $board/dev
    mount -t tmpfs -o mode=755 tmpfs $board/run
    mount --bind /mnt/host/root $board/root
    mount --bind /mnt/host/tmp $board/tmp
    mount --bind /mnt/host/tmp $board/var/tmp
    mount --bind /mnt/boot_id $board/proc/sys/kernel/random/boot_id
    mount --bind /mnt/host/machine-id $board/etc/machine-id
    # what the runtimes read to choose their code; the machine's own is no ARM's
    mount --bind /mnt/host/cpuinfo $board/proc/cpuinfo
    mount -o remount,bind,ro $board
else
    mount -o remount,bind,ro /mnt/python
    case $prefix in
    /root/* | /home/* | /tmp/* | /var/tmp/* | /run/*) # a Python knows where it was installed, and looks there
        mkdir -p "$prefix"
        mount --bind /mnt/python "$prefix"
        mount -o remount,bind,ro "$prefix"
        ;;
    esac
    mount -t tmpfs -o mode=755 tmpfs /usr/local/bin
    ln -s "$prefix/$python" /usr/local/bin/python3
    # nothing but Python: what the machine has installed for itself is not the device's
    for packages in "$prefix"/lib/python3*/site-packages "$prefix"/lib/python3*/dist-packages \
        /usr/lib/python3/dist-packages /usr/local/lib/python3*/site-packages /usr/local/lib/python3*/dist-packages; do
        if [ -d "$packages" ]; then mount -t tmpfs -o ro tmpfs "$packages"; fi
    done
    if [ -n "$packages_from" ]; then
        for packages in "$prefix"/lib/python3*/site-packages; do mount --bind /mnt/packages "$packages"; done
    fi
    if [ "$kind" = dropbear ] && [ -e /usr/lib/sftp-server ]; then
        mount --bind /dev/null /usr/lib/sftp-server # OpenSSH's, which dropbear would start
    fi
fi
if [ -e /mnt/host/dress.sh ]; then . /mnt/host/dress.sh; fi

read -r plugged # the lab has plugged the cable in, or is gone
mount -o remount,bind,ro / # a device may break what is its own, not the machine
cd /
exec </dev/null
if [ "$kind" = dropbear ]; then
    if [ ! -e /mnt/host/passwords ]; then set -- -s; else set --; fi
    exec dropbear -F -E "$@" -p 22 -r /mnt/host/dropbear_key
fi
exec /usr/sbin/sshd -D -e -f /mnt/host/sshd_config
