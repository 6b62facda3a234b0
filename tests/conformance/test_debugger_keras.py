"""`model.fit` of Keras on the torch backend, with our callback."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
keras = pytest.importorskip("keras", reason="Keras is not installed")
if keras.backend.backend() != "torch":
    pytest.skip("another test chose another backend", allow_module_level=True)

from keras import layers  # noqa: E402

from gureum import debugger  # noqa: E402

pytestmark = [pytest.mark.conformance, pytest.mark.xdist_group("torch"), pytest.mark.filterwarnings("ignore")]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 8)).astype("float32")
Y = (X[:, 0] + X[:, 1] - X[:, 2] + 0.3 * RNG.normal(size=300) > 0).astype("int32")


def fit(*stack, loss="sparse_categorical_crossentropy", optimizer=None, x=X, epochs=5):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), *stack])
    model.compile(optimizer=optimizer or keras.optimizers.Adam(1e-3), loss=loss)
    callback = debugger.keras_callback()
    model.fit(x[:240], Y[:240], epochs=epochs, verbose=0, validation_data=(x[240:], Y[240:]), callbacks=[callback])
    assert callback.troubles == []
    assert callback.verdict.troubles == ()
    assert "compute_loss" not in vars(model)
    return [one.rule for one in callback.findings]


def test_a_healthy_training_is_not_flagged():
    assert fit(layers.Dense(32, activation="relu"), layers.Dropout(0.2), layers.Dense(2, activation="softmax")) == []


def test_a_rate_that_is_too_high():
    dense = layers.Dense(32, activation="relu"), layers.Dense(2, activation="softmax")
    assert fit(*dense, optimizer=keras.optimizers.Adam(2.0)) == ["lr_too_high"]


def test_softmax_before_a_loss_that_wants_logits():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert fit(layers.Dense(16, activation="relu"), layers.Dense(2, activation="softmax"), loss=loss) == [
        "double_softmax"
    ]


def test_layers_with_nothing_between():
    assert fit(layers.Dense(16), layers.Dense(16), layers.Dense(2, activation="softmax")) == ["missing_activation"]


def test_dead_units_are_seen_in_their_layer():
    dead = layers.Dense(32, activation="relu", bias_initializer=keras.initializers.Constant(-50.0))
    assert fit(dead, layers.Dense(2, activation="softmax")) == ["dead_relu"]


def test_inputs_that_are_not_normalised():
    assert fit(layers.Dense(16, activation="relu"), layers.Dense(2, activation="softmax"), x=X * 200) == [
        "unnormalised_input"
    ]
