"""The notebook, cell by cell in one process: what a user runs works. Without Jupyter; IPython's magic words are not used in it."""
import json
import os
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_runs import InFolder  # noqa: E402  (puts the package on the path)

NOTEBOOK = Path(os.environ["SOURCE"]) / "jobs" / "first_steps.ipynb"


class Notebook(InFolder):
    def test_every_cell_runs(self):
        try:
            import matplotlib
        except ImportError:
            self.skipTest("no matplotlib here")
        matplotlib.use("Agg")
        here = os.getcwd()
        os.chdir(self.folder)
        names = {}
        try:
            for k, cell in enumerate(json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]):
                if cell["cell_type"] == "code":
                    with self.subTest(cell=k):
                        exec(compile("".join(cell["source"]), f"cell {k}", "exec"), names)  # noqa: S102
        finally:
            os.chdir(here)
        self.assertGreater(names["run"].score, 0.8)
        self.assertEqual(len(names["private"].privacy), len(names["private"].rounds))

    def test_no_results_are_kept_in_it(self):
        for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
            self.assertFalse(cell.get("outputs"))


if __name__ == "__main__":
    unittest.main()
