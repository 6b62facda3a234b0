"""Synthetic recordings: what an adapter would have told. No framework is loaded."""

from __future__ import annotations

import numpy as np

from gureum.debugger.recording import Activation, LayerInfo, LayerStep, LossFacts, Recording, StepSample


def layer(name, *, kind="Linear", fan_in=32, fan_out=32, std=0.1, spread=0.1, order=0, mean=0.0):
    return LayerInfo(
        name=name, kind=kind, parameters=fan_in * fan_out, trainable=fan_in * fan_out, fan_in=fan_in, fan_out=fan_out,
        weight_std=std, weight_mean=mean, unit_spread=spread, order=order,
    )  # fmt: skip


def training(
    losses=None,
    *,
    steps=60,
    ratio=1e-3,
    gradients=None,
    gradient=1.0,
    activations=None,
    layers=("first", "last"),
    seed=0,
):
    """A two-layer training that goes well, unless told otherwise; every step is sampled."""
    recording = Recording("torch")
    for order, name in enumerate(layers):
        recording.layers[name] = layer(name, order=order)
    rng = np.random.default_rng(seed)
    values = losses if losses is not None else np.exp(-np.arange(steps) / 20) + 0.01 * rng.random(steps)
    for step, value in enumerate(values):
        recording.backward()
        recording.loss(float(value), objective=float(value))
        norms = gradients or dict.fromkeys(layers, gradient)
        sample = StepSample(
            step,
            layers={name: LayerStep(norms[name], 3.0, ratio) for name in layers},
            activations=dict(activations or {}),
            grad_norm=float(sum(n * n for n in norms.values()) ** 0.5),
            learning_rate=1e-3,
        )
        recording.step(sample, learning_rate=1e-3)
        recording.counts["clean_steps"] += step > 0
    recording.facts["last_layer"] = layers[-1]
    return recording


def with_loss(recording, kind, *, calls=10, **facts):
    recording.loss_facts = LossFacts(kind=kind, calls=calls, **facts)
    return recording


def with_rows(recording, x, y, *, x_valid=None, y_valid=None, batch=32):
    for begin in range(0, len(x), batch):
        recording.batch(x[begin : begin + batch], y[begin : begin + batch])
    if x_valid is not None:
        recording.batch(x_valid, y_valid, mode="eval")
    return recording


def rows(n=400, features=6, seed=0):
    """Features and a class that depends on several of them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] - x[:, 2] + 0.3 * rng.normal(size=n) > 0).astype(np.int64)


def relu(dead):
    return Activation("relu", 0.3, 0.5, zero_share=0.5, dead_share=dead)


def tanh(saturated):
    return Activation("tanh", 0.0, 0.5, saturated_share=saturated)
