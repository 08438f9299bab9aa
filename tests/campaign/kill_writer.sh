#!/bin/bash
# tests/campaign/kill_writer.sh - 2,000 kills of a writer of checkpoints: nothing half written under its real name, the generation
# before loads. Needs the tests to be built: BUILD, default build.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
WRITER_KILLS=${WRITER_KILLS:-2000} SCRATCH=$work "${BUILD:-$top/build}/tests/fault_test_kill_writer" -j1 > log 2>&1 && verdict=0 || verdict=$?
cat log
echo "RESULT kill_writer: $(grep ' kills, ' log); $(grep -o 'Passing: [0-9]* | Failing: [0-9]*' log)"
exit "$verdict"
