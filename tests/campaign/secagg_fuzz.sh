#!/usr/bin/env bash
# Messages of secure aggregation damaged at random, under the address and undefined-behaviour sanitizers: bits, lengths, pieces and whole messages
# of other stages and steps, with digests that fit and that do not. SECONDS_EACH (1800) on one core; SEED (1). Expected: RESULT with the number of
# cohorts, no report of a sanitizer, and no sum but the plain one where no masked vector was changed.
. "$(dirname "$0")/common.sh"
cmake -S "$top" -B "$work/build" -DCMAKE_BUILD_TYPE=Debug -DCOHORT_TESTS=ON -DCOHORT_SANITIZE=ON > /dev/null
cmake --build "$work/build" -j --target cohort_fuzz_secagg > build.log 2>&1 || { tail build.log; exit 1; }
ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 nice -n 19 "$(find "$work/build" -name cohort_fuzz_secagg -type f)" "${SECONDS_EACH:-1800}" "${SEED:-1}" > out.txt
echo "RESULT $(cat out.txt)"
