#!/bin/bash
# tests/apart.sh COMMAND.. - runs a test with a TMPDIR of its own, which goes when it ends. Open MPI 5 leaves the session folder of a killed
# mpirun behind and fails when another mpirun gets the same process id. The name is short: a socket's path has at most 107 bytes.
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/co-XXXXXX") || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
"$@"
