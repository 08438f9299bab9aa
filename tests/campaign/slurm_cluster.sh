#!/bin/bash
# tests/campaign/slurm_cluster.sh - a Slurm cluster of N nodes on one machine, for tests of jobs/slurm.
#
#   slurm_cluster.sh FOLDER up N           starts the nodes n1 .. nN and Slurm on them; everything lies in FOLDER
#   slurm_cluster.sh FOLDER on NODE CMD..  runs a command on a node; `login` is the node that users log in to
#   slurm_cluster.sh FOLDER off NODE       power off: every process of the node is gone at once, its network too
#   slurm_cluster.sh FOLDER boot NODE      switches it on again
#   slurm_cluster.sh FOLDER down           ends all of it
#
# A node is a set of namespaces (network, host name, shared memory, mounts, processes) around one init
# process; killing that process is a power failure. The bridge that joins the nodes, munged and slurmctld
# live in `login`: no packet, name or mount reaches the machine itself. The file system is common, as a
# cluster's home folders are. Needs root, slurm-wlm and munge (Debian), util-linux and iproute2.
set -eu
top=$(cd "$(dirname "$0")" && pwd)
folder=$(realpath -m "${1:?which folder?}")
net=10.99.7 # exists inside the namespaces only
export SLURM_CONF=$folder/slurm.conf

address() { if [ "$1" = login ]; then echo $net.254; else echo "$net.${1#n}"; fi; }
pid_of() { cat "$folder/$1/pid"; }
on() { local node=$1; shift; exec nsenter -t "$(pid_of "$node")" -m -u -i -n -p -w"$PWD" -- "$@"; }

# The life of a node's first process: own host name, hosts file, shared memory; then it only reaps.
first_process() {
    hostname "$1"
    mount --bind "$folder/hosts" /etc/hosts
    mount -t tmpfs tmpfs /dev/shm
    touch "$folder/$1/up"
    while :; do sleep 3600 & wait $!; done
}

start_node() {
    local node=$1 outer
    mkdir -p "$folder/$node/spool" "$folder/$node/tmp"
    rm -f "$folder/$node/up"
    setsid unshare --net --uts --ipc --mount --pid --fork --kill-child --mount-proc \
        bash "$top/slurm_cluster.sh" "$folder" first "$node" < /dev/null > "$folder/$node/init.log" 2>&1 &
    outer=$!
    for _ in $(seq 100); do [ -e "$folder/$node/up" ] && break; sleep 0.05; done
    pgrep -P $outer > "$folder/$node/pid" || { echo "$node does not start: $(cat "$folder/$node/init.log")" >&2; exit 1; }
    nsenter -t "$(pid_of "$node")" -n ip link set lo up
}

# A cable from the node to the switch. The far end goes with either of the two.
plug_in() {
    local node=$1 login
    login=$(pid_of login)
    nsenter -t "$login" -n ip link del "to-$node" 2> /dev/null || true
    nsenter -t "$login" -n ip link add "to-$node" type veth peer name eth0 netns "$(pid_of "$node")"
    nsenter -t "$login" -n ip link set "to-$node" master switch up
    nsenter -t "$(pid_of "$node")" -n ip addr add "$(address "$node")/24" dev eth0
    nsenter -t "$(pid_of "$node")" -n ip link set eth0 up
}

configure() {
    local n=$1 k
    mkdir -p "$folder/state" "$folder/munge" "$folder/login"
    echo "127.0.0.1 localhost" > "$folder/hosts"
    for k in login $(seq -f 'n%.0f' "$n"); do echo "$(address "$k") $k" >> "$folder/hosts"; done
    chmod 711 "$folder/munge"
    dd if=/dev/urandom of="$folder/munge/key" bs=1 count=1024 2> /dev/null
    chmod 400 "$folder/munge/key"
    echo "CgroupPlugin=cgroup/v1" > "$folder/cgroup.conf"
    cat > "$SLURM_CONF" << END
ClusterName=simulated
SlurmctldHost=login($(address login))
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/%n/spool
TmpFS=$folder/%n/tmp
SlurmctldPidFile=$folder/login/slurmctld.pid
SlurmdPidFile=$folder/%n/slurmd.pid
SlurmctldLogFile=$folder/login/slurmctld.log
SlurmdLogFile=$folder/%n/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1
ReturnToService=2
SlurmdTimeout=10
KillWait=10
MailProg=/bin/true
SlurmdParameters=config_overrides
NodeName=n[1-$n] CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP
END
}

start_slurmd() { (on "$1" slurmd -N "$1"); }

up() {
    local n=$1 node
    configure "$n"
    start_node login
    nsenter -t "$(pid_of login)" -n ip link add switch type bridge
    nsenter -t "$(pid_of login)" -n ip addr add "$(address login)/24" dev switch
    nsenter -t "$(pid_of login)" -n ip link set switch up
    (on login munged --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" \
        --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" --force > "$folder/munge/said" 2>&1) ||
        { cat "$folder/munge/said" >&2; exit 1; }
    (on login slurmctld -c)
    for node in $(seq -f 'n%.0f' "$n"); do
        start_node "$node"
        plug_in "$node"
        start_slurmd "$node"
    done
    for _ in $(seq 100); do
        [ "$( (on login sinfo -h -o %T -N) 2> /dev/null | grep -c '^idle$')" -eq "$n" ] && return
        sleep 0.2
    done
    echo "Slurm does not come up: $(tail -n 3 "$folder"/*/slurm*.log)" >&2
    exit 1
}

off() {
    kill -KILL "$(pid_of "$1")" 2> /dev/null || true
    rm -f "$folder/$1/pid" "$folder/$1/up"
}

command=${2:?up, on, off, boot or down?}
shift 2
case $command in
up) up "${1:?how many nodes?}" ;;
first) first_process "$1" ;;
on) on "$@" ;;
off) off "$1" ;;
boot)
    rm -rf "$folder/$1/spool" "$folder/$1/tmp" # as a node does that has them in memory, or clears them at boot
    start_node "$1"
    plug_in "$1"
    start_slurmd "$1"
    ;;
down) for file in "$folder"/*/pid; do [ "$file" = "$folder/munge/pid" ] || off "$(basename "$(dirname "$file")")"; done ;;
*) echo "'$command' is unknown: up, on, off, boot or down" >&2; exit 2 ;;
esac
