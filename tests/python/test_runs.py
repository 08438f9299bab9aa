"""What the Python package starts, reads and says, against the program itself."""
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ["SOURCE"], "python"))
import cohort  # noqa: E402
from cohort import program, yaml_text  # noqa: E402
from cohort.runs import Bar  # noqa: E402

SMALL = {"name": "small", "rounds": 6, "data": {"generator": "synthetic", "devices": 20, "alpha": 1, "beta": 1, "test_fraction": 0.2},
         "model": {"name": "softmax"}, "devices": {"per_round": 5}, "local": {"lr": 0.05}, "eval": {"every": 2}}


def descendants(parent):
    """(id, words) of the processes below one."""
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        for pid in map(int, task.read_text().split()):
            try:
                yield pid, Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                yield from descendants(pid)
            except OSError:
                continue


class InFolder(unittest.TestCase):
    def setUp(self):
        scratch = os.environ.get("SCRATCH", tempfile.gettempdir())
        os.makedirs(scratch, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=scratch)
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def small(self, **more):
        """A run of some milliseconds."""
        more.setdefault("output", {"dir": str(self.folder / "run")})
        return cohort.run(SMALL, ranks=1, progress=False, **more)


class Runs(InFolder):
    def test_a_run_from_a_dict_is_the_run_of_the_file(self):
        run = self.small(local={"epochs": 2})
        path = self.folder / "e.yaml"
        path.write_text(yaml_text.write({**SMALL, "local": {"lr": 0.05, "epochs": 2}}))
        other = cohort.run(path, ranks=2, progress=False, output={"dir": str(self.folder / "other")})
        self.assertEqual(list(run.rounds["model_digest"]), list(other.rounds["model_digest"]))
        self.assertEqual(run.config["local"]["epochs"], 2)
        self.assertEqual(run.config["local"]["lr"], 0.05)
        self.assertEqual((run.state, run.name, run.metric), ("done", "small", "accuracy"))
        self.assertEqual(len(run.attributes["data_digest"]), 32)

    def test_tables_are_those_of_the_file(self):
        run = self.small()
        self.assertEqual(list(run.rounds["round"]), [1, 2, 3, 4, 5, 6])
        self.assertEqual(list(run.eval["round"]), [0, 2, 4, 6])
        self.assertEqual(set(run.eval["split"]), {"test"})
        self.assertEqual(set(run.eval["scope"]), {"central"})
        self.assertEqual(set(run.devices["status"]), {"reported"})
        self.assertEqual(len(run.devices), 30)
        self.assertEqual(len(run.load), 6)
        self.assertTrue(run.privacy.empty and run.privacy_examples.empty)
        self.assertEqual(run.score, run.eval["accuracy"].iloc[-1])
        self.assertIn("small", run.show())
        run.rounds.loc[:, "round"] = 0  # a copy: the run is not changed
        self.assertEqual(run.rounds["round"].iloc[-1], 6)

    def test_the_model_is_what_the_checkpoint_holds(self):
        run = self.small()
        tensors = run.state_dict()
        self.assertEqual({k: tuple(v.shape) for k, v in tensors.items()}, {"1.weight": (10, 60), "1.bias": (10,)})
        self.assertEqual(len(run.checkpoints), 1)
        with self.assertRaises(ValueError):
            cohort.read_tensors(run.file)

    def test_errors_carry_message_and_exit_code(self):
        self.small()
        for change, code, words in (({}, 2, "holds a run already"), ({"locl": {"lr": 1}}, 2, "did you mean local"),
                                    ({"data": {"file": "none.h5"}, "overwrite": True}, 2, "generator"),
                                    ({"model": {"init": "none.h5"}, "overwrite": True}, 4, "none.h5"),
                                    ({"rounds": 20, "local": {"lr": 1e6}, "server": {"lr": 1e6}, "model": {"name": "mlp", "hidden": [64, 64]}, "overwrite": True}, 5, "non-finite")):
            with self.assertRaises(cohort.CohortError) as caught:
                self.small(**change)
            self.assertEqual(caught.exception.exit_code, code, caught.exception)
            self.assertIn(words, str(caught.exception))
            self.assertNotIn("cohort: ", str(caught.exception))

    def test_errors_on_two_ranks_are_told_once(self):
        with self.assertRaises(cohort.CohortError) as caught:
            cohort.run(SMALL, ranks=2, progress=False, output={"dir": str(self.folder)}, rounds=0)
        self.assertEqual(caught.exception.exit_code, 2)
        self.assertNotIn("mpirun", str(caught.exception))

    def test_a_rank_that_is_killed_is_an_error_and_the_run_goes_on(self):
        long = {**SMALL, "rounds": 200000, "eval": {"every": 0}, "output": {"dir": str(self.folder / "long"), "checkpoint_every": 50}}
        errors = []

        def play():
            try:
                cohort.run(long, ranks=2, progress=False)
            except cohort.CohortError as error:
                errors.append(error)

        thread = threading.Thread(target=play)
        thread.start()
        victim = self.wait_for_rank(str(self.folder / "long"))
        os.kill(victim, signal.SIGKILL)
        thread.join(120)
        self.assertEqual(len(errors), 1)
        self.assertNotEqual(errors[0].exit_code, 0)
        run = cohort.run({**long, "rounds": 300}, ranks=1, progress=False, overwrite=True)
        self.assertEqual(int(run.rounds["round"].iloc[-1]), 300)

    def wait_for_rank(self, folder):
        """The id of a rank below this process that has begun to train."""
        for _ in range(600):
            begun = list(Path(folder).glob("ckpt-*"))
            ranks = [pid for pid, words in descendants(os.getpid()) if words and words[0].endswith(b"/cohort")]
            if begun and ranks:
                return ranks[0]
            time.sleep(0.1)
        self.fail("no rank has begun")
        return 0

    def test_ctrl_c_writes_a_checkpoint_and_the_run_goes_on_from_it(self):
        code = ("import sys, os, signal, threading, time; sys.path.insert(0, os.environ['SOURCE'] + '/python'); import cohort\n"
                f"e = {({**SMALL, 'rounds': 3000000, 'eval': {'every': 0}, 'output': {'dir': 'stopped', 'checkpoint_every': 200, 'keep': 1000000}})!r}\n"
                "def stop():\n"
                "    while not os.path.exists('stopped/ckpt-00000200.h5'): time.sleep(0.05)\n"
                "    os.kill(os.getpid(), signal.SIGINT)\n"
                "threading.Thread(target=stop, daemon=True).start()\n"
                "try: cohort.run(e, ranks=2, progress=False)\n"
                "except cohort.CohortError as error: print(error.exit_code, error.stopped)\n")
        done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False, cwd=self.folder, timeout=120)
        self.assertEqual(done.stdout.split(), ["75", "True"], done.stderr)
        run = cohort.load(self.folder / "stopped")
        at = int(run.rounds["round"].iloc[-1])
        self.assertEqual(run.state, "stopped")
        self.assertEqual(run.checkpoints[-1].name, f"ckpt-{at:08d}.h5")
        on = cohort.run({**SMALL, "rounds": at + 5, "eval": {"every": 0}, "output": {"dir": str(run.folder), "checkpoint_every": 0}}, ranks=1,
                        progress=False, resume=True)
        self.assertEqual(int(on.rounds["round"].iloc[-1]), at + 5)

    def test_ctrl_c_is_heard_however_early(self):
        code = ("import sys, os, signal, threading, time; sys.path.insert(0, os.environ['SOURCE'] + '/python'); import cohort\n"
                "import pandas, yaml\n"
                f"e = {({**SMALL, 'rounds': 3000000, 'eval': {'every': 0}})!r}\n"
                "def stop():\n"
                "    while not started: time.sleep(0.001)\n"
                "    time.sleep(float(sys.argv[1]))\n"
                "    os.kill(os.getpid(), signal.SIGINT)\n"
                "started = []\n"
                "from cohort import program\n"
                "begin = program.subprocess.Popen\n"
                "program.subprocess.Popen = lambda *a, **k: (started.append(1), begin(*a, **k))[1] if 'start_new_session' in k else begin(*a, **k)\n"
                "threading.Thread(target=stop, daemon=True).start()\n"
                "try: cohort.run(e, ranks=2, progress=False, output={'dir': 'early' + sys.argv[1]})\n"
                "except cohort.CohortError as error: print(error.exit_code)\n")
        for delay in ("0.1", "0.7"):
            done = subprocess.run([sys.executable, "-B", "-c", code, delay], capture_output=True, text=True, check=False, cwd=self.folder, timeout=120)
            self.assertEqual(done.stdout.split(), ["75"], done.stderr)

    def test_a_dry_run_says_what_it_takes_and_leaves_nothing(self):
        said = cohort.dry_run(SMALL, output={"dir": str(self.folder / "dry")})
        self.assertIn("devices", said)
        self.assertFalse((self.folder / "dry").exists())

    def test_a_missing_run_is_named(self):
        with self.assertRaises(FileNotFoundError):
            cohort.load(self.folder)

    def test_privacy_is_read_with_its_statement(self):
        run = self.small(privacy={"mechanism": "gaussian", "clip": 1.0, "noise_multiplier": 1.0, "delta": 1e-3})
        self.assertEqual(len(run.privacy), 6)
        self.assertIn("device", run.privacy_statement)

    def test_a_comparison_is_two_tables(self):
        with self.assertRaises(ValueError):
            cohort.compare(SMALL, {"algorithm": "fedavg"})
        found = cohort.compare(SMALL, {"algorithm": ["fedavg", "fedavgm"]}, seeds=2, ranks=1, progress=False,
                               output={"dir": str(self.folder / "cmp")})
        self.assertEqual(list(found.summary["label"]), ["algorithm=fedavg", "algorithm=fedavgm"])
        self.assertEqual(len(found.runs), 4)
        self.assertEqual(found.run("algorithm=fedavg", 2).state, "done")


class Words(unittest.TestCase):
    def test_values_are_what_the_program_reads(self):
        for value, text in ((True, "true"), (None, "none"), (1e-5, "1e-05"), ([1, "a b"], '[1, "a b"]'), ({"name": "x"}, "{name: x}"),
                            ("true", '"true"'), ("1.5", '"1.5"'), ('a"\n', '"a\\"\\n"'), (np.float32(0.5), "0.5"), (np.arange(2), "[0, 1]")):
            self.assertEqual(yaml_text.word(value), text)
        with self.assertRaises(ValueError):
            yaml_text.word(float("nan"))

    def test_numbers_and_words_are_told_apart(self):
        read = yaml_text.read("a: 1e-5\nb: off\nc: 2020-01-01\nd: 07\ne: .5\nf: [1, x]\ng: true\n")
        self.assertEqual((read["a"], read["b"], read["c"], read["e"], read["f"], read["g"]), (1e-5, "off", "2020-01-01", 0.5, [1, "x"], True))

    def test_what_is_written_is_read_back(self):
        tree = {"a": {"b": [1, 2.5, "x y", None]}, "c": "off", "d": 1e-9, "e": "#1"}
        self.assertEqual(yaml_text.read(yaml_text.write(tree)), {**tree, "a": {"b": [1, 2.5, "x y", "none"]}})

    def test_the_bar_keeps_errors_to_the_exception(self):
        from contextlib import redirect_stderr
        from io import StringIO
        said = StringIO()
        with redirect_stderr(said):
            bar = Bar()
            for line in (" 50 %  round 5/10, train loss 1", "a warning", "cohort: broken", "-----", "mpirun noise"):
                bar.see(line)
            bar.end()
        self.assertIn("|############............| round 5/10", said.getvalue())
        self.assertIn("a warning", said.getvalue())
        self.assertNotIn("broken", said.getvalue())
        self.assertNotIn("noise", said.getvalue())


class Programs(unittest.TestCase):
    def test_a_program_that_is_not_there_is_told(self):
        kept = os.environ["COHORT"]
        try:
            for wrong, words in (("/none", "no such program"), ("/bin/true", "this is not cohort")):
                os.environ["COHORT"] = wrong
                program.version.cache_clear()
                with self.assertRaises(cohort.CohortError) as caught:
                    program.check_version()
                self.assertEqual(caught.exception.exit_code, 127)
                self.assertIn(words, str(caught.exception))
        finally:
            os.environ["COHORT"] = kept
            program.version.cache_clear()

    def test_a_lost_rank_is_named(self):
        rule = "-" * 74
        for said in ("mpirun noticed that process rank 1 with PID 77 on node vm exited on signal 9 (Killed).",
                     "prterun noticed that process rank 1 with PID 77 on node vm exited on\nsignal 9 (Killed)."):
            self.assertIn("rank 1 was ended by signal 9;", program.message_of(f"{rule}\n{said}\n{rule}\n", 137))
        self.assertEqual(program.message_of(f"{rule}\nno slots\n{rule}\n", 1), "no slots")

    def test_ranks_are_positive_and_launchers_are_taken(self):
        with self.assertRaises(ValueError):
            program.with_ranks([], 0)
        self.assertEqual(program.with_ranks(["x"], 8, ["srun", "-n", "8"])[:3], ["srun", "-n", "8"])
        self.assertEqual(program.with_ranks(["x"], 2)[:3], ["mpirun", "-n", "2"])

    def test_names_load_when_they_are_asked_for(self):
        self.assertIn("run", dir(cohort))
        with self.assertRaises(AttributeError):
            cohort.nothing  # noqa: B018
        alone = "import cohort, sys; assert 'h5py' not in sys.modules; assert cohort.convert.json_lines; assert 'convert' in dir(cohort)"
        subprocess.run([sys.executable, "-c", alone], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=True)


if __name__ == "__main__":
    unittest.main()
