"""What loss functions are given: listened to by wrapping `torch.nn.functional`, which the loss modules call too.

Called by `watch`. While a watch is open the functions of LOSSES are wrapped; `restore` puts them back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gureum.debugger.recording import LossFacts

__all__ = ["LOSSES", "Wrapped", "look_at"]

LOSSES = (
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss",
    "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss", "gaussian_nll_loss", "ctc_loss", "hinge_embedding_loss",
    "margin_ranking_loss", "triplet_margin_loss", "cosine_embedding_loss", "multi_margin_loss", "soft_margin_loss",
)  # fmt: skip

# What the functions above call. Who took a reference to `functional.mse_loss` before the watch began is heard here.
BELOW = {
    "cross_entropy_loss": "cross_entropy", "nll_loss_nd": "nll_loss", "binary_cross_entropy": "binary_cross_entropy",
    "mse_loss": "mse_loss", "l1_loss": "l1_loss", "smooth_l1_loss": "smooth_l1_loss", "huber_loss": "huber_loss",
}  # fmt: skip

Listener = Callable[[str, Any, Any, dict[str, Any], Any], None]
# The positions of `weight` and `reduction`, where they are given by position.
PROBABILITY_TOLERANCE = 1e-3


class Wrapped:
    """The wrapped functions, and how to put them back."""

    def __init__(self, listener: Listener) -> None:
        self._originals = {name: getattr(functional, name) for name in LOSSES}
        self._below: dict[tuple[Any, str], Any] = {
            (torch._C._nn, n): getattr(torch._C._nn, n) for n in BELOW if hasattr(torch._C._nn, n)
        }
        self._below[torch, "binary_cross_entropy_with_logits"] = torch.binary_cross_entropy_with_logits
        self.inside = False
        for (owner, name), original in self._below.items():
            setattr(owner, name, self._wrap(BELOW.get(name, name), original, listener))
        for name, original in self._originals.items():
            setattr(functional, name, self._wrap(name, original, listener))

    def _wrap(self, name: str, original: Any, listener: Listener) -> Any:
        @wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return original(*args, **kwargs)
            self.inside = True
            try:
                result = original(*args, **kwargs)
            finally:
                self.inside = False
            output = args[0] if args else kwargs.get("input")
            target = args[1] if len(args) > 1 else kwargs.get("target")
            options = dict(kwargs)
            if len(args) > 2 and name in (
                "cross_entropy",
                "nll_loss",
                "binary_cross_entropy",
                "binary_cross_entropy_with_logits",
            ):
                options["weight"] = args[2]
            listener(name, output, target, options, result)
            return result

        return call

    def restore(self) -> None:
        for name, original in self._originals.items():
            setattr(functional, name, original)
        for (owner, name), original in self._below.items():
            setattr(owner, name, original)


def _crossed(output: Tensor, target: Tensor) -> bool:
    """Whether broadcasting makes more pairs than either has values: (n, 1) against (n,) is n x n, (n, 1) against (1,) is not."""
    ours, theirs = _own_shape(output), _own_shape(target)
    if ours == theirs:
        return False
    pairs = math.prod(map(max, zip_longest(reversed(ours), reversed(theirs), fillvalue=1)))
    return pairs > max(math.prod(ours), math.prod(theirs))


def _own_shape(one: Tensor) -> tuple[int, ...]:
    """The shape before broadcasting, which the functions below torch.nn.functional are given already done."""
    return tuple(1 if stride == 0 else size for size, stride in zip(one.shape, one.stride(), strict=True))


def look_at(
    facts: LossFacts, kind: str, output: Tensor, target: Any, options: dict[str, Any], made_by: str | None, inputs: Any
) -> None:
    """Note what one call of a loss was given. `inputs` is what the model was given, to know an autoencoder."""
    if not isinstance(output, Tensor) or not isinstance(target, Tensor):
        return
    facts.calls += 1
    facts.kind = kind
    facts.output_shape, facts.target_shape = tuple(output.shape), tuple(target.shape)
    facts.target_integer = not target.is_floating_point()
    facts.weighted = facts.weighted or options.get("weight") is not None or options.get("pos_weight") is not None
    facts.reduced = options.get("reduction", "mean") not in ("none", 0)
    if made_by is not None:
        facts.last_function = made_by
    y, out = target.detach(), output.detach()
    facts.shape_mismatch += kind in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss") and _crossed(out, y)
    if y.is_floating_point():
        facts.target_fraction += bool((y != y.round()).any())
    facts.target_constant += y.numel() > 1 and bool((y == y.reshape(-1)[0]).all())
    facts.target_binary += bool(((y == 0) | (y == 1)).all())
    if isinstance(inputs, Tensor) and (
        inputs.data_ptr() == y.data_ptr()
        or (
            inputs.numel() == y.numel()
            and inputs.numel() > len(y) > 0
            and torch.equal(inputs.reshape(-1).to(y.dtype), y.reshape(-1))
        )
    ):
        facts.target_is_input += 1
    if kind == "cross_entropy" and out.ndim >= 2 and out.shape[1] > 1:
        inside = bool((out.min() >= 0) & (out.max() <= 1))
        facts.output_probability += inside and bool(((out.sum(1) - 1).abs() < PROBABILITY_TOLERANCE).all())
    elif kind == "binary_cross_entropy_with_logits":
        facts.output_probability += bool((out.min() >= 0) & (out.max() <= 1)) and made_by in ("sigmoid", "softmax")
        facts.target_out_of_range += bool((y.min() < 0) | (y.max() > 1))
    elif kind == "nll_loss" and out.ndim >= 2:
        facts.output_positive += bool(((out.float().logsumexp(1)).abs() > 0.01).any())
