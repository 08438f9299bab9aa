#!/bin/bash
# tests/campaign/secagg.sh - secure aggregation, whoever drops out when: every drop-out pattern of 2 to 7 devices for every threshold, of 8
# for THRESHOLDS (5, the first above half),
# RANDOM_ONES (10,000) scenarios to 200 devices with SecAgg, PLUS_ONES (30) of 1,000 with SecAgg+. Needs the tests to be built: BUILD, default build.
# MOST: most devices of patterns (8). About 1,300 s of a core for patterns, 2,000 s for the 10,000, 200 s for the 30. Expected: every sum is the plain one bit for bit, or the step fails where it has to.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
scenarios=${BUILD:-$top/build}/tests/cohort_secagg_scenarios
[ -x "$scenarios" ] || { echo "skipped: $scenarios is not built"; exit 77; }
play() { # play NAME WORDS..: once
    local file=$1.done
    shift
    [ -s "$file" ] || { "$scenarios" "$@" > "$file.part" || { cat "$file.part"; echo "RESULT secagg: $* WRONG"; exit 1; }; mv "$file.part" "$file"; }
}
for n in $(seq 2 "${MOST:-8}"); do
    thresholds=$(seq 2 "$n")
    [ "$n" -lt 8 ] || thresholds=${THRESHOLDS:-5}
    for t in $thresholds; do play "patterns-$n-$t" patterns "$n" "$t"; done
done
for ((from = 0; from < ${RANDOM_ONES:-10000}; from += 100)); do play "random-$from" random "$from" $((from + 100)) 200; done
for ((from = 0; from < ${PLUS_ONES:-30}; from += 5)); do play "plus-$from" plus "$from" $((from + 5)) 1000; done
count() { cat "$@" | awk '{w += $1; f += $3} END {printf "%d right sums, %d right failures", w, f}'; }
echo "RESULT secagg: patterns of up to ${MOST:-8}: $(count patterns-*.done); to 200 devices: $(count random-*.done); 1,000 devices, SecAgg+: $(count plus-*.done); none wrong"
