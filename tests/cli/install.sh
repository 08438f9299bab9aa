#!/bin/bash
# tests/cli/install.sh - cmake finds libraries by their hints and names all that are missing at once; the installed
# program works from any folder, also with the source and build folders out of sight, and holds no path of them.
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}" "${SOURCE:?the checkout}"
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/install-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
build=$(dirname "$COHORT")
export COHORT_PROGRESS=off
unset COHORT_CHECK_MEMORY
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
command -v cmake > /dev/null || { echo "skipped: cmake is not here"; exit 77; }

configure() { # configure WORD..: text in `said`, cmake's exit code
    rm -rf b
    cmake -S "$SOURCE" -B b -DCOHORT_TESTS=OFF "$@" > said 2>&1
}
row() { grep -E "^ +$1 +$2 " said; } # row found|MISSING NAME

# ---- what is found and what is missing, in one table
configure || fail "configure: $(tail -n 5 said)"
for name in MPI HDF5 OpenBLAS libyaml libsodium zlib FFTW utf8proc Random123; do row found $name > /dev/null || fail "no row of $name: $(cat said)"; done
row found Criterion > /dev/null && fail "Criterion is looked for without the tests"
configure -DYAML_ROOT=/nowhere -DSODIUM_ROOT=/nowhere && fail "configured without libyaml and libsodium"
row MISSING libyaml | grep -q 'YAML_ROOT=/nowhere' && row MISSING libsodium > /dev/null && row found zlib > /dev/null ||
    fail "table of two missing libraries: $(cat said)"
grep -q 'missing: libyaml, libsodium\.' said || fail "the closing line does not name both: $(tail -n 6 said)"
HDF5_ROOT=/nowhere configure && fail "configured without HDF5"
row MISSING HDF5 > /dev/null || fail "HDF5_ROOT of the environment: $(cat said)"
configure -DCOHORT_TESTS=ON -DCRITERION_ROOT=/nowhere && fail "configured tests without Criterion"
row MISSING Criterion | grep -q 'COHORT_TESTS=OFF' || fail "what to do without Criterion: $(cat said)"
configure -DCOHORT_TESTS=AUTO -DCRITERION_ROOT=/nowhere || fail "not configured without Criterion: $(cat said)"
grep -q 'absent *Criterion *tests off' said || fail "tests off, and nothing said of it: $(cat said)"
configure -DCRITERION_ROOT=/nowhere || fail "Criterion is wanted without the tests"

# ---- a library in a prefix of one's own, in the four ways in which it may be named
header=$(printf '#include <yaml.h>\n' | cc -E - 2> /dev/null | sed -n 's/^# [0-9]* "\(.*\/yaml\.h\)".*/\1/p' | head -n 1)
library=$(ldd "$COHORT" | awk '/libyaml/ {print $3}')
if [ -f "$header" ] && [ -f "$library" ]; then
    mkdir -p own/include own/lib/pkgconfig
    cp "$header" own/include/
    cp "$library" own/lib/libyaml.so
    printf 'Name: yaml\nDescription: own\nVersion: 9.9\nLibs: -L%s/lib -lyaml\nCflags: -I%s/include\n' "$work/own" "$work/own" \
        > own/lib/pkgconfig/yaml-0.1.pc
    configure -DYAML_ROOT="$work/own" && row found libyaml | grep -q "$work/own/lib/libyaml.so" || fail "-DYAML_ROOT: $(cat said)"
    YAML_ROOT=$work/own configure && row found libyaml | grep -q "$work/own/lib/libyaml.so" || fail "YAML_ROOT: $(cat said)"
    if command -v pkg-config > /dev/null; then
        PKG_CONFIG_PATH=$work/own/lib/pkgconfig configure && row found libyaml | grep -q '9\.9 .*own/lib' ||
            fail "PKG_CONFIG_PATH: $(cat said)"
        configure -DCMAKE_PREFIX_PATH="$work/own" && row found libyaml | grep -q '9\.9 .*own/lib' || fail "CMAKE_PREFIX_PATH: $(cat said)"
    fi
    rm -r own/lib/pkgconfig
    configure -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON -DCMAKE_PREFIX_PATH="$work/own" \
        -DOPENBLAS_ROOT="$(dirname "$(ldd "$COHORT" | awk '/libopenblas/ {print $3}')")" > /dev/null
    row found libyaml | grep -q "$work/own/lib/libyaml.so" || fail "CMAKE_PREFIX_PATH without pkg-config: $(cat said)"
else
    echo "skipped: a private prefix (no yaml.h or libyaml beside the compiler)"
fi

# ---- installed, and moved: the program and its files find each other by their own place
cmake --install "$build" --prefix "$work/first" > said 2>&1 || fail "cmake --install: $(cat said)"
mv first 'moved here'
prefix="$work/moved here"
for file in bin/cohort share/cohort/env.sh share/cohort/mca.conf share/cohort/python/cohort/plots/__main__.py share/cohort/experiments/quickstart.yaml \
    share/cohort/slurm/requeue.sh; do
    [ -e "$prefix/$file" ] || fail "$file is not installed"
done
cat > use.sh << 'END'
set -eu
prefix=$1
mkdir -p elsewhere && cd elsewhere
. "$prefix/share/cohort/env.sh"
[ "$(command -v cohort)" = "$prefix/bin/cohort" ]
case ",$OMPI_MCA_mca_base_param_files," in *",$prefix/share/cohort/mca.conf,"*) ;; *) exit 3 ;; esac
timeout -k 5 100 mpirun --bind-to none -n 2 cohort run "$prefix/share/cohort/experiments/quickstart.yaml" rounds=4 --overwrite
cohort show runs/quickstart/run.h5 > table
cohort list > members
if /usr/bin/python3 -c 'import h5py, matplotlib' 2> /dev/null; then
    cohort plot runs/quickstart/run.h5
    [ -s runs/quickstart/accuracy.png ]
else
    echo "skipped: cohort plot (needs h5py and matplotlib)"
fi
END
clean=(env -u OMPI_MCA_mca_base_param_files -u COHORT_PYTHON)
"${clean[@]}" bash use.sh "$prefix" > said 2>&1 || fail "the installed program: $(cat said)"
grep skipped said
if [ "$(id -u)" -eq 0 ] && unshare --mount true 2> /dev/null; then
    aside=$(mktemp -d) && rmdir "$aside" && cp -r "$prefix" "$aside" && cp use.sh "$aside"
    # Source, build and scratch folders are covered with empty ones, for this command alone.
    (cd "$aside" && "${clean[@]}" unshare --mount bash -c 'set -e; for f in "$1" "$2"; do [ ! -d "$f" ] ||
        mount -t tmpfs none "$f"; done; [ -z "$(ls -A "$1")" ]; exec bash use.sh "$PWD"' - "$SOURCE" "$build") > said 2>&1 ||
        fail "the installed program without source and build: $(cat said)"
    rm -rf "${aside:?}"
else
    echo "skipped: source and build folders out of sight (needs root and mount namespaces)"
fi

# ---- nothing of the machine it was built on
if command -v strings > /dev/null && ! ldd "$prefix/bin/cohort" | grep -q 'lib[a-z]*san\.'; then # sanitizers keep them
    strings -d "$prefix/bin/cohort" | grep -F -e "$SOURCE/" -e "$build/" > paths && fail "paths of the build: $(head -n 3 paths)"
fi
if command -v readelf > /dev/null; then
    readelf -d "$prefix/bin/cohort" | grep -E 'R(UN)?PATH' | grep -F -e "$SOURCE/" -e "$build/" && fail "the loader's path names the build"
fi

[ $failures -eq 0 ] && echo "install: all checks passed"
exit $((failures > 0))
