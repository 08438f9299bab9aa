#!/bin/bash
# tests/campaign/fault_walk.sh - every fault site there is, on 1 and on 3 ranks, one after the other: no crash, hang or leak, and
# each disturbed run goes on to the undisturbed bits. Needs the tests to be built: BUILD, default build.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
for n in 1 3; do
    grep -q "^$n ranks: " log-$n 2> /dev/null && continue
    first=$(sed -n 's/^walked \([0-9]*\):.*/\1/p' log-$n 2> /dev/null | tail -n 1)
    WALK_SITES=0 WALK_FIRST=${first:-1} SCRATCH=$work mpirun --bind-to none -n $n "${BUILD:-$top/build}/tests/mpi_fault_walk" >> log-$n 2>&1 ||
        { tail -n 20 log-$n; echo "RESULT fault_walk: failed on $n ranks"; exit 1; }
done
echo "RESULT fault_walk: $(grep -h ' ranks: ' log-1 log-3 | paste -sd';')"
