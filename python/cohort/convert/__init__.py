"""Other programs' formats as data sets, partitions and traces of cohort, each read by its field's own library.

Data sets stream: a converter holds a batch of examples at a time, so that what is larger than the memory goes through. An
example's id is its place in the source, training files first; the result says so in its attribute ``source``. Each converter
gives what it has made (`cohort.Dataset`, `cohort.Partition`).
"""
from .images import cifar_pickles, image_folder, torch_dataset
from .partitions import from_flwr, pfl_npz, to_flwr, to_lists
from .tables import arrow, csv, frame, hugging_face, json_lines, json_records, parquet
from .texts import leaf_celeba, leaf_reddit, tff_sqlite, tokenised
from .traces import fedscale_traces

__all__ = ["arrow", "cifar_pickles", "csv", "fedscale_traces", "frame", "from_flwr", "hugging_face", "image_folder", "json_lines",
           "json_records", "leaf_celeba", "leaf_reddit", "parquet", "pfl_npz", "tff_sqlite", "to_flwr", "to_lists", "tokenised",
           "torch_dataset"]
