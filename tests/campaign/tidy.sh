#!/bin/bash
# tests/campaign/tidy.sh - clang-tidy with its analyzer of paths over the whole program: 15 minutes of one core.
# Expected: no complaints.
. "$(dirname "$0")/common.sh"
rc=0
said=$(COHORT=$cohort SOURCE=$top SCRATCH=$work TIDY_CHECKS='' bash "$top/tests/cli/tidy.sh") || rc=$?
echo "$said"
echo "RESULT tidy: $(tail -n 1 <<< "$said")"
exit $rc
