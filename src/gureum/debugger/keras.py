"""Keras: a callback for `fit`. Called by `gureum.debugger`. Loads keras: import it only where a keras model is at hand.

On the torch backend it sees batches, activations, gradients and losses, since training runs eagerly there; on a backend that
compiles the step it sees weights before and after sampled batches, and the logs. Promise: what it wraps for a training is
put back when the training ends.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from gureum.debugger.data import look_at_data
from gureum.debugger.recording import LAYERS_MAX, Activation, LayerInfo, LayerStep, StepSample
from gureum.debugger.session import Session

__all__ = ["KerasCallback"]

FIRST_STEPS = 6
GROWTH = 1.25
STRIDE_MAX = 250
LOSS_CALLS_MAX = 12
KINDS = {
    "sparse_categorical_crossentropy": "cross_entropy", "categorical_crossentropy": "cross_entropy",
    "binary_crossentropy": "binary_cross_entropy", "mean_squared_error": "mse_loss", "mse": "mse_loss",
    "mean_absolute_error": "l1_loss", "mae": "l1_loss", "huber": "huber_loss", "huber_loss": "huber_loss",
}  # fmt: skip
PASSING = (
    "Dropout",
    "Flatten",
    "Reshape",
    "BatchNormalization",
    "AveragePooling2D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling1D",
    "SpatialDropout1D",
    "SpatialDropout2D",
)
SIGMOID_EDGE = 0.005
TANH_EDGE = 0.99


class KerasCallback(Session, keras.callbacks.Callback):  # type: ignore[misc]
    """`model.fit(..., callbacks=[debugger.keras_callback()])`."""

    def __init__(self, *, data: Any = None, run_id: str | None = None) -> None:
        keras.callbacks.Callback.__init__(self)
        Session.__init__(self, "keras", run_id=run_id)
        look_at_data(self.recording, data)
        self._restore: list[tuple[Any, str]] = []
        self._kernels: dict[str, tuple[Any, bool]] = {}
        self._before: dict[str, Any] = {}
        self._activations: dict[str, Activation] = {}
        self._gradients: dict[int, float] = {}
        self._grad_norm: float | None = None
        self._next_sample = 0
        self._sampling = False
        self._last_x: Any = None
        self._seen_loss = False

    def _guard(self, act: Any, *args: Any) -> None:
        """Our own errors end the watching of one thing, never the training."""
        try:
            act(*args)
        except Exception as error:
            if len(self.troubles) < LOSS_CALLS_MAX:
                self.troubles.append(f"{act.__name__}: {type(error).__name__}: {error}")

    # --- keras' events ---

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        self._guard(self._begin)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._sampling = self.recording.step_now >= self._next_sample
        if self._sampling:
            self._guard(self._remember)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._guard(self._end_batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        logs = logs or {}
        self.recording.epoch()
        if "val_loss" in logs:
            accuracy = next((v for k, v in logs.items() if k.startswith("val_") and "acc" in k), None)
            self.recording.evaluation(
                loss=float(logs["val_loss"]), accuracy=None if accuracy is None else float(accuracy),
                train_loss=float(logs["loss"]) if "loss" in logs else None,
            )  # fmt: skip
        self._tell()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        for owner, name in self._restore:
            try:
                delattr(owner, name)
            except AttributeError:
                self.troubles.append(f"{name} was not put back")
        self._restore.clear()
        self._guard(self._end)
        self.close()

    # --- what they do ---

    def _begin(self) -> None:
        model, recording = self.model, self.recording
        chain = [layer for layer in model._flatten_layers(include_self=False) if not getattr(layer, "layers", None)]
        for layer in chain:
            self._add_layer(layer)
        trained = [
            one for one in chain if one.name in recording.layers and recording.layers[one.name].kind != "Embedding"
        ]
        facts = recording.facts
        facts["mode_matters"] = False
        facts["dropout"] = max((float(layer.rate) for layer in chain if "Dropout" in type(layer).__name__), default=0.0)
        facts["stacked"] = _stacked(chain)
        facts["last_layer"] = trained[-1].name if trained else None
        facts["bends"] = 1
        if chain:
            first = next((one for one in chain if type(one).__name__ != "InputLayer"), chain[0])
            facts["input_normalised"] = type(first).__name__ in (
                "BatchNormalization",
                "LayerNormalization",
                "Normalization",
                "Rescaling",
            )
            facts["first_kind"] = type(first).__name__
        optimizer = model.optimizer
        facts["optimizer"] = {
            "name": type(optimizer).__name__, "lr": float(keras.ops.convert_to_numpy(optimizer.learning_rate)),
            "weight_decay": float(getattr(optimizer, "weight_decay", None) or 0.0),
        }  # fmt: skip
        self._output_kind = _output_kind(chain)
        self._loss_kind, self._from_logits = _loss_kind(model.loss)
        if keras.backend.backend() == "torch":
            self._wrap(chain)

    def _add_layer(self, layer: Any) -> None:
        kernel = next((w for w in layer.weights if len(w.shape) >= 2), None)
        if kernel is None or len(self.recording.layers) >= LAYERS_MAX:
            return
        values = np.asarray(keras.ops.convert_to_numpy(kernel), dtype=np.float64)
        by_unit = values.reshape(-1, values.shape[-1])
        kind = type(layer).__name__
        bias = getattr(layer, "bias", None)
        activation = getattr(getattr(layer, "activation", None), "__name__", None)
        self._kernels[layer.name] = (kernel, bool(layer.trainable))
        self.recording.layers[layer.name] = LayerInfo(
            name=layer.name, kind=kind, parameters=values.size, trainable=values.size if layer.trainable else 0,
            fan_in=by_unit.shape[0], fan_out=by_unit.shape[1], weight_mean=float(values.mean()), weight_std=float(values.std()),
            unit_spread=float(by_unit.std(axis=1).mean()) if by_unit.shape[1] > 1 else None,
            bias_mean=float(keras.ops.convert_to_numpy(bias).mean()) if bias is not None else 0.0,
            activation=activation, order=len(self.recording.layers),
        )  # fmt: skip

    def _wrap(self, chain: list[Any]) -> None:
        for layer in chain:
            kind = getattr(getattr(layer, "activation", None), "__name__", None) or {"ReLU": "relu"}.get(
                type(layer).__name__
            )
            if kind in ("relu", "sigmoid", "tanh", "relu6") and not hasattr(layer, "cell"):
                self._replace(layer, "call", self._watched_call(layer, kind))
        self._replace(self.model, "compute_loss", self._watched_loss())
        self._replace(self.model.optimizer, "apply", self._watched_apply())

    def _replace(self, owner: Any, name: str, function: Any) -> None:
        object.__setattr__(owner, name, function)
        self._restore.append((owner, name))

    def _watched_call(self, layer: Any, kind: str) -> Any:
        original = layer.call

        def call(*args: Any, **kwargs: Any) -> Any:
            out = original(*args, **kwargs)
            if self._sampling and layer.name not in self._activations and hasattr(out, "detach"):
                self._guard(self._look_at_activation, layer.name, kind, out)
            return out

        return call

    def _watched_loss(self) -> Any:
        original = self.model.compute_loss

        def compute_loss(
            x: Any = None,
            y: Any = None,
            y_pred: Any = None,
            sample_weight: Any = None,
            training: bool = True,
            **more: Any,
        ) -> Any:
            value = original(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training, **more)
            self._guard(self._look_at_loss, x, y, y_pred, sample_weight, training, value)
            return value

        return compute_loss

    def _watched_apply(self) -> Any:
        original = self.model.optimizer.apply

        def apply(grads: Any, trainable_variables: Any = None) -> Any:
            if self._sampling:
                self._guard(self._look_at_gradients, grads, trainable_variables)
            return original(grads, trainable_variables)

        return apply

    def _look_at_activation(self, name: str, kind: str, out: Any) -> None:
        values = out.detach().cpu().float().numpy()
        units = values.reshape(-1, values.shape[-1])
        saturated = 0.0
        if kind == "sigmoid":
            saturated = float(((units < SIGMOID_EDGE) | (units > 1 - SIGMOID_EDGE)).mean())
        elif kind == "tanh":
            saturated = float((np.abs(units) > TANH_EDGE).mean())
        off = units <= 0
        rectifies = kind.startswith("relu")
        self._activations[name] = Activation(
            kind, float(units.mean()), float(units.std()), zero_share=float(off.mean()) if rectifies else 0.0,
            dead_share=float(off.all(axis=0).mean()) if rectifies else 0.0, saturated_share=saturated,
        )  # fmt: skip

    def _look_at_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool, value: Any) -> None:
        recording = self.recording
        if isinstance(x, (list, tuple)) and len(x) == 1:
            x = x[0]
        x_array, y_array = _numpy(x), _numpy(y)
        if not training:
            if recording.rows.wants("eval"):
                recording.batch(x_array, y_array, mode="eval")
            return
        total = float(value.detach())
        penalty = sum(float(one.detach()) for one in self.model.losses) if self.model.losses else 0.0
        recording.counts["backward"] += 1
        recording.loss(total - penalty, objective=total)
        self._seen_loss = True
        self._last_x = x_array
        if recording.rows.wants("train"):
            recording.batch(x_array, y_array)
        if not math.isfinite(total) and recording.counts["loss_not_finite"] <= 3:
            for array, name in ((x_array, "input_not_finite"), (y_array, "target_not_finite")):
                if array is not None and array.dtype.kind == "f" and not np.isfinite(array).all():
                    recording.counts[name] += 1
        facts = recording.loss_facts
        if sample_weight is not None:
            facts.weighted = True
        if facts.calls < LOSS_CALLS_MAX and y_array is not None and hasattr(y_pred, "shape"):
            self._look_at_output(y_array, _numpy(y_pred))

    def _look_at_output(self, y: Any, out: Any) -> None:
        facts = self.recording.loss_facts
        facts.calls += 1
        facts.kind = self._loss_kind
        facts.output_shape, facts.target_shape = tuple(out.shape), tuple(y.shape)
        facts.target_integer = y.dtype.kind in "iu" or self._loss_kind == "cross_entropy"
        facts.last_function = self._output_kind
        if y.dtype.kind == "f":
            facts.target_fraction += bool((y != np.round(y)).any())
        facts.target_out_of_range += bool(y.min() < 0 or y.max() > 1)
        probability = bool(out.min() >= 0 and out.max() <= 1) and (
            self._output_kind in ("softmax", "sigmoid") and (self._output_kind == "sigmoid" or out.shape[-1] > 1)
        )
        if self._from_logits:
            facts.output_probability += probability
        elif self._loss_kind in ("cross_entropy", "binary_cross_entropy") and self._output_kind not in (
            "softmax",
            "sigmoid",
        ):
            self.recording.facts["probability_missing"] = (
                f"{self._loss_kind} without from_logits wants probabilities; the output is {self._output_kind}"
            )
        if _is_same(self._last_x, y):
            facts.target_is_input += 1

    def _look_at_gradients(self, grads: Any, variables: Any) -> None:
        variables = variables if variables is not None else self.model.trainable_variables
        total = 0.0
        for grad, variable in zip(grads, variables, strict=False):
            if grad is None:
                continue
            norm = (
                float(grad.detach().norm())
                if hasattr(grad, "detach")
                else float(np.linalg.norm(keras.ops.convert_to_numpy(grad)))
            )
            total += norm * norm
            self._gradients[id(variable)] = norm
        self._grad_norm = math.sqrt(total)

    def _remember(self) -> None:
        self._activations = {}
        self._gradients = {}
        self._grad_norm = None
        self._before = {
            name: np.array(keras.ops.convert_to_numpy(kernel)) for name, (kernel, _) in self._kernels.items()
        }

    def _end_batch(self, logs: dict[str, Any]) -> None:
        recording = self.recording
        if not self._seen_loss and "loss" in logs:
            recording.loss(float(logs["loss"]))
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        sample = None
        if self._sampling:
            sample = StepSample(
                recording.step_now, activations=self._activations, grad_norm=self._grad_norm, learning_rate=rate
            )
            for name, (kernel, trainable) in self._kernels.items():
                before = self._before.get(name)
                if before is None:
                    continue
                size = float(np.linalg.norm(before))
                change = float(np.linalg.norm(np.asarray(keras.ops.convert_to_numpy(kernel)) - before))
                sample.layers[name] = LayerStep(
                    self._gradients.get(id(kernel)), size, change / (size + 1e-12) if trainable and size > 0 else None
                )
            now = recording.step_now
            self._next_sample = (
                now + 1 if now < FIRST_STEPS else now + max(1, min(STRIDE_MAX, int(now * (GROWTH - 1)) + 1))
            )
        recording.step(sample, learning_rate=rate)
        if recording.step_now == 3:
            recording.facts["symmetric"] = self._symmetric()

    def _symmetric(self) -> list[str]:
        found = []
        for name, (kernel, _) in self._kernels.items():
            values = np.asarray(keras.ops.convert_to_numpy(kernel))
            units = values.reshape(-1, values.shape[-1])
            if units.shape[1] > 1 and float(units.std(axis=1).max()) <= 1e-7 * float(np.abs(units).max() + 1e-12):
                found.append(name)
        return found

    def _end(self) -> None:
        self.recording.facts["weights_end"] = {
            name: float(np.linalg.norm(keras.ops.convert_to_numpy(kernel)))
            for name, (kernel, _) in self._kernels.items()
        }


def _is_same(x: Any, y: Any) -> bool:
    return x is not None and getattr(x, "shape", None) == y.shape and bool(np.array_equal(x, y))


def _numpy(value: Any) -> Any:
    if value is None or isinstance(value, (dict, list, tuple)):
        return None
    return np.asarray(keras.ops.convert_to_numpy(value))


def _loss_kind(loss: Any) -> tuple[str, bool]:
    """The loss in PyTorch's words, and whether it wants logits."""
    config = loss.get_config() if hasattr(loss, "get_config") else {}
    name = (
        loss
        if isinstance(loss, str)
        else config.get("name") or getattr(loss, "name", None) or getattr(loss, "__name__", "unknown")
    )
    kind = KINDS.get(str(name), "unknown")
    logits = bool(config.get("from_logits", False))
    return ("binary_cross_entropy_with_logits" if kind == "binary_cross_entropy" and logits else kind), logits


def _output_kind(chain: list[Any]) -> str:
    """The activation of the last layer."""
    for layer in reversed(chain):
        name = type(layer).__name__
        if name == "Softmax":
            return "softmax"
        activation = getattr(layer, "activation", None)
        if activation is not None:
            return str(getattr(activation, "__name__", "unknown"))
        if name not in PASSING:
            break
    return "unknown"


def _stacked(chain: list[Any]) -> list[tuple[str, str]]:
    """Dense and convolution layers without activation that feed another one, along a chain of layers."""
    if any(
        len(layer._inbound_nodes) != 1 or len(layer._outbound_nodes) > 1
        for layer in chain
        if type(layer).__name__ != "InputLayer"
    ):
        return []
    found: list[tuple[str, str]] = []
    waiting: str | None = None
    for layer in chain:
        name = type(layer).__name__
        linear = name == "Dense" or name.startswith("Conv")
        if linear:
            if waiting is not None:
                found.append((waiting, layer.name))
            waiting = layer.name if getattr(layer.activation, "__name__", "") == "linear" else None
        elif name not in (*PASSING, "InputLayer"):
            waiting = None
    return found
