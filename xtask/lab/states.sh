# Functions for the scripts of xtask/src/lab/states.rs, which run in a guest.

# create NAME OPTIONS...: an array of this machine.
create() {
    local name=$1
    shift
    mdadm --create --run --quiet --homehost=lab "/dev/md/$name" "$@"
    udevadm settle
}

# md NAME: the array's folder in sysfs.
md() { echo "/sys/block/$(basename "$(readlink -f "/dev/md/$1")")/md"; }

# slow, fast: how quickly md may resync. Slow keeps a 128 MB member busy for minutes.
slow() { limits 500 1000; }
fast() { limits 100000 2000000; }
limits() {
    echo "$2" >/proc/sys/dev/raid/speed_limit_max
    echo "$1" >/proc/sys/dev/raid/speed_limit_min
}

# again COMMAND...: until it succeeds; md frees a failed member a moment after it failed.
again() {
    local try
    for try in $(seq 100); do
        "$@" 2>/dev/null && return
        sleep 0.1
    done
    "$@"
}

# action NAME ACTION: waits until md does that, and shows some progress.
action() {
    again grep -qx "$2" "$(md "$1")/sync_action"
    sleep 3
}

# rest NAME: waits until md does nothing.
rest() { again grep -qx idle "$(md "$1")/sync_action"; }

stop() {
    again mdadm --stop --quiet "/dev/md/$1"
    udevadm settle
}

# The script's last words: udev has seen everything.
trap 'udevadm settle' EXIT
