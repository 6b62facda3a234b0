"""Each rule on a recording that has its fault, and on one that looks like it and is healthy."""

import math

import numpy as np
import pytest
from tests.unit.debugger.recordings import layer, relu, rows, tanh, training, with_loss, with_rows

from gureum.debugger.judge import judge
from gureum.debugger.recording import Recording, Round
from gureum.debugger.registry import RULES

BY_NAME = {rule.name: rule for rule in RULES}


def named(recording):
    verdict = judge(recording)
    assert verdict.troubles == ()
    return [one.rule for one in verdict.findings]


def classified(recording=None, **options):
    x, y = rows()
    return with_rows(
        with_loss(
            recording or training(), "cross_entropy", output_shape=(32, 2), target_shape=(32,), target_integer=True
        ),
        x,
        y,
        **options,
    )


def nan_input():
    recording = with_loss(training([0.7, 0.6, *[math.nan] * 20]), "cross_entropy")
    x, y = rows()
    x[3, 2] = np.nan
    return with_rows(recording, x, y)


def unnormalised_input():
    x, y = rows()
    return with_rows(with_loss(training(), "cross_entropy"), x * 200, y)


def target_scale():
    x, _ = rows()
    return with_rows(with_loss(training(), "mse_loss"), x, (x[:, 0] + x[:, 1]) * 5000)


def class_imbalance():
    x, y = rows(800)
    keep = np.flatnonzero((y == 0) | (np.arange(len(y)) % 40 == 0))
    return with_rows(with_loss(training(), "cross_entropy"), x[keep], y[keep])


def not_shuffled():
    x, y = rows()
    order = np.argsort(y, kind="stable")
    return with_rows(with_loss(training(), "cross_entropy"), x[order], y[order])


def label_shuffled():
    x, y = rows()
    recording = classified_with(x, np.random.default_rng(1).permutation(y))
    for value in (0.70, 0.71, 0.73):
        recording.evaluation(loss=value)
    return recording


def classified_with(x, y, **options):
    return with_rows(with_loss(training(), "cross_entropy"), x, y, **options)


def id_column_leak():
    x, y = rows()
    x[:, 4] = np.arange(len(x)) / len(x)
    return classified_with(x, y)


def target_leak_feature():
    x, y = rows()
    x[:, 4] = y + 0.01 * x[:, 4]
    return classified_with(x, y)


def train_val_leakage():
    x, y = rows()
    return classified_with(x, y, x_valid=x[:100], y_valid=y[:100])


def counted(**counts):
    recording = training()
    recording.counts.update(counts)
    return recording


def no_optimizer_step():
    recording = Recording("torch")
    for _ in range(20):
        recording.backward()
    recording.facts["moved"] = False
    return recording


def no_zero_grad():
    recording = counted(stale_steps=59)
    recording.counts["clean_steps"] = 0
    return recording


def param_not_in_optimizer():
    recording = training()
    recording.facts["not_in_optimizer"] = ["head"]
    return recording


def detached_graph():
    recording = training()
    recording.facts["missing"] = {"first": [10, 10], "last": [0, 10]}
    return recording


def eval_mode_in_training():
    recording = counted(eval_mode_backwards=50)
    recording.facts["mode_matters"] = True
    return recording


def train_mode_in_validation():
    return counted(evaluations=5, evaluations_in_train_mode=5)


def wrong_loss():
    x, y = rows()
    return with_rows(
        with_loss(training(), "mse_loss", output_shape=(32, 1), target_shape=(32, 1)), x, y[:, None].astype(np.float32)
    )


def double_softmax():
    return with_loss(training(), "cross_entropy", output_probability=10)


def missing_activation():
    recording = training()
    recording.facts["stacked"] = [("first", "last")]
    return recording


def zero_init():
    recording = training()
    recording.layers["first"] = layer("first", std=0.0, spread=0.0)
    recording.facts["symmetric"] = ["first"]
    return recording


def poor_init():
    recording = training()
    recording.layers["first"] = layer("first", std=5.0)
    return recording


def dead_relu():
    return training(activations={"first": relu(0.95)})


def saturated_activation():
    return training(activations={"first": tanh(0.9)})


def vanishing_gradient():
    layers = ("first", "middle", "last")
    return training(layers=layers, gradients={"first": 1e-7, "middle": 1e-4, "last": 1.0})


def exploding_gradient():
    return training(gradient=1e5)


def lr_too_high():
    return training(np.r_[0.5, 3 + np.abs(np.random.default_rng(0).normal(5, 4, 59))], ratio=0.4)


def lr_too_low():
    return training(1 + 0.001 * np.random.default_rng(0).random(60), ratio=1e-6)


def diverging():
    return training(np.linspace(1, 4, 60))


def nan_loss():
    return training([0.7, 0.65, 0.6, *[math.nan] * 20])


def over_regularised():
    recording = classified(training(np.full(60, 0.69)))
    recording.facts["optimizer"] = {"weight_decay": 1.0}
    recording.facts["weights_end"] = {"first": 0.1, "last": 0.1}
    return recording


def evaluated(valid, train):
    recording = training()
    for v, t in zip(valid, train, strict=True):
        recording.evaluation(loss=v, train_loss=t)
    return recording


def overfit():
    return evaluated(np.r_[np.linspace(1, 0.6, 10), np.linspace(0.62, 1.5, 20)], np.linspace(1, 0.01, 30))


def overtraining():
    return evaluated(np.r_[np.linspace(1, 0.5, 10), np.linspace(0.5, 0.55, 40)], np.linspace(1, 0.4, 50))


def too_deep_tree():
    recording = Recording("sklearn")
    recording.facts["trees"] = {"rows": 600, "gap": 0.25, "single": True, "leaves": 120, "depth": 15}
    return recording


def stalled_no_splits():
    recording = Recording("lightgbm")
    for number in range(20):
        recording.boosting_round(Round(number, 0.69, 0.69, leaves=1))
    return recording


FAULTS = {
    function.__name__: function
    for function in (
        nan_input, unnormalised_input, target_scale, class_imbalance, not_shuffled, label_shuffled, id_column_leak,
        target_leak_feature, train_val_leakage, no_optimizer_step, no_zero_grad, param_not_in_optimizer, detached_graph,
        eval_mode_in_training, train_mode_in_validation, wrong_loss, double_softmax, missing_activation, zero_init, poor_init,
        dead_relu, saturated_activation, vanishing_gradient, exploding_gradient, lr_too_high, lr_too_low, diverging, nan_loss,
        over_regularised, overfit, overtraining, too_deep_tree, stalled_no_splits,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", BY_NAME)
def test_a_fault_is_named_and_nothing_else_is(name):
    assert named(FAULTS[name]()) == [name]


def test_a_training_that_goes_well_is_not_flagged():
    assert named(classified(training(activations={"first": relu(0.1)}))) == []


def test_a_weighted_loss_excuses_imbalance():
    recording = class_imbalance()
    recording.loss_facts.weighted = True
    assert named(recording) == []


def test_steps_in_eval_mode_are_harmless_where_no_module_minds():
    recording = eval_mode_in_training()
    recording.facts["mode_matters"] = False
    assert named(recording) == []


def test_accumulated_gradients_are_not_stale():
    assert named(counted(stale_steps=0, clean_steps=60)) == []


def test_warming_up_is_not_a_low_rate():
    recording = training(np.linspace(1, 0.97, 60), ratio=1e-6)
    for sample in recording.samples[20:]:
        for one in sample.layers.values():
            one.update_ratio = 1e-3
    assert named(recording) == []


def test_alternating_batches_of_one_class_are_a_discriminators_and_are_meant():
    recording = with_loss(training(), "mse_loss", target_shape=(32, 1), output_shape=(32, 1))
    recording.counts["alternating_steps"] = 59
    x, _ = rows()
    with_rows(recording, x, np.tile(np.r_[np.ones(32), np.zeros(32)], 7)[: len(x)])
    assert named(recording) == []


def test_a_narrow_middle_is_a_factorisation():
    recording = missing_activation()
    recording.layers["first"] = layer("first", fan_in=32, fan_out=4)
    recording.layers["last"] = layer("last", fan_in=4, fan_out=32)
    assert named(recording) == []


def test_stopping_early_is_not_overtraining():
    assert named(evaluated(np.r_[np.linspace(1, 0.5, 30), np.linspace(0.5, 0.52, 5)], np.linspace(1, 0.4, 35))) == []


def test_a_validation_on_the_training_rows_is_the_trainings_accuracy():
    x, y = rows()
    assert named(classified_with(x, y, x_valid=x, y_valid=y)) == []
