#!/bin/bash
# cohort.plots on files that the test writes itself; with the Python that plots use.
set -eu
python=${COHORT_PYTHON:-/usr/bin/python3}
unset COHORT_PYTHON
exec "$python" "$SOURCE/tests/python/test_plots.py"
