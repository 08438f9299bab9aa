"""Start, read, plot and feed the cohort simulator of federated and private training.

    run = cohort.run("jobs/experiments/quickstart.yaml", rounds=50, overwrite=True)
    run.eval; run.plot(); run.state_dict()

The program itself does the work (``cohort.program.find`` says which one is used); this package launches it and reads and
writes its files, which are plain HDF5.
"""
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import CohortError

if TYPE_CHECKING:
    from . import convert
    from .comparisons import Comparison, compare
    from .datasets import Dataset, Writer, import_data, read_dataset, write_dataset, write_text_dataset
    from .partitions import Partition, partition, read_partition, write_partition
    from .predictions import Predictions, predict
    from .runs import Run, dry_run, load, read_tensors, run
    from .watching import watch

__version__ = "0.1.0"
__all__ = ["CohortError", "Comparison", "Dataset", "Partition", "Predictions", "Run", "Writer", "compare", "convert", "dry_run",
           "import_data", "load", "partition", "predict", "read_dataset", "read_partition", "read_tensors", "run", "watch",
           "write_dataset", "write_partition", "write_text_dataset"]

# Where names live. They are loaded when they are asked for: `cohort plot` needs neither pandas nor YAML.
_HOMES = {"comparisons": ("Comparison", "compare"),
          "datasets": ("Dataset", "Writer", "import_data", "read_dataset", "write_dataset", "write_text_dataset"),
          "partitions": ("Partition", "partition", "read_partition", "write_partition"),
          "predictions": ("Predictions", "predict"),
          "runs": ("Run", "dry_run", "load", "read_tensors", "run"),
          "watching": ("watch",)}


def __getattr__(name: str) -> Any:
    if name == "convert":
        return import_module(".convert", __name__)
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(f".{home}", __name__), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
