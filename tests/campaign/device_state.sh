#!/bin/bash
# tests/campaign/device_state.sh - scaffold with 1,000 devices x 1.6 million parameters (6.4 GB of state): memory as the dry run
# says, seconds of a checkpoint, killed and resumed to the same bits; 10,000 devices refused at the start.
# DEVICES (default 1000) shortens it for a try.
. "$(dirname "$0")/common.sh"
devices=${DEVICES:-1000}
cat > state.yaml <<Y
name: state
rounds: 4
algorithm: scaffold
data: {generator: synthetic, devices: $devices, alpha: 1, beta: 1, size: 20, features: 784}
model: {name: mlp, hidden: [1024, 768]}
devices: {per_round: $devices}
local: {batch: 0, lr: 0.001}
eval: {every: 0}
output: {dir: calm, checkpoint_every: 2, keep: 1}
Y
run() { mpirun -n "$ranks" /usr/bin/time -f 'peak_kib %M' "$cohort" run state.yaml "$@"; }
run --dry-run | grep -E '^(device state|memory)'
[ -e calm/ckpt-00000004.h5 ] || run > calm.log 2>&1 || { tail -n 3 calm.log; exit 1; }
if [ ! -e killed/ckpt-00000004.h5 ]; then
    rm -rf killed
    run output.dir=killed > killed.log 2>&1 &
    until [ -e killed/ckpt-00000002.h5 ]; do sleep 0.2; done
    pkill -KILL -f 'run state.yaml output.dir=killed$' || true
    wait || true
    run output.dir=killed --resume > resumed.log 2>&1 || { tail -n 3 resumed.log; exit 1; }
fi
same=no
[ "$("$cohort" show calm/ckpt-00000004.h5 --digest)" = "$("$cohort" show killed/ckpt-00000004.h5 --digest)" ] && same=yes
refused=no
"$cohort" run state.yaml data.devices=10000 devices.per_round=10000 --dry-run > refused.log 2>&1 || refused=yes
grep -h 'needs' refused.log || true
$python - "$same" "$refused" <<'P'
import re, sys
import h5py
peak = sum(int(k) for k in re.findall(r"peak_kib (\d+)", open("calm.log").read())) / 2**20
seconds = h5py.File("calm/run.h5")["load/write_s"][:].max()
print(f"RESULT device_state: peak {peak:.1f} GiB over all ranks, checkpoint {seconds:.1f} s, same bits after a kill {sys.argv[1]},"
      f" 10,000 devices refused {sys.argv[2]}")
P
