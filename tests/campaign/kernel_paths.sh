#!/bin/bash
# tests/campaign/kernel_paths.sh - the accuracy after 200 rounds does not depend on the kernels: Fashion-MNIST, 1,000 devices, Dirichlet
# 0.3, 20 a round, two convolutions (3x3 and 5x5) and two dense layers, with every path that the processor has.
# Expected: test accuracies within 0.01 of the reference path's.
. "$(dirname "$0")/common.sh"
need data/images/fashion-mnist
[ -e fashion_mnist.h5 ] || "$cohort" import fashion_mnist "$shared/data/images/fashion-mnist" -o fashion_mnist.h5
cat > paths.yaml <<'Y'
name: paths
rounds: 200
data: {file: fashion_mnist.h5}
partition: {method: dirichlet, devices: 1000, alpha: 0.3}
model:
  layers:
    - {conv2d: {channels: 16, kernel: 3, padding: same}}
    - relu
    - {max_pool: 2}
    - {conv2d: {channels: 32, kernel: 5, padding: same}}
    - relu
    - {max_pool: 2}
    - flatten
    - {dense: 64}
    - relu
    - {dense: classes}
devices: {per_round: 20}
local: {batch: 10, lr: 0.05}
eval: {every: 50}
Y
paths=(reference plain)
for path in avx2 avx512; do
    COHORT_KERNELS=$path "$cohort" run paths.yaml --dry-run > /dev/null 2>&1 && paths+=("$path")
done
for path in "${paths[@]}"; do
    export COHORT_KERNELS=$path
    train paths.yaml output.dir="$path"
done
$python - "${paths[@]}" <<'P'
import sys
import h5py
end = {}
for path in sys.argv[1:]:
    e = h5py.File(f"{path}/run.h5")["eval"]
    end[path] = (e["accuracy"][-1], e["loss"][-1])
    print(f"{path:10} accuracy {end[path][0]:.4f}, loss {end[path][1]:.4f}")
apart = max(abs(a - end["reference"][0]) for a, _ in end.values())
print(f"RESULT kernel_paths: {len(end)} paths, at most {apart:.4f} from the reference's {end['reference'][0]:.4f}",
      "ok" if apart <= 0.01 else "TOO FAR")
P
