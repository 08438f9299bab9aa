#!/bin/sh
# From a fresh clone to a first result: installs what is missing, builds, trains a small federated model on all
# cores (at most 8), shows a table and draws the curves. Can be repeated; a repeated call only does what is new.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

cores=$(nproc 2> /dev/null || getconf _NPROCESSORS_ONLN 2> /dev/null || echo 1)
ranks=$cores
[ "$ranks" -gt 8 ] && ranks=8
log=build/build.log
run=runs/quickstart

jobs/install.sh

build() {
    cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCOHORT_TESTS=OFF && cmake --build build -j "$cores"
}
mkdir -p build
echo "building into build/ with $cores cores (log: $log) .."
if ! build > "$log" 2>&1; then
    echo "the build failed; the end of $log:" >&2
    tail -n 25 "$log" >&2
    echo "if this folder was moved or copied after an earlier build, remove build/ and try again" >&2
    exit 1
fi

. jobs/env.sh
echo "training on 200 synthetic devices with $ranks MPI ranks .."
mpirun -n "$ranks" build/cohort run jobs/experiments/quickstart.yaml --overwrite
build/cohort show "$run/run.h5"
echo "drawing the curves .."
build/cohort plot "$run/run.h5"

cat << END

In $run/ you find: run.h5 (every metric of every round), accuracy.png and accuracy.svg (the curves),
experiment.yaml (the experiment with every default spelled out), ckpt-*.h5 (the trained model).
Change a key in jobs/experiments/quickstart.yaml, or run your own; in a new terminal, this puts cohort on the PATH:
. jobs/env.sh
END
