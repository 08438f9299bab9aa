#!/bin/bash
# clang-tidy finds nothing that .clang-tidy asks for; without the analyzer, which takes a quarter of an hour (tests/campaign/tidy.sh
# adds it by TIDY_CHECKS=). It is version 14's opinion (Debian 12's package clang-tidy) that counts; 77 without it. A false alarm is
# marked in the code: // NOLINT(check): reason
set -u
cd "${SOURCE:?is the folder to check}" || exit 1
for tool in clang-tidy-14 clang-tidy; do
    [[ $("$tool" --version 2> /dev/null) == *'version 14.'* ]] && break
    tool=
done
[ -n "$tool" ] || { echo "skipped: no clang-tidy 14 here"; exit 77; }
build=$(dirname "${COHORT:?is the program}")
[ -e "$build/compile_commands.json" ] || { echo "skipped: no compile_commands.json beside $COHORT"; exit 77; }
mkdir -p "$SCRATCH" && said=$(mktemp "$SCRATCH/tidy.XXXXXX") || exit 1
trap 'rm -f "$said"' EXIT
# kernels: one text for three processors, of which this one may lack some
files=$(find aggregators cli core io models partition privacy report sim trust -name '*.c' -not -path 'models/kernels/avx*')
nice xargs -P 2 -n 8 "$tool" -p "$build" --quiet --checks="${TIDY_CHECKS--clang-analyzer-*}" <<< "$files" > "$said" 2>&1
rc=$?
grep -E '(warning|error): ' "$said" | sed "s#^$PWD/##" | sort -u > "$said.found"
cat "$said.found"
[ $rc -eq 0 ] || tail -n 5 "$said"
n=$(wc -l < "$said.found"); rm -f "$said.found"
echo "$(wc -l <<< "$files") files, $n complaints"
[ "$n" -eq 0 ] && [ $rc -eq 0 ]
