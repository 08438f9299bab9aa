"""python -m cohort.plots: what `cohort plot` starts."""
import sys

from .start import main

sys.exit(main())
