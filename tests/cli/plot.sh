#!/bin/bash
# jobs/plot on files that the test writes itself; with the Python that plots use.
set -eu
python=${COHORT_PYTHON:-/usr/bin/python3}
unset COHORT_PYTHON
exec "$python" "$SOURCE/tests/jobs/test_plot.py"
