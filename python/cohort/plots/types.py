"""Words for what the drawing functions hand to each other."""
from typing import Any

Array = Any  # of NumPy
Axes = Any  # of matplotlib
Figure = Any  # of matplotlib
Part = dict[str, Any]  # what pictures need of one file; columns of a table
Drawn = tuple[Figure, str]  # the figure, and the default name of its picture
