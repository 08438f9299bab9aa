#!/bin/bash
# tests/cli/help.sh - every help text and every member of `cohort list`: no line of more than 100 columns, but for words that are
# longer than what is left of one; `cohort plot --help` tells every option that cohort.plots takes.
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}" "${SOURCE:?the checkout}"
mkdir -p "$SCRATCH"
texts=$(mktemp "$SCRATCH/help-XXXXXX") || exit 1
trap 'rm -f "$texts"' EXIT
export LC_ALL=C.UTF-8
failures=0 n=0
look() { # words of a call
    n=$((n + 1))
    "$COHORT" "$@" > "$texts" || { failures=$((failures + 1)); echo "FAILED: cohort $*"; }
    awk -v call="$*" 'length > 100 && $NF == substr($0, length - length($NF) + 1) && length - length($NF) > 100 {print "FAILED: cohort " call ": " length ": " $0; bad = 1}
                      length > 100 && NF > 1 {print "FAILED: cohort " call ": " length ": " $0; bad = 1} END {exit bad}' "$texts" || failures=$((failures + 1))
}
look --help
for command in import partition export run compare show plot list account; do look $command --help; done
look list
for kind in $("$COHORT" list | sed -n 's/^\([a-z_]*\): .*/\1/p'); do
    look list "$kind"
    for member in $("$COHORT" list "$kind" | sed -n '2,$s/^\([a-z0-9_]*\): .*/\1/p'); do look list "$kind" "$member"; done
done
for format in $("$COHORT" list reader | sed -n '2,$s/^\([a-z0-9_]*\): .*/\1/p'); do look import "$format" --help; done
for method in $("$COHORT" list partitioner | sed -n '2,$s/^\([a-z0-9_]*\): .*/\1/p'); do look partition "method=$method" --help; done
[ $n -gt 100 ] || { failures=$((failures + 1)); echo "FAILED: only $n texts"; }

python=${COHORT_PYTHON:-/usr/bin/python3}
if "$python" -c 'import h5py, matplotlib' 2> /dev/null; then
    for key in $(PYTHONPATH=$SOURCE/python "$python" -B -m cohort.plots --help | tr -s ' \n' ' ' | sed 's/.*options: x=/x=/' | grep -oE '(^|[ ;])[a-z]+=' | tr -d ' ;='); do
        "$COHORT" plot --help | grep -q "^  $key=" || { failures=$((failures + 1)); echo "FAILED: plot --help does not tell $key="; }
    done
fi
echo "$n help texts, $failures faults"
exit $((failures > 0))
