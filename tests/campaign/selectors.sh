#!/bin/bash
# tests/campaign/selectors.sh - inclusion counts of every selector over 1e5 rounds, 1,000 devices of Zipf sizes (50 a round), and the
# time of a selection of 1,000 among ten million devices. Needs a build with tests; SUITE: its program kinds_test_selector.
# Expected: sum (O - E)^2 / (R pi (1 - pi)) within 5 standard deviations of its degrees of freedom, devices of chance 1 in every
# round, Horvitz-Thompson totals within 4 standard errors; weighted, mixture and top_m at most 100 ms. Some 30 seconds.
. "$(dirname "$0")/common.sh"
suite=${SUITE:-$top/build/tests/kinds_test_selector}
[ -x "$suite" ] || { echo "skipped: $suite is not there; build with -DCOHORT_TESTS=ON"; exit 77; }
SELECTOR_ROUNDS=100000 SELECTOR_DEVICES=10000000 "$suite" -j1 --filter 'selector/@(counts_of_a|time_of)*' 2>&1 | tee counts.log
if grep -q "Tested: 2 | Passing: 2" counts.log; then verdict=ok; else verdict=FAILED; fi
slowest=$(sed -n 's/.* devices: \([0-9.]*\) ms a selection.*/\1/p' counts.log | sort -g | tail -n 1)
awk -v t="$slowest" 'BEGIN { exit !(t <= 100) }' || verdict="SLOWER THAN 100 ms"
echo "RESULT selectors: counts of 1e5 rounds $verdict, slowest selection among ten million devices $slowest ms"
