#!/bin/bash
# Builds cohort in every way that counts and runs the tests.
#
#   tests/run.sh [ctest arguments]         e.g. tests/run.sh -R plot
#   COHORT_FAST=1 tests/run.sh             only the release build and its tests
#
# Parts: release (gcc, warnings are errors, all tests) in build-ci; sanitizers (address, undefined, leaks; all
# tests to which they add) in build-debug; clang, where it is installed (warnings are errors, builds only) in build-clang. A part
# that fails does not stop the others. Exit code 0 only if all of them passed.
set -u
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit 1
cores=$(nproc 2> /dev/null || echo 2)
report=()
closing=()
failed=0

jobs/install.sh tests || exit $?

# build FOLDER CMAKE-OPTION..: configures and builds; on a failure shows the complaints, or the log's end.
build()
{
    local folder=$1
    shift
    mkdir -p "$folder"
    { cmake -S . -B "$folder" "$@" && cmake --build "$folder" -j "$cores"; } > "$folder/build.log" 2>&1 && return
    echo "the build in $folder failed; from $folder/build.log:" >&2
    grep -E -A 4 '(error|warning|undefined reference|MISSING)' "$folder/build.log" | head -n 60 >&2
    tail -n 10 "$folder/build.log" >&2
    return 1
}

# suite FOLDER CTEST-ARGUMENT..: runs the tests, keeps ctest's closing line.
suite()
{
    local folder=$1 code
    shift
    ctest --test-dir "$folder" --output-on-failure --no-tests=error -j2 "$@" 2>&1 | tee "$folder/ctest.log"
    code=${PIPESTATUS[0]}
    closing+=("$(grep -E '% tests passed' "$folder/ctest.log" || echo "$folder: ctest ended with $code")")
    return "$code"
}

# part NAME COMMAND..: runs it, notes the result and the time.
part()
{
    local name=$1 start=$SECONDS verdict=passed
    shift
    echo "== $name .."
    "$@" || { verdict=FAILED; failed=1; }
    report+=("$(printf '%-10s %-6s %5d s' "$name" "$verdict" $((SECONDS - start)))")
    echo "== ${report[-1]}"
}

release()
{
    build build-ci -DCMAKE_BUILD_TYPE=Release -DCOHORT_TESTS=ON -DCMAKE_C_FLAGS=-Werror && suite build-ci "$@"
}
# Without the tests that read the sources or scripts alone, those of the Python package (the program that it starts is the one that
# the other scripts start), and those whose commands other tests give: README's blocks, and dry runs of what golden runs.
sanitizers()
{
    build build-debug -DCMAKE_BUILD_TYPE=Debug -DCOHORT_TESTS=ON -DCOHORT_SANITIZE=ON &&
        suite build-debug -E '^(cli_(tidy|format|structure|install|plot|python|readme)|golden_resolved)$' "$@"
}
# Without optimising (no build type): what clang complains of it finds before.
clang_build()
{
    build build-clang -DCMAKE_BUILD_TYPE=None -DCOHORT_TESTS=ON -DCMAKE_C_COMPILER=clang -DCMAKE_C_FLAGS=-Werror
}

part release release "$@"
if [ "${COHORT_FAST:-0}" != 1 ]; then
    part sanitizers sanitizers "$@"
    if command -v clang > /dev/null; then
        part clang clang_build
    else
        report+=("clang      not installed")
    fi
fi

echo
printf '%s\n' "${report[@]}"
[ ${#closing[@]} -gt 0 ] && printf '%s\n' "${closing[@]}"
exit $failed
