#!/usr/bin/env bash
# Several Debian hosts with a real systemd on one machine, without a container engine: debootstrap, overlays,
# systemd-nspawn and network namespaces. Nothing leaves the machine from inside: the hosts' bridge has no route out.
#
#   base                       make the root file system and the package repository (once; kept)
#   up HOST...                 boot hosts and wait until each one's ssh answers
#   exec HOST COMMAND...       run a command in a host
#   net COMMAND...             run a command on the hosts' network
#   kill HOST...               cut the power: unplug it, then end all of it at once
#   start HOST...              boot it again with the disk it had
#   cut HOST... | heal HOST... unplug or plug its network cable
#   freeze HOST... | thaw HOST...  a machine that hangs
#   ssh-config                 what Ansible needs to reach the hosts
#   status
#   down                       end all hosts and remove what they had
#   purge                      down, and remove the root file system and the packages too
#
# Settings: CLUSTER_DIR (not on an overlay), CLUSTER_NAME (several can run side by side), CLUSTER_NET (their /24),
# CLUSTER_PACKAGES (what the repository holds; others come with what they depend on), CLUSTER_MEMORY_MB and CLUSTER_CORES
# (no more of them for each host that boots, which sees those of the machine nevertheless).
set -euo pipefail

DIR=${CLUSTER_DIR:-/var/tmp/manyhands-cluster}
NAME=${CLUSTER_NAME:-mh}
NET=${CLUSTER_NET:-10.231.0}
SUITE=bookworm
HERE=$(cd "$(dirname "$0")" && pwd)
PACKAGES=${CLUSTER_PACKAGES:-$(grep -v '^#' "$HERE/packages.txt" | tr '\n' ' ')}
BASE=$DIR/base REPO=$DIR/repository KEY=$DIR/id_ed25519 STATE=$DIR/$NAME
NEEDED=(systemd-nspawn:systemd-container debootstrap:debootstrap apt-ftparchive:apt-utils zstd:zstd ip:iproute2
  ssh-keygen:openssh-client ansible-playbook:ansible)

die() {
  echo "cluster: $*" >&2
  exit 1
}

check_machine() {
  local pair missing=()
  for pair in "${NEEDED[@]}"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ ${#missing[@]} -eq 0 ] ||
    die "this machine lacks what boots hosts. Install it with:
  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  [ "$(id -u)" -eq 0 ] || die "hosts are booted by root: run this as root"
  [[ $NAME =~ ^[a-z][a-z0-9]{0,5}$ ]] || die "CLUSTER_NAME is at most 6 small letters and digits"
}

# ------------------------------------------------------------ the root file system and the packages

mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $SUITE" 2>/dev/null | head -1
}

make_base() {
  local archive=$DIR/base.tar.zst unit
  mkdir -p "$DIR"
  if [ ! -e "$archive" ]; then
    [ -n "$(mirror)" ] || die "apt here knows no server of Debian $SUITE: run apt-get update, or copy $archive from elsewhere"
    rm -rf --one-file-system "$BASE"
    mkdir -p "$DIR/downloads"
    debootstrap --variant=minbase --cache-dir="$DIR/downloads" \
      --include=systemd,systemd-sysv,dbus,openssh-server,python3,python3-apt,iproute2,ca-certificates,sudo,procps \
      "$SUITE" "$BASE" "$(mirror)" >"$DIR/debootstrap.log" 2>&1 ||
      die "debootstrap failed: $(tail -3 "$DIR/debootstrap.log")"
    rm -rf "$BASE"/var/cache/apt/archives/*.deb "$BASE"/var/lib/apt/lists/*
    tar --zstd --numeric-owner -cf "$archive.part" -C "$BASE" .
    mv "$archive.part" "$archive"
  elif [ ! -e "$BASE/.ready" ]; then
    rm -rf --one-file-system "$BASE"
    mkdir -p "$BASE"
    tar --zstd --numeric-owner -xpf "$archive" -C "$BASE"
  fi
  [ ! -e "$BASE/.ready" ] || return 0
  echo 'deb [trusted=yes] file:/srv/packages ./' >"$BASE/etc/apt/sources.list"
  printf '%s\n' 'APT::Install-Recommends "false";' 'Acquire::Languages "none";' >"$BASE/etc/apt/apt.conf.d/99cluster"
  printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/man/*' \
    'path-exclude=/usr/share/locale/*' >"$BASE/etc/dpkg/dpkg.cfg.d/cluster"
  # Otherwise Ansible takes the empty list of packages for a fresh one.
  touch -d @0 "$BASE/var/lib/apt/lists"
  mkdir -p "$BASE/srv/packages"
  : >"$BASE/etc/machine-id"
  rm -f "$BASE/etc/resolv.conf" "$BASE/usr/sbin/policy-rc.d"
  for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer \
    e2scrub_reap.service systemd-pstore.service console-getty.service getty@tty1.service; do
    ln -sf /dev/null "$BASE/etc/systemd/system/$unit"
  done
  mkdir -p "$BASE/etc/ssh/sshd_config.d"
  printf 'UseDNS no\nPasswordAuthentication no\n' >"$BASE/etc/ssh/sshd_config.d/cluster.conf"
  [ -e "$KEY" ] || ssh-keygen -q -t ed25519 -N '' -C cluster -f "$KEY"
  install -d -m700 "$BASE/root/.ssh"
  install -m600 "$KEY.pub" "$BASE/root/.ssh/authorized_keys"
  touch "$BASE/.ready"
}

make_repository() {
  local wanted="$REPO/.packages"
  [ "$(cat "$wanted" 2>/dev/null)" != "$PACKAGES" ] || return 0
  mkdir -p "$REPO/partial"
  # This machine's apt downloads, against what the base has installed. Unquoted: a list.
  apt-get -qq -y --no-install-recommends --download-only -o Debug::NoLocking=1 \
    -o Dir::State::status="$BASE/var/lib/dpkg/status" -o Dir::Cache::archives="$REPO" \
    -o Dir::Etc::preferencesparts=/dev/null install $PACKAGES </dev/null >"$DIR/packages.log" 2>&1 ||
    die "packages could not be downloaded (apt-get update first?): $(tail -3 "$DIR/packages.log")"
  (cd "$REPO" && rm -rf partial lock && apt-ftparchive packages . >Packages && apt-ftparchive release . >Release)
  echo "$PACKAGES" >"$wanted"
}

cmd_base() {
  make_base
  make_repository
}

# ------------------------------------------------------------ the network

namespace() { echo "$NAME-$1"; }
on_network() { nsenter --net="/run/netns/$NAME" -- "$@"; }
address_of() { awk -v host="$1" '$2 == host { print $1 }' "$STATE/hosts"; }

make_network() {
  mkdir -p "$STATE"
  [ ! -e "/run/netns/$NAME" ] || return 0
  ip netns add "$NAME"
  ip -n "$NAME" link set lo up
  ip -n "$NAME" link add br0 type bridge
  ip -n "$NAME" addr add "$NET.1/24" dev br0
  ip -n "$NAME" link set br0 up
}

# An address for each host, in the order in which they come: .11, .12 and so on.
add_host() {
  local host=$1 address
  [[ $host =~ ^[a-z][a-z0-9-]{0,7}$ ]] || die "“$host” is no name of a host: at most 8 of a-z, 0-9 and -"
  touch "$STATE/hosts"
  [ -z "$(address_of "$host")" ] || return 0
  address=$NET.$((11 + $(wc -l <"$STATE/hosts")))
  echo "$address $host" >>"$STATE/hosts"
  ip netns add "$(namespace "$host")"
  ip -n "$NAME" link add "v-$host" type veth peer name host0 netns "$(namespace "$host")"
  ip -n "$NAME" link set "v-$host" master br0 up
  ip -n "$(namespace "$host")" addr add "$address/24" dev host0
  ip -n "$(namespace "$host")" link set lo up
  ip -n "$(namespace "$host")" link set host0 up
}

# ------------------------------------------------------------ the hosts

CGROUPS=/sys/fs/cgroup
grep -q " $CGROUPS cgroup2 " /proc/self/mounts || CGROUPS=/sys/fs/cgroup/unified

# A process is known by its id and the moment of its birth: ids come again.
birth_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
only_child() {
  local child
  child=$(tr -d ' ' <"/proc/$1/task/$1/children" 2>/dev/null) && [[ $child =~ ^[0-9]+$ ]] && echo "$child"
}
supervisor_of() {
  local pid born
  [ -e "$STATE/$1.process" ] && read -r pid born <"$STATE/$1.process" && [ "$(birth_of "$pid")" = "$born" ] && echo "$pid"
}
# The host's own init: below systemd-nspawn, which is below the shell that boots it.
init_of() {
  local pid
  pid=$(supervisor_of "$1") && pid=$(only_child "$pid") && pid=$(only_child "$pid") &&
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = systemd ] && echo "$pid"
}

# Groups of the first version, each for one thing: a host's own are of the second one, which has them where these are not.
MEMORY=/sys/fs/cgroup/memory CORES=/sys/fs/cgroup/cpu
# What a host may have at most; all that it starts is within.
cap() {
  local group=$NAME-$1
  [ -n "${CLUSTER_MEMORY_MB:-}${CLUSTER_CORES:-}" ] || return 0
  if [ "$CGROUPS" = /sys/fs/cgroup ]; then
    echo '+memory +cpu' >"$CGROUPS/cgroup.subtree_control"
    mkdir -p "$CGROUPS/$group"
    [ -z "${CLUSTER_MEMORY_MB:-}" ] || echo $((CLUSTER_MEMORY_MB << 20)) >"$CGROUPS/$group/memory.max"
    [ -z "${CLUSTER_CORES:-}" ] || echo $((CLUSTER_CORES * 100000)) 100000 >"$CGROUPS/$group/cpu.max"
    return
  fi
  [ -e "$MEMORY/memory.limit_in_bytes" ] && [ -e "$CORES/cpu.cfs_quota_us" ] ||
    die "this machine's control groups of the first version do not have memory and cpu: it caps no host"
  mkdir -p "$MEMORY/$group" "$CORES/$group"
  [ -z "${CLUSTER_MEMORY_MB:-}" ] || echo $((CLUSTER_MEMORY_MB << 20)) >"$MEMORY/$group/memory.limit_in_bytes"
  [ -z "${CLUSTER_CORES:-}" ] || echo $((CLUSTER_CORES * 100000)) >"$CORES/$group/cpu.cfs_quota_us"
  CAPS="$MEMORY/$group $CORES/$group"
}

boot() {
  local host=$1 disk=$STATE/$1.disk CAPS=
  ! init_of "$host" >/dev/null || die "$host runs already"
  cap "$host"
  if [ ! -d "$disk/upper" ]; then
    mkdir -p "$disk/upper/etc" "$disk/work" "$disk/root"
    tr -d - </proc/sys/kernel/random/uuid >"$disk/upper/etc/machine-id"
    echo "$host" >"$disk/upper/etc/hostname"
  fi
  { echo '127.0.0.1 localhost'; cat "$STATE/hosts"; } >"$disk/upper/etc/hosts"
  # All mounts are in a mount namespace of its own: they go when the host goes. On a machine with the first version of
  # control groups it mounts the second one for itself.
  DISK=$disk BASE=$BASE REPO=$REPO HOST=$host NETWORK=/run/netns/$(namespace "$host") GROUP=$NAME-$host CAPS=$CAPS \
    setsid unshare --mount --propagation private bash -euc '
    for group in $CAPS; do echo $$ >"$group/cgroup.procs"; done
    mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$DISK/upper,workdir=$DISK/work" "$DISK/root"
    if ! grep -q " /sys/fs/cgroup cgroup2 " /proc/self/mounts; then
      umount -R -l /sys/fs/cgroup 2>/dev/null || true
      mount -t cgroup2 cgroup2 /sys/fs/cgroup
    fi
    mkdir -p "/sys/fs/cgroup/$GROUP"
    echo $$ >"/sys/fs/cgroup/$GROUP/cgroup.procs"
    mkdir -p /run/systemd/nspawn
    mount -t tmpfs tmpfs /run/systemd/nspawn
    status=133
    # A host that reboots ends systemd-nspawn with this status.
    while [ $status = 133 ]; do
      status=0
      systemd-nspawn --quiet --boot --register=no --keep-unit --machine="$HOST" --directory="$DISK/root" \
        --network-namespace-path="$NETWORK" --capability=CAP_NET_ADMIN,CAP_NET_RAW --link-journal=no \
        --resolv-conf=off --timezone=off --bind=/dev/fuse --bind-ro="$REPO:/srv/packages" || status=$?
    done' </dev/null >"$STATE/$host.console" 2>&1 &
  echo "$! $(birth_of $!)" >"$STATE/$host.process"
}

wait_for() {
  local host=$1 try
  for try in $(seq 600); do
    supervisor_of "$host" >/dev/null || die "$host did not boot: $(tail -5 "$STATE/$host.console")"
    ! init_of "$host" >/dev/null ||
      ! on_network timeout 1 bash -c "exec 3<>/dev/tcp/$(address_of "$host")/22" 2>/dev/null || return 0
    sleep 0.1
  done
  die "$host does not answer by ssh: see $STATE/$host.console"
}

cmd_start() {
  local host
  for host; do boot "$host"; done
  cmd_heal "$@"
  for host; do wait_for "$host"; done
}

cmd_up() {
  [ $# -gt 0 ] || die "up: name the hosts"
  cmd_base
  make_network
  local host address
  for host; do add_host "$host"; done
  while read -r address host; do
    # Hosts that run already learn of the new ones.
    ! init_of "$host" >/dev/null || { echo '127.0.0.1 localhost'; cat "$STATE/hosts"; } | cmd_exec "$host" tee /etc/hosts >/dev/null
  done <"$STATE/hosts"
  cmd_start "$@"
}

cmd_exec() {
  local init host=$1
  shift
  init=$(init_of "$host") || die "$host does not run"
  nsenter --all --target "$init" -- env -i HOME=/root TERM=dumb LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# Unplugged first: the kernel here would answer for a dead host otherwise, which no dead machine does.
cmd_kill() {
  local host
  for host; do
    init_of "$host" >/dev/null || die "$host does not run"
    cmd_cut "$host"
    end_all_of "$host"
  done
  for host; do wait_until_gone "$host"; done
}
end_all_of() { [ ! -e "$CGROUPS/$NAME-$1/cgroup.kill" ] || echo 1 >"$CGROUPS/$NAME-$1/cgroup.kill"; }
wait_until_gone() {
  local pid try
  for try in $(seq 200); do
    pid=$(supervisor_of "$1") || break
    [ "$try" != 100 ] || kill -KILL "$pid"
    sleep 0.05
  done
  local group
  for group in "$CGROUPS/$NAME-$1" "$MEMORY/$NAME-$1" "$CORES/$NAME-$1"; do
    [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}

cmd_cut() { local host; for host; do ip -n "$NAME" link set "v-$host" down; done; }
cmd_heal() { local host; for host; do ip -n "$NAME" link set "v-$host" up; done; }
cmd_freeze() { local host; for host; do echo 1 >"$CGROUPS/$NAME-$host/cgroup.freeze"; done; }
cmd_thaw() { local host; for host; do echo 0 >"$CGROUPS/$NAME-$host/cgroup.freeze"; done; }

cmd_status() {
  local address host
  [ -e "$STATE/hosts" ] || return 0
  while read -r address host; do
    echo "$host $address $(init_of "$host" >/dev/null && echo up || echo down)$(used_by "$host")"
  done <"$STATE/hosts"
}

# What programs have of a host's memory, without what is kept of files; and how often one was ended for want of it.
used_by() {
  local group=$MEMORY/$NAME-$1
  if [ "$CGROUPS" = /sys/fs/cgroup ]; then
    group=$CGROUPS/$NAME-$1
    [ ! -e "$group/memory.stat" ] || awk '/^anon / { used = $2 } /^oom_kill / { killed = $2 }
      END { printf ", programs have %d MB, %d ended for want of memory", used / 1048576, killed }' \
      "$group/memory.stat" "$group/memory.events"
    return
  fi
  [ ! -d "$group" ] || awk '/^total_rss / { used = $2 } /^oom_kill / { killed = $2 }
    END { printf ", programs have %d MB, %d ended for want of memory", used / 1048576, killed }' \
    "$group/memory.stat" "$group/memory.oom_control"
}

cmd_ssh_config() {
  printf 'Host *\n  User root\n  IdentityFile %s\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n' "$KEY"
  printf '  LogLevel ERROR\n  ControlMaster auto\n  ControlPersist 60s\n  ControlPath %s/%%C\n' "$STATE"
  awk '{ print "Host " $2 "\n  HostName " $1 }' "$STATE/hosts"
}

cmd_down() {
  local address host socket
  if [ -e "$STATE/hosts" ]; then
    for socket in "$STATE"/*; do
      [ ! -S "$socket" ] || ssh -o ControlPath="$socket" -O exit x >/dev/null 2>&1 || true
    done
    while read -r address host; do end_all_of "$host"; done <"$STATE/hosts"
    while read -r address host; do
      wait_until_gone "$host"
      ip netns del "$(namespace "$host")" 2>/dev/null || true
    done <"$STATE/hosts"
  fi
  [ ! -e "/run/netns/$NAME" ] || ip netns del "$NAME"
  rm -rf --one-file-system "$STATE"
}

cmd_purge() {
  cmd_down
  rm -rf --one-file-system "$BASE" "$REPO" "$DIR/downloads" "$DIR/base.tar.zst" "$KEY" "$KEY.pub" "$DIR"/*.log
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
check) check_machine ;;
base | up | start | exec | kill | cut | heal | freeze | thaw | status | down | purge)
  check_machine
  "cmd_$command" "$@"
  ;;
ssh-config) cmd_ssh_config ;;
net)
  check_machine
  on_network "$@"
  ;;
*)
  sed -n '2,20p' "$0" | sed 's/^# \{0,1\}//'
  exit 2
  ;;
esac
