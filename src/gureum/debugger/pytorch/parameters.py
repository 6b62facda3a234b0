"""Weights, gradients and updates of the watched modules, measured with few fused calls. Called by `watch`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gureum.debugger.recording import LAYERS_MAX, LayerInfo, LayerStep

__all__ = ["Parameters"]

# Of a very large weight the first part stands for all.
ELEMENTS_MAX = 1_000_000
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class Parameters:
    """The parameters of some modules, by layer. `weights` are those with two axes or more, LAYERS_MAX at most."""

    def __init__(self, roots: list[nn.Module]) -> None:
        self.all: dict[int, Tensor] = {}
        self.weights: dict[str, Tensor] = {}
        self.layers: dict[str, LayerInfo] = {}
        self.names: dict[int, str] = {}
        self.layer_of: dict[int, str] = {}
        for index, root in enumerate(roots):
            self._add(root, f"{index}." if len(roots) > 1 else "")
        self.before: list[Tensor] = []

    def _add(self, root: nn.Module, prefix: str) -> None:
        for path, module in root.named_modules():
            for name, parameter in module.named_parameters(recurse=False):
                if id(parameter) in self.all or isinstance(parameter, nn.parameter.UninitializedParameter):
                    continue
                self.all[id(parameter)] = parameter
                layer = (prefix + path).rstrip(".") or "model"
                if name not in ("weight", "bias"):
                    layer = f"{layer}.{name}"
                self.layer_of[id(parameter)] = layer
                if parameter.ndim >= 2 and name != "bias" and "bias" not in name and len(self.weights) < LAYERS_MAX:
                    self._weight(layer, module, parameter)
                elif "bias" in name and layer in self.layers:
                    self.layers[layer].bias_mean = float(parameter.detach().float().mean())

    def _weight(self, layer: str, module: nn.Module, parameter: Tensor) -> None:
        self.weights[layer] = parameter
        self.names[id(parameter)] = layer
        values = _part(parameter).float()
        rows = parameter.detach().flatten(1).float()
        if rows.numel() > ELEMENTS_MAX:
            rows = rows[: max(2, ELEMENTS_MAX // rows.shape[1])]
        transposed = isinstance(module, TRANSPOSED)
        receptive = parameter[0, 0].numel()
        fan_in = (parameter.shape[0] if transposed else parameter.shape[1]) * receptive
        fan_out = (parameter.shape[1] if transposed else parameter.shape[0]) * receptive
        if transposed:
            stride = module.stride
            fan_in = max(1, fan_in // max(1, _product(stride)))
        self.layers[layer] = LayerInfo(
            name=layer, kind=type(module).__name__, parameters=parameter.numel(),
            trainable=parameter.numel() if parameter.requires_grad else 0,
            groups=int(getattr(module, "groups", 1)), fan_in=int(fan_in), fan_out=int(fan_out),
            weight_mean=float(values.mean()), weight_std=float(values.std(correction=0)),
            unit_spread=float(rows.std(0, correction=0).mean()) if rows.shape[0] > 1 else None,
        )  # fmt: skip

    def gradients(self) -> tuple[dict[str, float], float]:
        """L2 norm of each weight's gradient, and of all gradients together."""
        owned = [(key, p.grad) for key, p in self.all.items() if p.grad is not None and not p.grad.is_sparse]
        if not owned:
            return {}, 0.0
        norms = torch.stack([n.float() for n in torch._foreach_norm([grad for _, grad in owned])]).tolist()
        named = {self.names[key]: norm for (key, _), norm in zip(owned, norms, strict=True) if key in self.names}
        return named, float(sum(n * n for n in norms) ** 0.5)

    def remember(self) -> None:
        """Keep the weights as they are before the step."""
        self.before = [_part(weight).clone() for weight in self.weights.values()]

    def changes(self, gradients: dict[str, float]) -> dict[str, LayerStep]:
        """Each layer's step since `remember`."""
        if not self.before:
            return {}
        now = [_part(weight) for weight in self.weights.values()]
        moved = torch._foreach_norm(torch._foreach_sub(now, self.before))
        sizes = torch._foreach_norm(self.before)
        numbers = torch.stack([n.float() for n in (*moved, *sizes)]).tolist()
        self.before = []
        count = len(now)
        out: dict[str, LayerStep] = {}
        for index, layer in enumerate(self.weights):
            change, size = numbers[index], numbers[count + index]
            trainable = self.layers[layer].trainable
            out[layer] = LayerStep(
                gradients.get(layer), size, (change / (size + 1e-12)) if trainable and size > 0 else None
            )
        return out

    def symmetric(self) -> list[str]:
        """Layers whose units are still all the same."""
        found = []
        for layer, weight in self.weights.items():
            rows = weight.detach().flatten(1).float()
            if rows.shape[0] > 1 and float(rows[:64].std(0, correction=0).max()) <= 1e-7 * float(
                rows.abs().max() + 1e-12
            ):
                found.append(layer)
        return found


def _part(parameter: Tensor) -> Tensor:
    values = parameter.detach()
    return values.reshape(-1)[:ELEMENTS_MAX] if values.numel() > ELEMENTS_MAX else values


def _product(stride: Any) -> int:
    out = 1
    for one in stride if isinstance(stride, tuple) else (stride,):
        out *= int(one)
    return out
