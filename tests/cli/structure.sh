#!/usr/bin/env bash
# Every #include "folder/.." must follow the graph of folders: a folder uses itself and what is named here.
# The name of a function of several instruction sets is there once (core/clones.h).
set -u
cd "${SOURCE:?is the folder to check}" || exit 1
declare -A uses=(
    [core]="core"
    [io]="core io"
    [partition]="core io partition"
    [models]="core io models"
    [privacy]="core privacy"
    [aggregators]="core models privacy aggregators"
    [trust]="core io models privacy aggregators trust"
    [sim]="core io partition models privacy aggregators trust sim"
    [report]="core io report"
    [cli]="core io partition models privacy aggregators trust sim report cli"
    [jobs]=""
    [tests]="core io partition models privacy aggregators trust sim report cli tests"
)
failures=0
checked=0
for folder in "${!uses[@]}"; do
    while IFS= read -r hit; do
        path=${hit#*\"}
        path=${path%%\"*}
        checked=$((checked + 1))
        case " ${uses[$folder]} " in
        *" ${path%%/*} "*) [[ $path == */* ]] && [[ -f $path ]] && continue ;;
        esac
        echo "$hit"
        echo "    $folder/ may include only existing \"folder/file.h\" of: ${uses[$folder]:-nothing}"
        failures=$((failures + 1))
    done < <(find "$folder" -type f \( -name '*.c' -o -name '*.h' -o -name '*.inc' \) \
        -exec grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' {} + 2> /dev/null)
done
if ((checked == 0)); then
    echo "no #include found below $SOURCE: is it the source folder?"
    exit 1
fi
while IFS= read -r name; do
    echo "$name(), CO_CLONES: in more than one file, which clang cannot link: give it another name"
    failures=$((failures + 1))
done < <(grep -rh --include='*.c' --exclude-dir='build*' '^CO_CLONES' . | grep -o '\b[a-z_][a-z_0-9]*(' | tr -d '(' | sort | uniq -d)
echo "$checked includes checked, $failures failures"
exit $((failures > 0))
