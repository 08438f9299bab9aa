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
digits = np.array([f"{k:3d}," for k in range(256)], "S4").view("u1").reshape(256, 4)  # JSON lets blanks stand before a number
with open("source.jsonl", "wb", buffering=1 << 22) as file:
    while file.tell() < float(os.environ["GB"]) * 1e9:
        x, y = digits[rng.integers(0, 256, (512, 784))].reshape(512, -1)[:, :-1], rng.integers(0, 10, 512)
        file.write(b"".join(b'{"y":%d,"user":"u%d","x":[%b]}\n' % (c, k % 1000, row.tobytes()) for k, (c, row) in enumerate(zip(y, x), n)))
        n += 512
print("examples written:", n)
P
cat > measured <<P
#!$python
# The program below a small parent: a process that Python starts inherits Python's own peak as its first one.
import os, resource, subprocess, sys
code = subprocess.call(["$COHORT", *sys.argv[1:]])
with open("peaks", "a") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(code)
P
chmod +x measured
export COHORT=$work/measured
peak() { sort -n peaks | awk 'END {print int($1 / 1024)}'; rm peaks; } # MiB
cat > convert.py <<'P'
import resource, cohort
data = cohort.convert.json_lines("source.jsonl", "data.h5", y="y", x="x", user="user", progress=False)
print(f"examples converted: {len(data)}; peak MiB: Python {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}")
P
for part in write convert; do
    begin=$SECONDS
    "$python" -W ignore -c "import sys; sys.argv = ['$part']; import cohort, cohort.convert; exec(open('$part.py').read())"
    echo "$part: $((SECONDS - begin)) s$([ ! -e peaks ] || echo ", the program's peak $(peak) MiB")"
done
ls -l source.jsonl data.h5 | awk '{print $5 / 1e9, "GB", $9}'
begin=$SECONDS
"$COHORT" partition data.h5 -o part.h5 method=natural > /dev/null
echo "partition: $((SECONDS - begin)) s, peak $(peak) MiB"
"$COHORT" show part.h5 | sed -n 1,4p
