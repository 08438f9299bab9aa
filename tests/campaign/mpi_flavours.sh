#!/bin/bash
# tests/campaign/mpi_flavours.sh - the same bits with Open MPI 4.1, Open MPI 5.0 and MPICH 4: three experiments on 1, 2 and 3 ranks,
# and one that SIGUSR1 to the launcher stops (exit code 75) and another number of ranks resumes. A killed rank has to end the job
# with a code that is not 0, in 10 s.
# A flavour that this machine has is taken from it; the others come from bare Debian roots, which need root, debootstrap, a mirror
# (MIRROR: this machine's, else debootstrap's own) and about ten minutes each: 12 (bookworm) has Open MPI 4.1 and MPICH 4.0, 13
# (trixie) has Open MPI 5.0. ROOTS: where they lie. FLAVOURS: which to compare. Stopped, it goes on behind the last flavour done.
. "$(dirname "$0")/common.sh"
roots=${ROOTS:-$work/roots}
read -ra flavours <<< "${FLAVOURS:-openmpi-4.1 openmpi-5.0 mpich}"

# What every flavour runs; in a folder of its own, the same script here and in a root.
cat > measure.sh << 'END'
set -eu
launch=$1 cohort=$2
. "$3/jobs/env.sh"
export COHORT_PROGRESS=off
on() { local n=$1; shift; timeout -k 5 600 "$launch" -n "$n" "$cohort" run "$@"; }
digest() { "$cohort" show "$1" --digest; }
fails() { echo "FAILED: $*" >&2; tail -n 5 log >&2; exit 1; }
cat > e.yaml << 'Y'
name: flavour
rounds: 30
algorithm: fedadam
data: {generator: synthetic, devices: 200, alpha: 1, beta: 1, size: 100, test_fraction: 0.1}
model: {name: mlp, hidden: [50]}
devices: {per_round: 20}
local: {batch: 10, lr: 0.05}
eval: {every: 10}
output: {dir: out, checkpoint_every: 5}
Y
for words in '' 'algorithm=scaffold' 'aggregate.rule=trimmed_mean'; do
    for n in 1 2 3; do
        on $n e.yaml --overwrite $words > log 2>&1 || fails "$words on $n ranks"
        echo "${words:-fedadam}: $(digest out/run.h5) $(digest out/ckpt-00000030.h5)"
    done
done

rm -rf out
"$launch" -n 3 "$cohort" run e.yaml rounds=9000 > log 2>&1 &
job=$!
for _ in $(seq 1200); do ls out/ckpt-*.h5 > /dev/null 2>&1 && break; sleep 0.05; done
kill -USR1 $job
code=0
wait $job || code=$?
[ $code -eq 75 ] || fails "SIGUSR1 to the launcher: exit code $code"
at=$(ls out/ckpt-*.h5 | tail -n 1 | sed 's/.*ckpt-0*\([0-9]*\).h5/\1/')
on 2 e.yaml rounds=$((at + 5)) --resume > log 2>&1 || fails 'resume behind SIGUSR1'
on 1 e.yaml rounds=$((at + 5)) output.dir=whole --overwrite > log 2>&1 || fails 'the same run undisturbed'
[ "$(digest out/run.h5)" = "$(digest whole/run.h5)" ] || fails 'other bits behind SIGUSR1'
echo 'SIGUSR1 to the launcher: 75, and the same bits'

rm -rf out
timeout -k 1 100 "$launch" -n 3 "$cohort" run e.yaml rounds=9000 > log 2>&1 &
job=$!
for _ in $(seq 1200); do ls out/ckpt-*.h5 > /dev/null 2>&1 && break; sleep 0.05; done
rank=$(pgrep -f "$cohort run e.yaml rounds=9000" | while read -r p; do
    [ "$(readlink "/proc/$p/exe")" != "$(readlink -f "$cohort")" ] || echo "$p"; done | tail -n 1)
start=$SECONDS
kill -KILL "$rank"
code=0
wait $job || code=$?
[ $code -ne 0 ] && [ $code -ne 124 ] && [ $((SECONDS - start)) -le 10 ] || fails "a killed rank: exit code $code after $((SECONDS - start)) s"
echo 'a killed rank ends the job'
END

fails() { echo "RESULT mpi_flavours: $*"; exit 1; }
# inside ROOT COMMAND..: runs it in there, in a mount namespace of its own
inside() {
    local root=$1
    shift
    unshare --mount --propagation private sh -eu -c 'root=$1; shift
        for m in proc sys dev dev/pts dev/shm; do mount --rbind "/$m" "$root/$m"; done
        exec chroot "$root" "$@"' sh "$root" env DEBIAN_FRONTEND=noninteractive HOME=/root LANG=C.UTF-8 "$@"
}
# make_root RELEASE: a bare Debian that takes packages from where this machine takes them
make_root() {
    local root=$roots/$1 mirror f
    [ ! -e "$root/.ready" ] || return 0
    [ "$(id -u)" -eq 0 ] && command -v debootstrap > /dev/null || fails "Debian $1 needs root and debootstrap"
    mkdir -p "$roots"
    mirror=${MIRROR:-$(. /etc/os-release; [ "$ID" != debian ] || sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)}
    echo "making a bare Debian $1 .." >&2
    debootstrap --variant=minbase --include=ca-certificates "$1" "$root" $mirror > "$1.log" 2>&1 || fails "debootstrap: $(tail -n 1 "$1.log")"
    for f in /etc/apt/apt.conf.d/99* /etc/resolv.conf /etc/hosts; do [ ! -f "$f" ] || cp -L "$f" "$root$f"; done
    cp -r /etc/ssl/certs/. "$root/etc/ssl/certs/"
    touch "$root/.ready"
}
# in_root RELEASE FLAVOUR LAUNCHER cmake's words..: installs, builds and measures there
in_root() {
    local root=$roots/$1 flavour=$2 launcher=$3 packages=procps
    make_root "$1"
    shift 3
    [ "$flavour" != mpich ] || packages="procps mpich libmpich-dev libhdf5-mpich-dev"
    mkdir -p "$root/srv/campaign/$flavour"
    tar -C "$top" --exclude='./build*' --exclude=./runs --exclude=./.git -c . | tar -C "$root/srv/campaign" -x
    cp measure.sh "$root/srv/campaign"
    inside "$root" sh -euc 'cd /srv/campaign
        flavour=$1 launcher=$2 packages=$3
        shift 3
        jobs/install.sh
        apt-get install -q -y --no-install-recommends $packages
        cmake -S . -B "build-$flavour" -DCMAKE_BUILD_TYPE=Release -DCOHORT_TESTS=OFF -DCMAKE_C_FLAGS=-Werror "$@"
        cmake --build "build-$flavour" -j "$(nproc)"' sh "$flavour" "$launcher" "$packages" "$@" > "$flavour.build" 2>&1 ||
        fails "$flavour: $(grep -E 'error|E:' "$flavour.build" | head -n 1), see $work/$flavour.build"
    inside "$root" bash -euc 'cd "/srv/campaign/$1"; exec bash ../measure.sh "$2" "/srv/campaign/build-$1/cohort" /srv/campaign' \
        bash "$flavour" "$launcher"
}
# as_it_is FLAVOUR: the program and the launcher that stand on this machine
as_it_is() { mkdir -p "$1" && (cd "$1" && bash ../measure.sh mpirun "$cohort" "$top"); }
# here FLAVOUR LAUNCHER cmake's words..: a build of its own
here() {
    local flavour=$1 launcher=$2
    shift 2
    mkdir -p "$flavour"
    { cmake -S "$top" -B "$flavour/build" -DCMAKE_BUILD_TYPE=Release -DCOHORT_TESTS=OFF -DCMAKE_C_FLAGS=-Werror "$@" &&
        cmake --build "$flavour/build" -j "$(nproc)"; } > "$flavour.build" 2>&1 || fails "$flavour: see $work/$flavour.build"
    (cd "$flavour" && bash ../measure.sh "$launcher" "$PWD/build/cohort" "$top")
}
has() { command -v "$1" > /dev/null && "$1" --version 2> /dev/null | head -n 1 | grep -q "$2"; }
measure() {
    case $1 in
    openmpi-4.1) if has mpirun '(Open MPI) 4\.1'; then as_it_is "$1"; else in_root bookworm "$1" mpirun; fi ;;
    openmpi-5.0) if has mpirun '(Open MPI) 5\.'; then as_it_is "$1"; else in_root trixie "$1" mpirun; fi ;;
    mpich)
        if command -v mpicc.mpich mpiexec.mpich > /dev/null && pkg-config --exists hdf5-mpich; then
            here mpich mpiexec.mpich -DMPI_C_COMPILER=mpicc.mpich
        else
            in_root bookworm mpich mpiexec.mpich -DMPI_C_COMPILER=mpicc.mpich
        fi
        ;;
    *) fails "'$1' is unknown: openmpi-4.1, openmpi-5.0, mpich" ;;
    esac
}

for flavour in "${flavours[@]}"; do
    if [ ! -e "$flavour.txt" ]; then
        start=$SECONDS
        measure "$flavour" > "$flavour.part" || fails "$flavour: see above"
        mv "$flavour.part" "$flavour.txt"
        echo "$flavour: $((SECONDS - start)) s"
    fi
    cmp -s "$flavour.txt" "${flavours[0]}.txt" || { diff "${flavours[0]}.txt" "$flavour.txt" || true; fails "$flavour differs from ${flavours[0]}"; }
    for words in fedadam algorithm=scaffold aggregate.rule=trimmed_mean; do
        [ "$(sed -n "s/^$words: //p" "$flavour.txt" | sort -u | wc -l)" -eq 1 ] || fails "$flavour: $words depends on the number of ranks"
    done
done
echo "RESULT mpi_flavours: ${flavours[*]}: the same bits in 9 runs each, stopped by SIGUSR1 with 75 and resumed, a killed rank ends the job"
