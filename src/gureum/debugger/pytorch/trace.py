"""One forward pass looked at closely: activations, which layer feeds which, and what made the output.

Called by `watch` on sampled steps only, since every torch call then passes through Python. Works for modules and for plain
functions alike (`nn.ReLU()`, `F.relu(x)`, `x.relu()`), since it listens to the functions themselves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from gureum.debugger.recording import Activation

__all__ = ["Trace"]

RECTIFIERS = frozenset(
    {
        "relu",
        "relu_",
        "leaky_relu",
        "relu6",
        "hardswish",
        "elu",
        "selu",
        "gelu",
        "silu",
        "mish",
        "softplus",
        "celu",
        "prelu",
    }
)
SQUASHERS = frozenset({"sigmoid", "sigmoid_", "tanh", "tanh_", "hardsigmoid", "hardtanh"})
NORMALISERS = frozenset({"softmax", "log_softmax", "_softmax", "_log_softmax"})
LINEAR = frozenset({"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})
# What neither bends a function nor mixes it with another one: two linear layers with only these between are one.
PASSING = frozenset({
    "view", "reshape", "flatten", "transpose", "permute", "contiguous", "squeeze", "unsqueeze", "dropout", "dropout2d", "dropout1d",
    "batch_norm", "avg_pool2d", "avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool1d", "mean", "float", "to", "identity",
    "alpha_dropout", "feature_dropout",
})  # fmt: skip

# Beyond these a sigmoid's derivative is a fiftieth of its best, and a tanh's likewise.
SIGMOID_EDGE = 0.005
TANH_EDGE = 0.99
ACTIVATIONS_MAX = 200


class Trace(TorchFunctionMode):
    """`names` gives a weight's layer by `id`. After the pass: `activations`, `order`, `stacked` and `made_by`."""

    def __init__(self, names: dict[int, str], *, statistics: bool = True) -> None:
        super().__init__()
        self.names = names
        self.statistics = statistics
        self.activations: dict[str, Activation] = {}
        self.order: list[str] = []
        self.activation_of: dict[str, str] = {}
        self.stacked: list[tuple[str, str]] = []
        self.linear_calls = 0
        self.bends = 0  # calls of anything that is not linear
        self.detached = False
        self.first_linear_input_normalised = False
        self._source: dict[int, str] = {}
        self._made: dict[int, str] = {}
        self._keep: list[Any] = []
        self._consumers: dict[str, int] = {}
        self._last = "input"

    def made_by(self, tensor: Any) -> str | None:
        """The function whose result `tensor` is, reshaping aside."""
        return self._made.get(id(tensor))

    def forget(self) -> None:
        """Let the tensors of the pass go."""
        self._keep.clear()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        try:
            self._see(getattr(func, "__name__", ""), args, kwargs or {}, out)
        except Exception:  # an odd subclass of Tensor is not worth a training
            self.bends += 1
        return out

    def _see(self, name: str, args: Any, kwargs: Any, out: Any) -> None:
        if not isinstance(out, torch.Tensor):
            if name in ("lstm", "gru", "rnn_tanh", "rnn_relu", "multi_head_attention_forward"):
                self.bends += 1
                self._last = self._owner(args) or self._last
            return
        if name in LINEAR:
            self._linear(args, kwargs, out)
            return
        if name in PASSING:
            self._pass_on(name, args, out)
            return
        if name in ("detach", "item", "numpy"):
            self.detached = True
        if name in RECTIFIERS or name in SQUASHERS:
            self.bends += 1
            self._activation(name.rstrip("_"), out)
        elif name in NORMALISERS:
            self.bends += 1
            self._mark(out, name.lstrip("_"))
        elif out.is_floating_point() and not name.startswith("__get"):
            self.bends += name not in (
                "add",
                "__add__",
                "sub",
                "__sub__",
                "cat",
                "stack",
                "__getitem__",
                "clone",
                "detach",
                "size",
            )

    def _owner(self, args: Any) -> str | None:
        for argument in args:
            for one in argument if isinstance(argument, (list, tuple)) else (argument,):
                if isinstance(one, torch.nn.Parameter) and id(one) in self.names:
                    return self.names[id(one)]
        return None

    def _linear(self, args: Any, kwargs: Any, out: torch.Tensor) -> None:
        x = args[0] if args else kwargs.get("input")
        weight = args[1] if len(args) > 1 else kwargs.get("weight")
        layer = self.names.get(id(weight))
        if layer is None:
            self.bends += 1
            return
        self.linear_calls += 1
        if not self.order:
            self.first_linear_input_normalised = self._made.get(id(x)) in ("batch_norm", "layer_norm")
        if layer not in self.order:
            self.order.append(layer)
        source = self._source.get(id(x))
        if source is not None and source != layer:
            self.stacked.append((source, layer))
            self._consumers[source] = self._consumers.get(source, 0) + 1
        self._source[id(out)] = layer
        self._keep.append(out)
        self._last = layer

    def _pass_on(self, name: str, args: Any, out: torch.Tensor) -> None:
        x = args[0] if args else None
        if id(x) in self._source:
            self._source[id(out)] = self._source[id(x)]
        if id(x) in self._made and name != "mean":
            self._made[id(out)] = self._made[id(x)]
        if name == "batch_norm":
            self._made[id(out)] = name
        self._keep.append(out)

    def _mark(self, out: torch.Tensor, name: str) -> None:
        self._made[id(out)] = name
        self._keep.append(out)

    def _activation(self, kind: str, out: torch.Tensor) -> None:
        self._mark(out, kind)
        self.activation_of.setdefault(self._last, kind)
        if (
            not self.statistics
            or self._last in self.activations
            or len(self.activations) >= ACTIVATIONS_MAX
            or not out.numel()
        ):
            return
        values = out.detach()
        flat = values.reshape(values.shape[0], -1).float() if values.ndim > 1 else values.reshape(-1, 1).float()
        deviation, mean = torch.std_mean(flat, correction=0)
        numbers = [mean, deviation]
        if kind in ("relu", "relu6"):
            off = flat <= 0
            # A unit is a channel of a picture, a column of a table, the last axis of a sequence.
            axes = (0, *range(2, values.ndim)) if values.ndim >= 4 else tuple(range(values.ndim - 1))
            dead = off.reshape(values.shape).all(dim=axes) if values.ndim > 1 else off.all()
            numbers += [off.float().mean(), dead.float().mean(), torch.zeros(())]
        elif kind in ("sigmoid", "hardsigmoid"):
            edge = (flat < SIGMOID_EDGE) | (flat > 1 - SIGMOID_EDGE)
            numbers += [torch.zeros(()), torch.zeros(()), edge.float().mean()]
        elif kind in ("tanh", "hardtanh"):
            numbers += [torch.zeros(()), torch.zeros(()), (flat.abs() > TANH_EDGE).float().mean()]
        else:
            numbers += [torch.zeros(()), torch.zeros(()), torch.zeros(())]
        self.activations[self._last] = Activation(
            kind, *(float(v) for v in torch.stack([n.to(flat.device) for n in numbers]).tolist())
        )
