#!/bin/bash
# tests/campaign/accountants_random.sh - the accountants against an independent program on SETTINGS (1,000) random questions: noise 0.05 to 100,
# rates 1e-9 to 1, 1 to 1e9 rounds, delta 1e-12 to 0.1, every mechanism and sampling. Some seconds a setting. DP_PYTHON: a Python with
# numpy, scipy and mpmath; TESTS: folder of the built tests.
# Expected: every bracket holds the truth and the answer is within 1 % of it (tests/privacy/test_truth.c).
. "$(dirname "$0")/common.sh"
theirs=${DP_PYTHON:-$python}
"$theirs" -c 'import mpmath, numpy, scipy' 2> /dev/null || { echo "skipped: $theirs lacks mpmath, numpy or scipy"; exit 77; }
tests=${TESTS:-$top/build-tests/tests}
if [ ! -x "$tests/privacy_test_truth" ]; then
    cmake -S "$top" -B "$top/build-tests" -DCMAKE_BUILD_TYPE=Release -DCOHORT_TESTS=ON > /dev/null
    cmake --build "$top/build-tests" -j --target privacy_test_truth > /dev/null
fi
n=${SETTINGS:-1000}
[ -e "truths-$n.txt" ] || { "$theirs" -W ignore "$top/tests/reference/accountants.py" random "$n" "${SEED:-1}" > part.txt 2> left_out.txt && mv part.txt "truths-$n.txt"; } || exit 1
COHORT_TRUTHS=$PWD/truths-$n.txt "$tests/privacy_test_truth" --filter 'truth/brackets*' > last.log 2>&1 && said=ok || said='NOT ok'
echo "RESULT accountants_random: $(wc -l < "truths-$n.txt") settings, $(grep -c '^left out' left_out.txt) left out by the reference, $(grep -c 'truth [0-9]' last.log) outside, $said"
