#!/bin/bash
# Every C file stands as .clang-format says. Versions differ in details: it is 14's rule (Debian 12) that counts; 77 without it.
set -u
cd "${SOURCE:?is the folder to check}" || exit 1
for tool in clang-format-14 clang-format; do
    [[ $("$tool" --version 2> /dev/null) == *'version 14.'* ]] && break
    tool=
done
[ -n "$tool" ] || { echo "skipped: no clang-format 14 here"; exit 77; }
files=$(find . -path './build*' -prune -o \( -name '*.c' -o -name '*.h' -o -name '*.inc' \) -print)
bad=$(xargs -P 2 -n 40 "$tool" --dry-run <<< "$files" 2>&1 | grep -oE '^[^: ]+\.(c|h|inc):' | sort -u)
[ -z "$bad" ] && exit 0
echo "not formatted ($tool -i FILE):"
echo "$bad"
exit 1
