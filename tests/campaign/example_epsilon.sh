#!/bin/bash
# tests/campaign/example_epsilon.sh - epsilon of single devices' steps (local.dp) against dp_accounting on SETTINGS (100) random schedules:
# 20 to 20,000 examples, rates from 0.002 to 1, noise 0.7 to 6, decay, shuffled batches. Some seconds a setting. DP_PYTHON: a Python with
# dp-accounting; TESTS: folder of the built tests.
# Expected: PLD within half a percent, RDP never above theirs (tests/privacy/test_example.c).
. "$(dirname "$0")/common.sh"
theirs=${DP_PYTHON:-$python}
"$theirs" -c 'import dp_accounting' 2> /dev/null || { echo "skipped: $theirs lacks dp-accounting"; exit 77; }
tests=${TESTS:-$top/build-tests/tests}
if [ ! -x "$tests/privacy_test_example" ]; then
    cmake -S "$top" -B "$top/build-tests" -DCMAKE_BUILD_TYPE=Release -DCOHORT_TESTS=ON > /dev/null
    cmake --build "$top/build-tests" -j --target privacy_test_example > /dev/null
fi
n=${SETTINGS:-100}
[ -e "schedules-$n.txt" ] || { "$theirs" -W ignore "$top/tests/reference/examples.py" random "$n" "${SEED:-1}" > part.txt 2> said.txt && mv part.txt "schedules-$n.txt"; } || exit 1
COHORT_EXAMPLES=$PWD/schedules-$n.txt "$tests/privacy_test_example" --filter 'example/epsilon*' > last.log 2>&1 && said=ok || said='NOT ok'
echo "RESULT example_epsilon: $(wc -l < "schedules-$n.txt") schedules, $(grep -c 'theirs [0-9]' last.log) outside, $said"
