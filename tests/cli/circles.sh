#!/bin/bash
# No circle of calls between files: the object files of the libraries, a user before what it uses, can be put in one order. Tables of
# functions count too: who names a plug-in's table uses its file.
set -u
objects=$(dirname "${COHORT:?is the program to check}")/CMakeFiles
pairs=$(find "$objects" -path '*/co_*.dir/*.o' -exec nm -A -P -g {} + | sed 's|^[^:]*/co_[a-z]*\.dir/||' | awk '
    { file = $1; sub(/\.o:$/, "", file) }
    $3 == "U" { n++; user[n] = file; symbol[n] = $2; next }
    { home[$2] = file }
    END { for (i = 1; i <= n; i++) if (symbol[i] in home && home[symbol[i]] != user[i]) print user[i], home[symbol[i]] }' | sort -u)
[ "$(wc -l <<< "$pairs")" -gt 100 ] || { echo "no object files of the libraries below $objects"; exit 1; }
circles=$(tsort <<< "$pairs" 2>&1 > /dev/null | sed -e 's/^tsort: //' -e 's/^-: input contains a loop:/a circle of calls:/')
[ -z "$circles" ] && exit 0
echo "$circles"
exit 1
