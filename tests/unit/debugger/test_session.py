"""A watch without a framework: events in; findings, report and record out."""

import json
import sys

import numpy as np
from tests.unit.debugger.recordings import training

from gureum import debugger
from gureum.debugger.recording import SAMPLES_MAX, SERIES_POINTS_MAX, Recording, Series, StepSample


def test_the_plain_events_are_enough_to_be_told():
    with debugger.record() as watch:
        for step in range(40):
            watch.loss(1.0 + step / 10)
            watch.step(learning_rate=0.1)
        watch.evaluation(loss=3.0, accuracy=0.5)
        watch.epoch()
    assert [one.rule for one in watch.findings] == ["diverging"]


def test_the_report_speaks_both_languages():
    watch = debugger.record()
    watch.loss(float("nan"))
    assert "nan_loss: The loss is NaN or infinite" in watch.report()
    assert "손실이 NaN 또는 무한대입니다" in watch.report("ko")


def test_a_record_is_json_and_has_a_value_for_each_layer_and_step():
    watch = debugger.record()
    watch.recording = training([0.5, 0.4, float("nan")])
    record = json.loads(json.dumps(watch.record(), allow_nan=False))
    assert record["loss"]["values"] == [0.5, 0.4, "NaN"]
    assert [one["name"] for one in record["layers"]] == ["first", "last"]
    assert all(len(one["update_ratio"]) == len(record["steps"]) for one in record["layers"])


def test_memory_does_not_grow_with_the_training():
    series = Series()
    recording = Recording()
    for step in range(20_000):
        series.add(step, 1.0)
        recording.step(StepSample(step))
        recording.batch(np.ones((4, 3)) * step, np.ones(4))
    assert len(series) <= SERIES_POINTS_MAX
    assert len(recording.samples) <= SAMPLES_MAX
    assert recording.samples[0].step == 0
    assert len(recording.table.x) <= 5_000


def test_a_loss_that_is_not_finite_is_never_thinned_away():
    series = Series(points_max=50)
    for step in range(1_000):
        series.add(step, float("nan") if step == 999 else 1.0)
    assert np.isnan(series.values[-1])


def test_a_finding_is_told_once_while_the_training_runs():
    told = []
    watch = debugger.Session(on_finding=lambda one: told.append(one.rule))
    watch.loss(float("nan"))
    watch.epoch()
    watch.epoch()
    assert told == ["nan_loss"]


def test_importing_the_debugger_loads_no_framework():
    import subprocess

    code = "import sys; from gureum import debugger; print([m for m in ('torch', 'keras', 'sklearn', 'mlflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
