#!/bin/bash
# tests/cli/clock.sh - section clock as a user meets it: bad traces (one message with place and value, exit code 3), what is refused,
# the same bits on any ranks and behind a stop, stop.virtual_s, eval.every_s, a population that is gone.
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}" "${SOURCE:?the checkout}"
export COHORT_PROGRESS=off
work=$SCRATCH/clock-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
. "$SOURCE/jobs/env.sh"
python=${COHORT_PYTHON:-/usr/bin/python3}
failures=0
fail() { echo "FAULT: $*"; failures=$((failures + 1)); }
# bad CODE PATTERN WORDS..: refused with that exit code and one message
bad() {
    local code=$1 pattern=$2 rc
    shift 2
    timeout 60 "$COHORT" run e.yaml --dry-run "$@" > out 2> err
    rc=$?
    [ $rc -eq "$code" ] || fail "$*: exit code $rc instead of $code"
    [ "$(grep -c '^cohort: ' err)" -eq 1 ] || fail "$*: not one message: $(cat err)"
    grep -Eq -- "$pattern" err || fail "$*: no '$pattern': $(cat err)"
}
# trace PATTERN TEXT: a bad table of intervals or devices, as a trace
trace() {
    printf '%b' "$2" > t.csv
    bad 3 "$1" 'clock={availability: file, trace: t.csv}'
}

cat > e.yaml <<'Y'
rounds: 12
data: {generator: synthetic, devices: 4, size: 20, features: 6, classes: 3, alpha: 1, beta: 1, test_fraction: 0.2}
model: {name: softmax}
devices: {per_round: 3}
local: {lr: 0.1}
eval: {every: 4}
output: {dir: run, checkpoint_every: 5}
Y
# ---- bad traces
good='0,0,5\n1,0,5\n2,0,5\n3,0,5\n'
trace 't.csv:6: the interval of device 1 begins at 2 s, before its last one has ended \(5 s\)' "device,start_s,end_s\n${good}1,2,9\n"
trace 't.csv:3: the interval of device 0 begins at 1 s, before its last one' 'device,start_s,end_s\n0,6,7\n0,1,2\n'
trace 't.csv:2: an interval from -1 to 5 s' 'device,start_s,end_s\n0,-1,5\n'
trace 't.csv:2: an interval from 5 to 5 s' 'device,start_s,end_s\n0,5,5\n'
trace 't.csv:2: an interval from 0 to 3000000000 s' 'device,start_s,end_s\n0,0,3e9\n'
trace "t.csv:2: end_s 'nan' is no number" 'device,start_s,end_s\n0,0,nan\n'
trace "t.csv:2: device 'a' is no whole number" 'device,start_s,end_s\na,0,1\n'
trace 't.csv:6: there is no device 4; devices are 0 to 3' "device,start_s,end_s\n${good}4,0,1\n"
trace 't.csv: device 3 is never there' 'device,start_s,end_s\n0,0,5\n1,0,5\n2,0,5\n'
trace 't.csv.*' ''
trace 't.csv.*' 'device,start_s,end_s\n'
trace "t.csv: column 'speed' is not known" 'device,speed\n0,1\n'
trace "t.csv: column 'stop' is not known" 'device,start_s,stop\n0,1,2\n'
trace 't.csv: 2 columns, or the wrong ones' 'device,start_s\n0,1\n'
trace 't.csv: its header has no column device' 'up,down\n0,1\n'
trace "t.csv: column 'device' stands twice" 'device,device,start_s,end_s\n0,0,1,2\n'
trace 't.csv: intervals of groups need the table of devices' 'group,start_s,end_s\n0,1,2\n'
trace 't.csv:3: up of device 1 is 0; ' 'device,up\n0,1\n1,0\n'
trace 't.csv:2: seconds_per_example of device 0 is -2; ' 'device,seconds_per_example\n0,-2\n'
trace "t.csv:2: up 'inf' is no number" 'device,up\n0,inf\n'
trace "t.csv:2: group '1.5' is no whole number" 'device,group\n0,1.5\n'
trace 't.csv:3: device 0 stands here for the second time' 'device,up\n0,1\n0,2\n'
trace 't.csv: device 2 of 0 to 3 is missing' 'device,up\n0,1\n1,2\n3,1\n'
printf 'device,up\n0,1\n1,2\n2,3\n3,1\n' > up.csv
bad 2 'clock.availability: clock.trace has no column start_s' 'clock={availability: file, trace: up.csv}'
bad 2 'clock.outage: clock.trace has no column group' 'clock={outage: {up_s: 5, down_s: 5}, trace: up.csv}'
bad 3 'up.csv: up was given by a file before' 'clock={up: file, trace: [up.csv, up.csv]}'
bad 4 'none.csv' 'clock={up: file, trace: none.csv}'
printf 'device,start_s,end_s\n%b' "$good" > t.csv
bad 2 'clock.availability.period_s: 4 s is less than the trace' 'clock={availability: {name: file, period_s: 4}, trace: t.csv}'
if "$python" -c 'import h5py' 2> /dev/null; then
    "$python" - <<'P'
import h5py
def write(name, **sets):
    with h5py.File(name, "w") as f:
        for key, value in sets.items():
            f[key.replace("__", "/")] = value
write("none.h5", x=[1.0])
write("short.h5", up=[1.0, 2.0])
write("nan.h5", up=[1.0, float("nan"), 1.0, 1.0])
write("offsets.h5", intervals__offsets=[0, 1, 2], intervals__start_s=[0.0, 0.0], intervals__end_s=[1.0, 1.0])
write("overlap.h5", intervals__offsets=[0, 2, 3, 4, 5], intervals__start_s=[0.0, 1, 0, 0, 0], intervals__end_s=[2.0, 3, 1, 1, 1])
write("never.h5", intervals__offsets=[0, 2, 3, 3, 4], intervals__start_s=[0.0, 2, 0, 0], intervals__end_s=[2.0, 3, 1, 1])
P
    bad 3 'none.h5: no trace' 'clock={up: file, trace: none.h5}'
    bad 3 'short.h5: up has 2 numbers for 4 devices' 'clock={up: file, trace: short.h5}'
    bad 3 'nan.h5: up: up of device 1 is nan' 'clock={up: file, trace: nan.h5}'
    bad 3 'offsets.h5: intervals/offsets: 3 numbers' 'clock={availability: file, trace: offsets.h5}'
    bad 3 'overlap.h5: intervals\[1\]: the interval of device 0 begins at 1 s' 'clock={availability: file, trace: overlap.h5}'
    bad 3 'never.h5: device 2 is never there' 'clock={availability: file, trace: never.h5}'
fi
# ---- what does not go together
bad 2 'clock.speed: file needs the key .trace.' clock.speed=file
bad 2 'clock.trace: nothing reads it' clock.trace=up.csv
bad 2 'clock.seconds_per_unit: does not go with speed: file' 'clock={speed: file, seconds_per_unit: 1, trace: up.csv}'
bad 2 'clock.up.name: lognormal needs median' clock.up=lognormal
bad 2 'clock.speed.name: unknown speed_law .lognormel.; did you mean lognormal' clock.speed=lognormel
bad 2 'clock.availability.on_s: required key is missing' clock.availability=markov
bad 2 'stop.virtual_s: is virtual time, which passes with the section clock alone' stop.virtual_s=3
bad 2 'eval.every_s: is virtual time, which passes with the section clock alone' eval.every_s=3
# ---- the same bits on any ranks, also with intervals, and behind a stop
clock='clock={speed: lognormal, seconds_per_unit: 0.1, up: {name: pareto, median: 500}, dropout: 0.1,
    availability: {name: markov, on_s: 40, off_s: 10}, outage: {groups: 2, up_s: 90, down_s: 20}}'
digest() { "$COHORT" show "$1/run.h5" --digest; }
"$COHORT" run e.yaml "$clock" output.dir=a > /dev/null || fail "a run with a clock"
for n in 2 3; do
    mpirun --bind-to none -n $n "$COHORT" run e.yaml "$clock" output.dir=a$n > /dev/null || fail "$n ranks"
    [ "$(digest a)" = "$(digest a$n)" ] || fail "other bits on $n ranks"
done
"$COHORT" run e.yaml "$clock" output.dir=b rounds=7 > /dev/null || fail "the first part of a run"
mpirun --bind-to none -n 2 "$COHORT" run e.yaml "$clock" output.dir=b --resume > /dev/null || fail "a resume"
[ "$(digest a)" = "$(digest b)" ] || fail "other bits behind a resume"
# ---- by virtual time
timed() { "$COHORT" run e.yaml "$clock" rounds=1000 eval.every=0 eval.every_s=40 output.checkpoint_every=0 "$@" > /dev/null || fail "$*"; }
timed stop.virtual_s=100 output.dir=c
timed stop.virtual_s=300 output.dir=d
timed stop.virtual_s=300 output.dir=c --resume
[ "$(digest c)" = "$(digest d)" ] || fail "stop.virtual_s: other rows behind a resume"
if "$python" -c 'import h5py' 2> /dev/null; then
    "$python" - <<'P' || fail "rows by virtual time"
import h5py
f = h5py.File("d/run.h5")
time, state, rows = f["rounds/sim_s"][:], f.attrs["state"], sorted(set(f["eval/round"][:]))
want = [0] + [k + 1 for k, t in enumerate(time) if t // 40 > (time[k - 1] if k else 0) // 40]
assert state in ("done", b"done") and time[-1] >= 300 > time[-2], (state, time[-2:])
assert rows == sorted(set(want + [len(time)])), (rows, want)
P
fi
# ---- nobody is left
timeout 60 "$COHORT" run e.yaml 'clock={availability: file, seconds_per_unit: 0.05, trace: t.csv}' rounds=100000 output.dir=gone > /dev/null 2> err
[ $? -eq 2 ] || fail "a population that is gone: not exit code 2"
grep -q 'none of the 4 devices can be reached' err || fail "a population that is gone: $(cat err)"
# ---- a draw that names only devices that are away: others are there, so that time does not go on to the next who comes
printf 'device,start_s,end_s\n0,0,5000\n1,0,5000\n2,0,5000\n3,90000,90001\n' > t.csv
timeout 60 "$COHORT" run e.yaml 'clock={availability: file, seconds_per_unit: 0.05, trace: t.csv}' devices.per_round=1 rounds=40 \
    output.dir=late > /dev/null 2> err || fail "a late device: $(cat err)"
if "$python" -c 'import h5py' 2> /dev/null; then
    "$python" - << 'P' || fail "a late device carries time away"
import h5py
f = h5py.File("late/run.h5")
assert f["rounds/n_unavailable"][:].sum() > 3 and f["rounds/sim_s"][-1] < 5000, (f["rounds/n_unavailable"][:], f["rounds/sim_s"][:])
P
fi
# ---- a dry run in which nobody reports says so
timeout 60 "$COHORT" run e.yaml --dry-run 'clock={seconds_per_unit: 0.05}' devices='{per_round: 3, mode: deadline, deadline_s: 1e-6}' > out 2> err
grep -q 'warning: no participation of these 12 steps reports in time (0 dropped, 36 late, 0 unavailable)' err || fail "a dry run of lost steps: $(cat err)"
timeout 60 "$COHORT" run e.yaml --dry-run 'clock={seconds_per_unit: 0.05}' > out 2> err
[ ! -s err ] || fail "a dry run warns: $(cat err)"
[ $failures -eq 0 ] && echo "clock: all checks passed"
[ $failures -eq 0 ]
