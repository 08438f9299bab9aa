#!/bin/bash
# tests/campaign/bit_flips.sh - 100,000 single-bit flips over files of the four kinds in one process; none may be silent.
# Needs the tests to be built: BUILD, default build.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
flips=${BIT_FLIPS:-100000}
BIT_FLIPS=$flips COHORT=$cohort SCRATCH=$work "${BUILD:-$top/build}/tests/fault_test_bit_flips" -j1 > log 2>&1 && verdict=0 || verdict=$?
cat log
echo "RESULT bit_flips: $flips flips, $(awk '/ silent$/ {n += $4} END {print n + 0}' log) silent"
exit "$verdict"
