#!/bin/bash
# tests/campaign/bad_input.sh - every case of tests/cli/bad_input.sh, those of `run` on 1 and on 3 ranks, none longer than 5 s. Prints the table.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
ALL_RANKS=1 LIMIT_S=5 COHORT=$cohort SOURCE=$top SCRATCH=$work bash "$top/tests/cli/bad_input.sh" | tee table.md; good=${PIPESTATUS[0]}
echo "RESULT bad_input: $(tail -n 1 table.md)"
exit $good
