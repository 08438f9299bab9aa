#!/bin/bash
# tests/campaign/import_all.sh [DATA [WORK]] - runs every import command of jobs/data.md on the published files, and the lines of Python
# that some need first; prints what each gives, and how many of them do. A few minutes.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export DATA=${1:-${COHORT_SHARED:-$here/../shared}/data}
[ -d "$DATA" ] || { echo "skipped: there are no data in $DATA"; exit 77; }
work=${2:-$(mktemp -d)}
[ $# -ge 2 ] || trap 'rm -rf "$work"' EXIT
. "$here/jobs/env.sh"
program=${COHORT:-$here/build/cohort} python=${COHORT_PYTHON:-/usr/bin/python3}
cohort() { "$program" "$@"; }
mkdir -p "$work"
cd "$work" || exit 1
"$python" - <(sed -n 's/^    //p' "$here/jobs/data.md") <<'P' || exit 1
import sys
exec(open(sys.argv[1]).read())
P
(cd "$DATA/qa/qamr" && sed -n '/^    import collections, json$/,/^$/s/^    //p' "$here/README.md") > qamr.py
(cd "$DATA/qa/qamr" && sed "s|\"qamr.json\"|\"$work/qamr.json\"|" "$work/qamr.py" | "$python" -) || exit 1
good=0 all=0
while IFS= read -r command; do
    all=$((all + 1)) begin=$SECONDS
    if eval "$command --overwrite" > log 2>&1; then
        good=$((good + 1))
        echo "ok $((SECONDS - begin)) s: $(sed -n 's/^ *examples *//p; s/^ *users *\([0-9]*\).*/\1 users/p' log | paste -sd ' '): ${command##*-o }"
    else
        echo "FAILED: $command"
        tail -n 2 log
    fi
done < <(sed -n 's/^| .*`\(cohort import .*\)` |$/\1/p' "$here/jobs/data.md")
echo "$good of $all"
[ "$good" = "$all" ]
