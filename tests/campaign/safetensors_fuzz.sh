#!/usr/bin/env bash
# Files of weights damaged at random, under the address and undefined-behaviour sanitizers: headers, lengths, indices of shards, JSON.
# SECONDS_EACH (1800) on one core; SEED (1). About 3,000 inputs a second. Expected: RESULT with the number of inputs, and no report of a sanitizer.
. "$(dirname "$0")/common.sh"
cmake -S "$top" -B "$work/build" -DCMAKE_BUILD_TYPE=Debug -DCOHORT_TESTS=ON -DCOHORT_SANITIZE=ON > /dev/null
cmake --build "$work/build" -j --target cohort_fuzz_weights > build.log 2>&1 || { tail build.log; exit 1; }
scratch=$(mktemp -d -p /dev/shm 2> /dev/null || mktemp -d)
trap 'rm -rf "$scratch"' EXIT
UBSAN_OPTIONS=print_stacktrace=1 nice -n 19 "$(find "$work/build" -name cohort_fuzz_weights -type f)" "${SECONDS_EACH:-1800}" "${SEED:-1}" "$scratch" > out.txt
echo "RESULT $(cat out.txt)"
