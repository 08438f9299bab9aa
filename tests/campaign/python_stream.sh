#!/bin/bash
# tests/campaign/python_stream.sh [GB] - a data set larger than one likes to hold, by way of the Python package: JSON lines of GB gigabytes
# (default 10) are written, converted by cohort.convert.json_lines, and read by the program, which takes a partition's dry run of
# them. Prints seconds and peak memory of each part; needs three times the space below WORK (default /tmp). Half an hour.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../jobs/env.sh"
gb=${1:-10} python=${COHORT_PYTHON:-/usr/bin/python3}
work=$(mktemp -d "${WORK:-/tmp}/python_stream.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
export COHORT=${COHORT:-$here/../../build/cohort} PYTHONPATH=$here/../../python GB=$gb
cat > write.py <<'P'
import os
import numpy as np
rng, n = np.random.default_rng(1), 0
with open("source.jsonl", "w", buffering=1 << 22) as file:
    while file.tell() < float(os.environ["GB"]) * 1e9:
        x, y = rng.integers(0, 256, (512, 784)), rng.integers(0, 10, 512)
        file.write("".join(f'{{"y":{c},"user":"u{k % 1000}","x":[{",".join(map(str, row))}]}}\n' for k, (c, row) in enumerate(zip(y, x.tolist()), n)))
        n += 512
print("examples written:", n)
P
cat > convert.py <<'P'
import resource, cohort
data = cohort.convert.json_lines("source.jsonl", "data.h5", y="y", x="x", user="user", progress=False)
me, program = (resource.getrusage(w).ru_maxrss // 1024 for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(f"examples converted: {len(data)}; peak MiB: Python {me}, the program {program}")
P
for part in write convert; do
    begin=$SECONDS
    "$python" -W ignore -c "import sys; sys.argv = ['$part']; import cohort, cohort.convert; exec(open('$part.py').read())"
    echo "$part: $((SECONDS - begin)) s"
done
ls -l source.jsonl data.h5 | awk '{print $5 / 1e9, "GB", $9}'
begin=$SECONDS
"$COHORT" partition data.h5 -o part.h5 method=natural > /dev/null
"$COHORT" show part.h5 | sed -n 1,4p
echo "partition: $((SECONDS - begin)) s"
