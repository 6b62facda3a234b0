"""What a watched run leaves: within limits whatever was seen, dated, and readable by the door's side."""

import json
import math

import numpy as np
import orjson
from tests.unit.debugger.recordings import training

from gureum import debugger
from gureum.debugger.recording import Activation, Evaluation, LayerInfo, LayerStep, StepSample
from gureum.debugger.registry import RULES
from gureum.tracking.findings import parse_findings
from gureum.tracking.watched import LAYERS_MAX, POINTS_MAX, STEPS_MAX


def left(recording):
    watch = debugger.record()
    watch.recording = recording
    return parse_findings(orjson.dumps(watch.left()))


def test_a_healthy_run_says_how_many_rules_looked():
    found = left(training(steps=200))
    assert (found.findings, found.symptoms, found.rules) == ([], [], len(RULES))
    assert [curve.name for curve in found.curves][:2] == ["loss", "objective"]


def test_a_finding_has_its_cause_change_and_step():
    found = left(training([0.5, 0.4, float("nan"), float("nan")]))
    (one,) = found.findings
    assert (one.rule, one.step, one.title.ko) == ("nan_loss", 2, "손실이 NaN 또는 무한대입니다")
    assert one.change
    assert "logsigmoid" in one.change.after
    assert found.curves[0].values == [0.5, 0.4, "NaN", "NaN"]


def test_long_trainings_of_deep_models_stay_within_the_limits_and_keep_what_matters():
    recording = training(steps=0)
    names = [f"block.{number}.대" for number in range(180)]
    recording.layers = {name: LayerInfo(name, "Linear") for name in names}
    for step in range(3_000):
        recording.loss(math.inf if step == 1_234 else 1.0)
        layers = {name: LayerStep(float(place), 1.0, 1e-3) for place, name in enumerate(names)}
        acts = {f"{name}.relu" * 40: Activation("ReLU", 0.0, 1.0, 0.5) for name in names}
        recording.step(
            StepSample(step, layers if step % 25 == 0 else {}, acts if step % 25 == 0 else {}, grad_norm=1.0)
        )
        recording.evaluations.append(Evaluation(step, 1.0, None, f"set {step % 40}"))
    content = orjson.dumps({**(body := _left(recording))})
    found = parse_findings(content)
    assert len(content) < 1_000_000
    assert max(len(curve.steps) for curve in found.curves) == POINTS_MAX
    loss = found.curves[0]
    assert (loss.steps[0], loss.steps[-1]) == (0, recording.losses.steps[-1])
    assert "Infinity" in loss.values, "the step that matters is not thinned away"
    norm = next(one for one in found.heat.measures if one.name == "gradient_norm")
    assert len(norm.layers) == LAYERS_MAX
    assert (norm.layers[0], norm.layers[-1], norm.layers_seen) == (names[0], names[-1], 180)
    assert len(found.heat.steps) == STEPS_MAX
    assert norm.values[-1][0] == 179.0, "a row is its layer's"
    json.dumps(body, allow_nan=False)


def _left(recording):
    watch = debugger.record()
    watch.recording = recording
    return watch.left()


def test_evidence_of_any_kind_becomes_plain_values():
    from gureum.debugger.left import _value

    assert _value(np.float64("nan")) == "NaN"
    assert _value(np.asarray([1.0, 2.0])) == "1.0, 2.0"
    assert _value({"a": 1}) == "a: 1"
    assert _value("\ud800" + "x" * 5_000).startswith("?x")
    assert len(_value("x" * 5_000)) == 2_000


def test_a_finding_without_a_place_of_its_own_is_dated_by_the_first_look_that_saw_it():
    watch = debugger.record()
    watch.recording.layers = {"relu": LayerInfo("relu", "ReLU")}
    for step in range(100):
        dead = Activation("relu", 0.0, 0.1, 0.99, dead_share=0.99 if step >= 12 else 0.0)
        watch.loss(1.0)
        watch.recording.step(StepSample(step, activations={"relu": dead}, grad_norm=1.0))
        if step % 20 == 19:
            watch.epoch()
    (one,) = [one for one in watch.findings if one.rule == "dead_relu"]
    assert (one.step, one.epoch) == (32, 2), "looks come at 8, 16, 32, 64"


def test_what_is_wrong_with_the_rows_was_so_from_the_first_and_a_rise_from_its_lowest_point():
    watch = debugger.record()
    watch.recording.facts["regression"] = True
    for step in range(400):
        watch.batch(np.ones((4, 2)), np.asarray([1e4, 2e4, 3e4, 5e4]))
        watch.loss(1.0 - step / 1_000 if step < 200 else 0.8 + (step - 200) / 20)
        watch.step(learning_rate=0.1)
        if step % 100 == 99:
            watch.epoch()
    seen = {one.rule: (one.step, one.epoch) for one in (*watch.findings, *watch.symptoms)}
    assert seen["diverging"] == (200, 2)
    assert seen["target_scale"] == (0, 1)


def test_who_is_told_can_already_read_it(monkeypatch):
    order = []
    monkeypatch.setattr(debugger.session.tracking, "log", lambda *_, **__: order.append("written"))
    watch = debugger.Session(on_finding=lambda finding: order.append(finding.rule))
    watch.loss(float("nan"))
    watch.epoch()
    assert order == ["written", "nan_loss"]
