#!/bin/bash
# tests/campaign/samplers.sh - the samplers of noise against their exact mass on 1e7 draws each (DRAWS): G-tests of the discrete
# Gaussian at five standard deviations from 0.3 to 1e6, and of every mechanism on its grid. TESTS: folder of the built tests.
# Expected: every G within five sigmas of its law.
. "$(dirname "$0")/common.sh"
tests=${TESTS:-$top/build-tests/tests}
if [ ! -x "$tests/privacy_test_samplers" ]; then
    cmake -S "$top" -B "$top/build-tests" -DCMAKE_BUILD_TYPE=Release -DCOHORT_TESTS=ON > /dev/null
    cmake --build "$top/build-tests" -j --target privacy_test_samplers > /dev/null
fi
draws=${DRAWS:-1e7}
[ -e "done-$draws" ] || { COHORT_DRAWS=$draws "$tests/privacy_test_samplers" --verbose -j1 > last.log 2>&1 && mv last.log "done-$draws"; } ||
    { tail -n 20 last.log; echo "RESULT samplers: NOT ok at $draws draws"; exit 1; }
echo "RESULT samplers: $(grep -c '^\[PASS\]' "done-$draws") tests pass at $draws draws, ok"
