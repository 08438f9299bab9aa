"""What cohort.plots draws and says, on small files written here with h5py alone (schema: the one of the program)."""
import io
import json
import os
import subprocess
import sys
import tempfile
import types
import unittest
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

import h5py
import numpy as np

sys.dont_write_bytecode = True
PACKAGE = os.path.join(os.environ["SOURCE"], "python")
sys.path.insert(0, PACKAGE)
from cohort.plots import start  # noqa: E402

start.use_libraries()
from cohort.plots import command, comparison, curves, files, partition, spread, style, times  # noqa: E402

# Everything that draws, by its name alone.
plot = types.SimpleNamespace(**{name: value for module in (files, style, curves, spread, times, comparison, partition, command)
                                for name, value in vars(module).items() if not name.startswith("__")}, main=start.main)


def write_run(path, name="example", rounds=20, every=5, gain=0.5, scopes=(0,), splits=(1,), metric="accuracy",
              private=False, said={}):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    at = np.arange(0, rounds + 1, every)
    rows = [(r, split, scope) for r in at for split in splits for scope in scopes]
    with h5py.File(path, "w", userblock_size=512) as file:
        file.attrs.update({"format": np.bytes_("cohort-run"), "state": np.bytes_("done"),
                           "config": np.bytes_(f"model:\n  name: softmax\nname: {name}\nseed: 1\n")})
        file["rounds/round"] = np.arange(1, rounds + 1)
        file["rounds/train_loss"] = 2.0 / np.arange(1, rounds + 1)
        file["eval/round"] = np.array([r for r, _, _ in rows], "i8")
        file["eval/split"] = np.array([s for _, s, _ in rows], "u1")
        file["eval/scope"] = np.array([s for _, _, s in rows], "u1")
        file["eval/n"] = np.full(len(rows), 100)
        file["eval/loss"] = np.array([2.0 / (1 + r) + s for r, s, _ in rows])
        if metric:
            value = np.array([gain * r / rounds + 0.01 * scope for r, _, scope in rows])
            file[f"eval/{metric}"] = value
            for quantile, shift in [(f"p{10 * k}", 0.025 * (k - 5)) for k in range(1, 10)] + [("worst10", -0.2)]:
                file[f"eval/{metric}_{quantile}"] = value + shift
        for name, text in said.items():  # "accuracy@unit": "share"
            column, attribute = name.split("@")
            file[f"eval/{column}"].attrs[attribute] = np.bytes_(text)
        file["rounds/bytes_up"] = file["rounds/bytes_down"] = np.full(rounds, 500)
        file["rounds/wall_s"] = 0.5 * np.arange(1, rounds + 1)
        if private:
            file["privacy/round"] = np.arange(1, rounds + 1)
            file["privacy/epsilon"] = 0.1 * np.arange(1, rounds + 1)
    return path


def write_comparison(path, labels, scores, better="higher"):
    """scores[label][seed]"""
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": "cohort-comparison", "metric": "accuracy", "baseline": labels[0]})
        scores = np.asarray(scores)
        n = scores.shape[1]
        file["summary/label"] = np.array(labels, "S40")
        file["summary/n_seeds"] = np.full(len(labels), n)
        file["summary/mean"] = scores.mean(axis=1)
        file["summary/low"], file["summary/high"] = scores.min(axis=1) - 0.01, scores.max(axis=1) + 0.01
        file["summary/p_value"] = np.array([np.nan] + [0.25] * (len(labels) - 1))
        file["runs/label"] = np.repeat(np.array(labels, "S40"), n)
        file["runs/seed"] = np.tile(np.arange(n), len(labels))
        file["runs/score"] = scores.ravel()
        file["runs/score"].attrs.update({"better": np.bytes_(better), "unit": np.bytes_("share")})
    return path


def write_partition(path, counts, method="dirichlet", config="method: dirichlet\nalpha: 0.3\n", labels=True, names=None):
    counts = np.asarray(counts, "i4")
    sizes = counts.sum(axis=1)
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": "cohort-partition", "method": method, "n_devices": len(sizes), "config": config})
        file["train/offsets"] = np.concatenate([[0], np.cumsum(sizes)])
        file["train/examples"] = np.arange(sizes.sum())
        file["unassigned"] = np.zeros(0, "i8")
        if labels:
            file["label_counts"] = counts
            if names:
                file["label_counts"].attrs["class_names"] = np.bytes_(json.dumps(names))
    return path


class Pictures(unittest.TestCase):
    def setUp(self):
        scratch = os.environ.get("SCRATCH", tempfile.gettempdir())
        os.makedirs(scratch, exist_ok=True)
        self.folder = tempfile.TemporaryDirectory(dir=scratch)
        self.addCleanup(self.folder.cleanup)
        self.addCleanup(plot.plt.close, "all")

    def at(self, *names):
        return os.path.join(self.folder.name, *names)

    def call(self, *arguments, code=0):
        """The script's main, in this process and in the scratch folder; what it said on stdout, or its error."""
        out, err, here = io.StringIO(), io.StringIO(), os.getcwd()
        os.chdir(self.folder.name)
        try:
            with mock.patch.object(sys, "argv", ["plot", *arguments]), redirect_stdout(out), redirect_stderr(err):
                got = plot.main()
        except SystemExit as leave:
            got = leave.code
        finally:
            os.chdir(here)
        return self.checked(got, code, out.getvalue(), err.getvalue())

    def start(self, *arguments, code=0, **environment):
        """The same as a program of its own, as users call it, with some variables set."""
        done = subprocess.run([sys.executable, "-m", "cohort.plots", *arguments], capture_output=True, text=True, check=False,
                              cwd=self.folder.name, env={**os.environ, "COHORT_PYTHON": "", "PYTHONPATH": PACKAGE, **environment})
        return self.checked(done.returncode, code, done.stdout, done.stderr)

    def checked(self, got, code, out, err):
        self.assertEqual(got, code, err)
        if code and "usage:" not in err:
            self.assertEqual(err.count("\n"), 1, err)
        return err if code else out

    def assert_pictures(self, stem):
        with open(self.at(stem + ".png"), "rb") as file:
            self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")
        with open(self.at(stem + ".svg"), encoding="utf-8") as file:
            self.assertIn("<svg", file.read())

    def curves(self, axes):
        """Lines with data, without the legend's own."""
        return [line for line in axes.get_lines() if len(line.get_xdata())]


class Curves(Pictures):
    def test_both_pictures_lie_beside_the_run_and_are_named(self):
        said = self.start(write_run(self.at("runs", "run.h5")))
        self.assert_pictures("runs/accuracy")
        self.assertEqual(said.split(), ["runs/accuracy.png", "runs/accuracy.svg"])
        self.assertEqual(sorted(os.listdir(self.at("runs"))), ["accuracy.png", "accuracy.svg", "run.h5"])

    def test_the_suffix_of_the_wanted_picture_does_not_matter(self):
        run = write_run(self.at("run.h5"))
        for wanted in ("a.png", "a.svg", "a"):
            self.call(run, "-o", self.at(wanted))
            self.assert_pictures("a")
            os.remove(self.at("a.png"))

    def test_a_dot_in_a_label_is_no_suffix(self):
        self.call(write_run(self.at("run.h5")), "-o", self.at("alpha=0.3"))
        self.assert_pictures("alpha=0.3")

    def test_the_same_run_gives_the_same_bytes(self):
        run = write_run(self.at("run.h5"))
        for stem in ("a", "b"):
            self.start(run, "-o", self.at(stem))
        for kind in ("png", "svg"):
            with open(self.at("a." + kind), "rb") as a, open(self.at("b." + kind), "rb") as b:
                self.assertEqual(a.read(), b.read())

    def test_the_curve_is_the_central_test_split_in_per_cent(self):
        run = plot.read(write_run(self.at("run.h5"), scopes=(0, 1), splits=(0, 1, 2)))
        figure, name = plot.draw_runs([run])
        axes = figure.axes[0]
        (line,) = self.curves(axes)
        np.testing.assert_allclose(line.get_xdata(), [0, 5, 10, 15, 20])
        np.testing.assert_allclose(line.get_ydata(), [0, 12.5, 25, 37.5, 50])
        self.assertEqual((name, axes.get_ylabel(), axes.get_xlabel()), ("accuracy", "test accuracy (%)", "round"))
        tested, trained = self.curves(figure.axes[1])
        np.testing.assert_allclose(tested.get_ydata(), [2 / (1 + r) + 1 for r in (0, 5, 10, 15, 20)])
        np.testing.assert_allclose(trained.get_ydata(), 2 / np.arange(1, 21))
        self.assertEqual(figure.texts[0].get_text(), "example")
        self.assertIn("round 20: accuracy 50.0 %", figure.texts[1].get_text())

    def test_the_band_holds_the_middle_of_the_devices(self):
        run = plot.read(write_run(self.at("run.h5"), scopes=(0, 1)))
        figure, _ = plot.draw_runs([run])
        (band,) = figure.axes[0].collections
        heights = band.get_paths()[0].vertices[:, 1]
        self.assertAlmostEqual(heights.max(), 100 * (0.5 + 0.01 + 0.1))
        self.assertAlmostEqual(heights.min(), 100 * (0.01 - 0.1))

    def test_without_a_test_split_the_validation_split_is_drawn_and_named(self):
        run = plot.read(write_run(self.at("run.h5"), splits=(2,)))
        figure, _ = plot.draw_runs([run])
        self.assertEqual(figure.axes[0].get_ylabel(), "validation accuracy (%)")

    def test_a_regression_run_has_only_the_loss(self):
        run = plot.read(write_run(self.at("run.h5"), metric=None))
        figure, name = plot.draw_runs([run])
        self.assertEqual((len(figure.axes), name), (1, "loss"))

    def test_perplexity_is_no_percentage(self):
        run = plot.read(write_run(self.at("run.h5"), metric="perplexity"))
        figure, name = plot.draw_runs([run])
        self.assertEqual((figure.axes[0].get_ylabel(), name), ("test perplexity", "perplexity"))
        self.assertEqual(self.curves(figure.axes[0])[0].get_ydata()[-1], 0.5)

    def test_a_run_that_was_never_evaluated_shows_its_training_loss(self):
        path = write_run(self.at("run.h5"))
        with h5py.File(path, "a") as file:
            del file["eval"]
        figure, _ = plot.draw_runs([plot.read(path)])
        (line,) = self.curves(figure.axes[0])
        self.assertEqual(len(line.get_xdata()), 20)

    def test_several_runs_have_one_curve_and_one_name_each(self):
        runs = [plot.read(write_run(self.at(f, "run.h5"), name=n, gain=g))
                for f, n, g in (("a", "fedavg", 0.5), ("b", "scaffold", 0.7), ("c", "fedavg", 0.6))]
        figure, _ = plot.draw_runs(runs)
        shown = [t.get_text() for t in figure.axes[1].get_legend().get_texts()]
        self.assertEqual(shown, ["fedavg (a)", "scaffold", "fedavg (c)"])
        self.assertEqual([line.get_ydata()[-1] for line in self.curves(figure.axes[0])], [50, 70, 60])

    def test_the_seeds_of_one_label_are_one_curve_with_their_range(self):
        runs = [plot.read(write_run(self.at("mu=1", f"seed-{s}", "run.h5"), gain=0.4 + 0.1 * s)) for s in (1, 2, 3)]
        figure, _ = plot.draw_runs(runs)
        (line,) = self.curves(figure.axes[0])
        np.testing.assert_allclose(line.get_ydata()[-1], 60)
        heights = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose(heights.max(), 70)
        self.assertEqual(figure.texts[0].get_text(), "mu=1")

    def test_a_comparison_says_shared_keys_and_seeds_once_and_leaves_out_noisy_training_losses(self):
        runs = [plot.read(write_run(self.at(f"algorithm={a},local.epochs={e}", f"seed-{s}", "run.h5")))
                for a in ("fedavg", "scaffold") for e in (1, 5) for s in (1, 2)]
        figure, _ = plot.draw_runs(runs)
        legend = figure.axes[1].get_legend()
        self.assertEqual(legend.get_title().get_text(), "algorithm, local.epochs")
        self.assertEqual([t.get_text() for t in legend.get_texts()],
                         ["fedavg, 1", "fedavg, 5", "scaffold, 1", "scaffold, 5"])
        self.assertEqual(figure.texts[0].get_text(), "4 experiments, 2 seeds each")
        self.assertEqual([len(line.get_xdata()) for line in self.curves(figure.axes[1])], [5, 5, 5, 5])
        self.assertEqual(figure.axes[1].get_ylabel(), "test loss")

    def test_labels_of_unlike_keys_stay_whole_and_tell_unequal_numbers_of_seeds(self):
        runs = [plot.read(write_run(self.at(label, f"seed-{s}", "run.h5")))
                for label, s in (("mu=1", 1), ("mu=1", 2), ("fedavg", 1))]
        figure, _ = plot.draw_runs(runs)
        legend = figure.axes[1].get_legend()
        self.assertEqual((legend.get_title().get_text(), [t.get_text() for t in legend.get_texts()]),
                         ("", ["mu=1 (2 seeds)", "fedavg (1 seed)"]))

    def test_the_default_name_of_a_comparison_spares_the_first_run_s_own_picture(self):
        self.call(write_run(self.at("a", "run.h5")), write_run(self.at("b", "run.h5")))
        self.assert_pictures("a/compare")


    def test_legends_stand_beside_the_curves(self):
        runs = [plot.read(write_run(self.at(f, "run.h5"), name=f)) for f in "ab"]
        for figure in (plot.draw_runs(runs)[0], plot.draw_runs(runs[:1])[0]):
            figure.canvas.draw()
            legends = [child for axes in figure.axes for child in axes.get_children() if isinstance(child, plot.plt.matplotlib.legend.Legend)]
            self.assertTrue(legends)
            for legend in legends:
                box = legend.get_window_extent()
                for axes in figure.axes:
                    self.assertFalse(box.overlaps(axes.get_window_extent()), "a legend lies over the curves")
                self.assertLessEqual(box.x1, figure.bbox.x1 + 1, "a legend is cut off")

    def test_curves_over_bytes_seconds_and_epsilon(self):
        run = plot.read(write_run(self.at("run.h5"), private=True))
        for x, last, label in (("bytes", 20 * 1000, "sent and received by all devices"), ("seconds", 10, "seconds"), ("epsilon", 2, "epsilon")):
            figure, _ = plot.draw_runs([run], x)
            axes = figure.axes[0]
            np.testing.assert_allclose(self.curves(axes)[0].get_xdata(), np.linspace(0, last, 5))
            self.assertEqual(axes.get_xlabel(), label)
            self.assertEqual(len(self.curves(figure.axes[1])[1].get_xdata()), 20)
        self.assertEqual([plot.byte_text(v) for v in (0, 999, 1500, 2.5e6, 3e15)], ["0 B", "999 B", "1.5 kB", "2.5 MB", "3e+03 TB"])

    def test_curves_over_virtual_time_in_the_unit_that_fits(self):
        path = write_run(self.at("run.h5"))
        with h5py.File(path, "a") as file:
            file["rounds/sim_s"] = np.zeros(20)
        self.assertIn("section clock", self.call(path, "x=virtual", code=2))
        with h5py.File(path, "a") as file:
            file["rounds/sim_s"][:] = 600.0 * np.arange(1, 21)
        run = plot.read(path)
        figure, _ = plot.draw_runs([run], "virtual")
        axes = figure.axes[0]
        np.testing.assert_allclose(self.curves(axes)[0].get_xdata(), np.linspace(0, 12000, 5))
        self.assertEqual(axes.get_xlabel(), "virtual time (hours)")
        self.assertEqual(axes.xaxis.get_major_formatter()(7200.0), "2")
        self.assertEqual([plot.time_unit(s)[0] for s in (5, 179, 180, 3 * 3600, 3 * 86400)],
                         ["seconds", "seconds", "minutes", "hours", "days"])

    def test_who_was_at_work_when(self):
        path = write_run(self.at("run.h5"))
        self.assertIn("section clock", self.call(path, "show=times", code=2))
        with h5py.File(path, "a") as file:
            file["rounds/sim_s"] = 10.0 * np.arange(1, 21)
            rows = [(1, 4, 0.0, 10.0, 0, 0), (2, 4, 10.0, 20.0, 0, 0), (2, 7, 0.0, 18.0, 1, 0), (3, 9, 20.0, 25.0, 0, 1),
                    (3, 5, 20.0, 20.0, 0, 2)]
            for name, column in zip(plot.TIMED, zip(*rows)):
                file["devices/" + name] = np.array(column)
            file["devices/status"].attrs["status_names"] = np.bytes_("reported,late,unavailable")
        figure, name = plot.draw_times(plot.read(path))
        axes = figure.axes[0]
        bars = [bar.get_paths()[0].get_extents() for bar in axes.collections]
        np.testing.assert_allclose([[b.x0, b.x1] for b in bars], [[0, 10], [10, 20], [0, 18], [20, 25]])
        np.testing.assert_allclose([(b.y0 + b.y1) / 2 for b in bars], [0, 0, 2, 3])
        self.assertEqual([label.get_text() for label in axes.get_yticklabels()], ["4", "5", "7", "9"])
        fresh, _, old, late = [bar.get_facecolor()[0] for bar in axes.collections]
        self.assertFalse(np.allclose(fresh, old))
        self.assertEqual(plot.plt.matplotlib.colors.to_hex(late), plot.LOST["late"].lower())
        self.assertEqual([t.get_text() for t in axes.get_legend().get_texts()],
                         ["staleness 0", "staleness 1", "late", "unavailable", "step"])
        self.assertEqual(name, "times")
        self.call(path, "show=times")
        self.assert_pictures("times")
        self.assertIn("one run", self.call(path, path, "show=times", code=2))

    def test_epsilon_of_a_run_without_privacy_is_2(self):
        self.assertIn("not private", self.call(write_run(self.at("run.h5")), "x=epsilon", code=2))

    def test_the_unit_decides_what_is_shown_in_per_cent(self):
        for unit, label in (("share", "test accuracy (%)"), ("1", "test accuracy")):
            run = plot.read(write_run(self.at("run.h5"), said={"accuracy@unit": unit}))
            self.assertEqual(plot.draw_runs([run])[0].axes[0].get_ylabel(), label)
        for name, shown in (("accuracy_known", 100), ("perplexity_known", 1), ("entity_recall", 100)):  # without units
            self.assertEqual(plot.unit_scale([{"units": {}}], name), shown, name)

    def test_another_metric_on_request(self):
        path = write_run(self.at("run.h5"))
        with h5py.File(path, "a") as file:
            file["eval/perplexity_known"] = file["eval/loss"][:] * 2
        figure, name = plot.draw_runs([plot.read(path)], metric="perplexity_known")
        self.assertEqual((name, figure.axes[0].get_ylabel()), ("perplexity_known", "test perplexity known"))
        self.assertEqual(len(plot.draw_runs([plot.read(path)], metric="loss")[0].axes), 1)
        self.assertIn("perplexity_known", self.call(path, "metric=accurcy", code=2))

    def test_devices_become_a_histogram(self):
        run = plot.read(write_run(self.at("run.h5"), scopes=(0, 1), said={"accuracy@better": "higher"}))
        figure, name = plot.draw_devices([run])
        bars = figure.axes[0].patches
        self.assertAlmostEqual(sum(bar.get_height() for bar in bars), 100)
        self.assertEqual((name, figure.axes[0].get_xlabel()), ("devices", "accuracy (%)"))
        lowest = min(bar.get_x() for bar in bars)
        self.assertAlmostEqual(lowest, 100 * max(0.0, 2 * (0.51 - 0.2) - (0.51 - 0.1)))
        middle = bars[:20]
        self.assertAlmostEqual(sum(bar.get_height() for bar in middle), 80)
        self.call(run["path"], "show=devices")
        self.assert_pictures("devices")

    def test_a_decile_that_many_devices_share_keeps_its_weight(self):
        edges = np.array([0, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7.0])
        bins = np.linspace(0, 7, 8)
        share = plot.tenths_in_bins(edges, 0, 10, bins)
        np.testing.assert_allclose(share, [10, 40, 10, 10, 10, 10, 10])

    def test_a_histogram_needs_the_devices(self):
        self.assertIn("eval.devices", self.call(write_run(self.at("run.h5")), "show=devices", code=2))


class Comparisons(Pictures):
    def test_each_label_is_a_line_with_its_interval(self):
        path = write_comparison(self.at("compare.h5"), ["rule=a", "rule=b"], [[0.5, 0.6, 0.7], [0.8, 0.8, 0.9]])
        figure, _ = plot.draw_comparison(plot.read(path))
        axes = figure.axes[0]
        self.assertEqual([label.get_text() for label in axes.get_yticklabels()], ["a", "b"])
        seeds, interval, mean = axes.get_lines()[:3]
        np.testing.assert_allclose(seeds.get_xdata(), [50, 60, 70])
        np.testing.assert_allclose(interval.get_xdata(), [49, 71])
        np.testing.assert_allclose(mean.get_xdata(), [60])
        self.assertEqual([text.get_text() for text in axes.texts], ["baseline", "p = 0.25"])
        self.assertEqual(axes.get_xlabel(), "accuracy (%), higher is better")
        self.call(path)
        self.assert_pictures("summary")

    def test_one_at_a_time_and_without_options(self):
        path = write_comparison(self.at("compare.h5"), ["a", "b"], [[0.5], [0.8]])
        self.call(path, path, code=2)
        self.assertIn("x=", self.call(path, "x=bytes", code=2))


class Partitions(Pictures):
    def test_the_map_shows_each_device_s_class_shares(self):
        counts = [[1, 3, 0], [0, 0, 5], [0, 0, 0]]
        figure, _ = plot.draw_partition(plot.read(write_partition(self.at("p.h5"), counts)))
        heights = np.array([bar.get_height() for bar in figure.axes[0].patches]).reshape(3, 3)
        np.testing.assert_allclose(heights, [[25, 0, 0], [75, 0, 0], [0, 100, 0]])
        bottoms = np.array([bar.get_y() for bar in figure.axes[0].patches]).reshape(3, 3)
        np.testing.assert_allclose(bottoms[:, 0], [0, 25, 100])
        self.assertEqual(figure.texts[0].get_text(), "dirichlet, alpha = 0.3")
        self.assertIn("1 device empty", figure.texts[1].get_text())

    def test_of_many_devices_an_even_sample_is_shown_and_said(self):
        counts = np.ones((1000, 2), int)
        figure, _ = plot.draw_partition(plot.read(write_partition(self.at("p.h5"), counts)))
        self.assertEqual(len(figure.axes[0].patches), 2 * 200)
        self.assertEqual(figure.axes[0].get_xlabel(), "device (200 of 1,000, evenly spaced)")
        self.assertEqual(sum(bar.get_height() for bar in figure.axes[1].patches), 1000)

    def test_classes_have_their_names(self):
        figure, _ = plot.draw_partition(plot.read(write_partition(self.at("p.h5"), [[1, 3], [2, 0]], names=["cat", "dog"])))
        self.assertEqual([t.get_text() for t in figure.axes[0].get_legend().get_texts()], ["dog", "cat"])
        with h5py.File(self.at("d.h5"), "w") as file:
            file["classes"] = np.array(["left", "right"], "S8")
        path = write_partition(self.at("q.h5"), [[1, 3], [2, 0]])
        self.call(path, "data=" + self.at("d.h5"))
        self.assertIn("2 class names", self.call(write_partition(self.at("r.h5"), [[1, 3, 4]]), "data=" + self.at("d.h5"), code=3))

    def test_counts_and_maps_and_orders_on_request(self):
        path = write_partition(self.at("p.h5"), [[1, 3, 0], [0, 0, 9], [6, 0, 0], [0, 8, 0]], names=["x", "y", "z"])
        part = plot.read(path)
        figure, _ = plot.draw_partition(part, {"values": "counts", "sort": "size"})
        heights = np.array([bar.get_height() for bar in figure.axes[0].patches]).reshape(3, 4)
        np.testing.assert_allclose(heights, [[0, 0, 6, 1], [0, 8, 0, 3], [9, 0, 0, 0]])
        self.assertEqual(figure.axes[0].get_xlabel(), "device (by size)")
        figure, _ = plot.draw_partition(part, {"draw": "map", "sort": "class"})
        np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[100, 0, 25, 0], [0, 100, 75, 0], [0, 0, 0, 100]])
        self.assertEqual([label.get_text() for label in figure.axes[0].get_yticklabels()], ["x", "y", "z"])
        self.call(path, path, "draw=map", "values=counts")

    def test_several_partitions_have_one_legend_beside_them(self):
        part = plot.read(write_partition(self.at("p.h5"), [[1, 3], [2, 0]], names=["cat", "a very long name of a class"]))
        figure, _ = plot.draw_partitions([part, part])
        figure.canvas.draw()
        (legend,) = figure.legends
        self.assertEqual([t.get_text() for t in legend.get_texts()], ["a very long name of ..", "cat"])
        box = legend.get_window_extent()
        self.assertFalse(any(box.overlaps(axes.get_window_extent()) for axes in figure.axes))

    def test_many_classes_become_a_map_of_shares(self):
        counts = np.eye(62, dtype=int) * 4
        figure, _ = plot.draw_partition(plot.read(write_partition(self.at("p.h5"), counts)))
        np.testing.assert_allclose(figure.axes[0].images[0].get_array(), 100 * np.eye(62))

    def test_without_class_counts_the_sizes_are_drawn(self):
        path = write_partition(self.at("p.h5"), [[1, 2], [3, 4]], method="natural", config="method: natural\n",
                               labels=False)
        self.call(path)
        self.assert_pictures("partition")
        self.assertIn("natural", plot.draw_partition(plot.read(path))[0].texts[0].get_text())

    def test_a_few_huge_devices_get_a_logarithmic_axis(self):
        counts = [[n] for n in (10, 12, 14, 16, 5000)]
        figure, _ = plot.draw_partition(plot.read(write_partition(self.at("p.h5"), counts)))
        self.assertEqual(figure.axes[1].get_xscale(), "log")
        self.assertEqual(sum(bar.get_height() for bar in figure.axes[1].patches), 5)

    def test_equal_and_empty_devices_can_be_drawn(self):
        for counts in ([[2, 2]] * 5, [[0, 0]] * 3, [[1]]):
            self.call(write_partition(self.at("p.h5"), counts))


class Refusals(Pictures):
    def test_a_missing_file_is_4(self):
        self.assertIn("none.h5", self.start("none.h5", code=4))

    def test_no_file_is_2(self):
        self.call(code=2)

    def test_a_file_that_is_no_hdf5_is_3(self):
        with open(self.at("x.h5"), "w", encoding="utf-8") as file:
            file.write("no")
        self.assertIn("x.h5", self.call("x.h5", code=3))

    def test_another_format_is_3_and_named(self):
        with h5py.File(self.at("d.h5"), "w") as file:
            file.attrs["format"] = "cohort-dataset"
        self.assertIn("cohort-dataset", self.call("d.h5", code=3))

    def test_a_missing_column_is_3_and_named(self):
        path = write_run(self.at("run.h5"))
        with h5py.File(path, "a") as file:
            del file["rounds/train_loss"]
        self.assertIn("train_loss", self.call(path, code=3))

    def test_columns_of_different_lengths_are_3(self):
        path = write_run(self.at("run.h5"))
        with h5py.File(path, "a") as file:
            del file["eval/loss"]
            file["eval/loss"] = np.zeros(2)
        self.assertIn("eval", self.call(path, code=3))

    def test_offsets_that_are_missing_are_3(self):
        path = write_partition(self.at("p.h5"), [[1, 2]])
        with h5py.File(path, "a") as file:
            del file["train/offsets"]
        self.assertIn("p.h5", self.call(path, code=3))

    def test_partitions_stand_side_by_side_each_map_above_its_sizes(self):
        counts = [[5, 0, 1], [0, 3, 3], [2, 2, 2], [0, 0, 0]]
        paths = [write_partition(self.at("a.h5"), counts),
                 write_partition(self.at("b.h5"), counts[::-1], method="classes",
                                 config="method: classes\nclasses_per_device: 2\n"),
                 write_partition(self.at("c.h5"), counts, method="natural", config="method: natural\n", labels=False),
                 write_partition(self.at("d.h5"), counts, method="iid", config="method: iid\nsizes: zipf\n")]
        figure, name = plot.draw_partitions([plot.read(path) for path in paths])
        shown = [axes for axes in figure.axes if axes.get_visible()]
        self.assertEqual((name, len(shown)), ("partitions", 7))  # no map without label counts
        titles = [axes.get_title(loc="left").split("\n")[0] for axes in shown]
        self.assertEqual([title for title in titles if title],
                         ["dirichlet, alpha = 0.3", "classes, classes_per_device = 2", "natural", "iid, sizes = zipf"])
        heights = [sum(bar.get_height() for bar in axes.patches) for axes in shown if axes.get_ylabel() == "devices"]
        self.assertEqual(heights, [3, 3, 3, 3])  # devices that have something
        self.call(*paths)
        self.assert_pictures("partitions")

    def test_options_are_checked(self):
        run, part = write_run(self.at("run.h5")), write_partition(self.at("p.h5"), [[1]])
        self.assertIn("unknown option y=", self.call(run, "y=bytes", code=2))
        self.assertIn("round, bytes", self.call(run, "x=miles", code=2))
        self.assertIn("twice", self.call(run, "x=bytes", "x=bytes", code=2))
        self.assertIn("sort=", self.call(run, "sort=size", code=2))
        self.assertIn("x=", self.call(part, "x=bytes", code=2))
        self.assertIn("which file", self.call("x=bytes", code=2))

    def test_a_file_whose_name_looks_like_an_option_is_a_file(self):
        write_run(self.at("x=bytes", "run.h5"))
        self.call("x=bytes/run.h5")
        self.assert_pictures("x=bytes/accuracy")

    def test_runs_and_partitions_do_not_mix(self):
        self.call(write_run(self.at("run.h5")), write_partition(self.at("p.h5"), [[1]]), code=2)

    def test_another_picture_format_is_2(self):
        self.assertIn(".png", self.call(write_run(self.at("run.h5")), "-o", "x.pdf", code=2))

    def test_a_folder_that_is_missing_is_4(self):
        self.assertIn("nowhere", self.call(write_run(self.at("run.h5")), "-o", "nowhere/x", code=4))

    def test_missing_libraries_are_named_with_their_packages(self):
        with open(self.at("h5py.py"), "w", encoding="utf-8") as file:
            file.write("raise ModuleNotFoundError(\"No module named 'h5py'\", name='h5py')\n")
        said = self.start(write_run(self.at("run.h5")), code=4, PYTHONPATH=f"{PACKAGE}:{self.folder.name}")
        self.assertIn("python3-h5py", said)
        self.assertIn("python3-matplotlib", said)

    def test_the_wanted_python_is_used(self):
        with open(self.at("python"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho wanted \"$@\"\n")
        os.chmod(self.at("python"), 0o755)
        said = self.start("run.h5", COHORT_PYTHON=self.at("python"))
        self.assertEqual(said.split(), ["wanted", "-m", "cohort.plots", "run.h5"])

    def test_a_wanted_python_that_is_missing_is_4(self):
        self.assertIn("/no/python", self.start("run.h5", code=4, COHORT_PYTHON="/no/python"))


if __name__ == "__main__":
    unittest.main()
