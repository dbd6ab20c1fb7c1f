# Sourced by boot.sh: what a Raspberry Pi 4 running its own system shows besides its processor. The files in the host's folder
# `pi` are its temperature (thousandths of °C), governor, clock (kHz) and throttle bits; they may be written while it is on.
root=''
if [ "$kind" = arm ]; then root=/mnt/python; fi
state=/mnt/host/pi
mkdir -p $state
while read -r file value; do
    if [ ! -e $state/"$file" ]; then echo "$value" >$state/"$file"; fi
done <<VALUES
temp 48312
governor ondemand
cur_freq 1500000
throttled throttled=0x0
VALUES
if [ "$kind" != arm ]; then mount --bind /mnt/host/cpuinfo /proc/cpuinfo; fi

if [ -d $root/sys/class/thermal ]; then
    mount -t tmpfs -o mode=755 tmpfs $root/sys/class/thermal
    mkdir $root/sys/class/thermal/thermal_zone0
    echo cpu-thermal >$root/sys/class/thermal/thermal_zone0/type
    : >$root/sys/class/thermal/thermal_zone0/temp
    mount --bind $state/temp $root/sys/class/thermal/thermal_zone0/temp
fi

# sysfs takes no new folders: a copy of its processors, with a frequency policy, goes on top
mkdir /mnt/cpu
for file in online present possible isolated offline kernel_max; do
    cat /sys/devices/system/cpu/$file >/mnt/cpu/$file 2>/dev/null || :
done
policy=/mnt/cpu/cpufreq/policy0
mkdir -p $policy
echo cpufreq-dt >$policy/scaling_driver
echo 'ondemand performance powersave' >$policy/scaling_available_governors
for file in scaling_min_freq cpuinfo_min_freq; do echo 600000 >$policy/$file; done
for file in scaling_max_freq cpuinfo_max_freq; do echo 1500000 >$policy/$file; done
: >$policy/scaling_governor
: >$policy/scaling_cur_freq
mount --bind $state/governor $policy/scaling_governor
mount --bind $state/cur_freq $policy/scaling_cur_freq
for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
    here=/mnt/cpu/${cpu##*/}
    mkdir -p "$here/topology"
    cat "$cpu/topology/core_id" >"$here/topology/core_id" 2>/dev/null || :
    echo 1 >"$here/online"
    ln -s ../cpufreq/policy0 "$here/cpufreq"
done
mount --rbind /mnt/cpu $root/sys/devices/system/cpu

mount -t tmpfs -o mode=755 tmpfs $root/sys/firmware
mkdir -p $root/sys/firmware/devicetree/base
printf 'Raspberry Pi 4 Model B Rev 1.4\0' >$root/sys/firmware/devicetree/base/model
printf 'raspberrypi,4-model-b\0brcm,bcm2711\0' >$root/sys/firmware/devicetree/base/compatible
for folder in class/dmi devices/virtual/dmi class/power_supply; do # a PC's
    if [ -d $root/sys/$folder ]; then mount -t tmpfs -o mode=755 tmpfs $root/sys/$folder; fi
done

: >$root/run/throttled
mount --bind $state/throttled $root/run/throttled
if [ "$kind" = arm ]; then mount -t tmpfs -o mode=755 tmpfs $root/usr/local/bin; fi
cat >$root/usr/local/bin/vcgencmd <<'PROGRAM'
#!/bin/sh
[ "$1" = get_throttled ] && exec cat /run/throttled
echo 'error=1 error_msg="Command not registered"'
PROGRAM
chmod 755 $root/usr/local/bin/vcgencmd
