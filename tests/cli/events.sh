#!/bin/bash
# tests/cli/events.sh - the events of every planner, one by one, beside a simulation of their own by brute force
# (tests/reference/events.py): who starts when from which version, when steps are made, who is part of them and who is lost. Trips take
# 1 to 7 whole seconds, so that most end at the same time as others; some drop out, some are away.
set -u
mkdir -p "$SCRATCH" && work=$(mktemp -d "$SCRATCH/events-XXXXXX") && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
python=${COHORT_PYTHON:-/usr/bin/python3}
"$python" -c 'import sys' 2> /dev/null || { echo "skipped: no $python"; exit 77; }

# As cli/main.c starts a lone process, whose daemon would take away the folder that the next one makes its own in.
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_create_session_dirs=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
same() { # same STEPS DEVICES PER_ROUND MODE [key=value ..]
    local steps=$1 devices=$2 per_round=$3 mode=$4 options="mode: $4"; shift 4
    for word in "$@"; do options+=", ${word%%=*}: ${word#*=}"; done
    for salt in ${salts:-1}; do
        "$EVENTS" "$devices" "$per_round" "$steps" $salt "$options" > told 2> log || fail "$mode $*: $(cat log)"
        "$python" "$SOURCE/tests/reference/events.py" "$mode" devices="$devices" per_round="$per_round" "$@" < told > text 2>&1 ||
            fail "$mode $* (salt $salt): $(tail -1 text)"
        cat text
    done
}

same 60 30 5 synchronous
same 60 30 5 deadline over_select=1.3
same 60 30 5 deadline over_select=2 deadline_s=3
same 60 30 5 deadline deadline_s=3
same 60 30 5 buffered
same 60 30 5 buffered concurrency=2
salts="1 2 3" same 60 30 5 buffered concurrency=25 max_staleness=2
same 60 30 1 buffered concurrency=30
same 60 9 7 buffered concurrency=9 # fewer devices than a buffer and the places beside it
same 60 1 1 synchronous # the only device is away now and then
same 60 1 1 buffered
same 60 6 1 synchronous # one of six or two are away: another draw finds somebody else at the same time
same 60 6 2 buffered concurrency=2
same 60 30 5 semi_synchronous interval_s=2 concurrency=20
same 60 30 5 semi_synchronous interval_s=1 concurrency=28 max_staleness=3
same 60 30 5 semi_synchronous interval_s=3 steps_by_speed=true
salts="1 2" same 1500 300 10 buffered concurrency=100
[ "$(grep -oE '[0-9]+ trips' text | grep -oE '[0-9]+')" -ge 10000 ] || fail "fewer than 10,000 trips: $(cat text)"

# The simulation does see a difference: an event that comes a nanosecond late, two that change their places.
"$EVENTS" 30 5 20 1 'mode: buffered, concurrency: 12' > told || fail "events"
check() { "$python" "$SOURCE/tests/reference/events.py" buffered devices=30 per_round=5 concurrency=12 > text 2>&1; }
check < told || fail "the events as they are"
awk '$1 == "row" && $2 == 9 && !n++ {$6++} {print}' told | check && fail "an end that is a nanosecond late passes"
awk '$1 == "row" && $2 == 7 && !n++ {$4--} {print}' told | check && fail "another version passes"
[ $failures -eq 0 ] && echo "all checks passed"
[ $failures -eq 0 ]
