"""Random data, models, optimizers and plain loops, from which the programs are put together. Called by `faulty` and `healthy`.

Everything is drawn from one seed, so that a program is a name and a number.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gureum import debugger

__all__ = ["MODELS", "Task", "classification", "fit", "model_for", "optimizer_for", "regression", "task"]

MODELS = ("mlp", "cnn", "lstm", "gru", "transformer", "autoencoder")


@dataclass
class Task:
    """Data of one kind: `kind` classification, binary, regression or reconstruction; `shape` of one input."""

    kind: str
    x: Tensor
    y: Tensor
    xv: Tensor
    yv: Tensor
    classes: int
    model: str
    rng: random.Random
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def outputs(self) -> int:
        return self.classes if self.kind == "classification" else 1

    def loss(self) -> nn.Module:
        if self.kind == "classification":
            return nn.CrossEntropyLoss()
        if self.kind == "binary":
            return nn.BCEWithLogitsLoss()
        return (
            self.rng.choice([nn.MSELoss, nn.MSELoss, nn.SmoothL1Loss, nn.L1Loss])()
            if self.kind == "regression"
            else nn.MSELoss()
        )


def _inputs(rng: random.Random, model: str, n: int) -> Tensor:
    if model == "cnn":
        side, channels = rng.choice([8, 12, 16]), rng.choice([1, 3])
        base = torch.randn(n, channels, side, side)
        return functional.avg_pool2d(base, 3, 1, 1) * 3
    if model in ("lstm", "gru", "rnn", "transformer"):
        return torch.randn(n, rng.randint(6, 20), rng.randint(3, 10))
    return torch.randn(n, rng.randint(6, 40))


def _signal(rng: random.Random, x: Tensor, outputs: int) -> Tensor:
    """Numbers that depend on the inputs in a way that a small network can learn, one column an output."""
    flat = x.flatten(1)
    w = torch.randn(flat.shape[1], outputs) / math.sqrt(flat.shape[1])
    linear = flat @ w
    bent = torch.tanh(flat @ torch.randn(flat.shape[1], 4) / math.sqrt(flat.shape[1])) @ torch.randn(4, outputs)
    return 1.5 * linear + rng.uniform(0.2, 0.8) * bent


def task(
    rng: random.Random,
    *,
    kinds: tuple[str, ...] = ("classification", "binary", "regression"),
    models: tuple[str, ...] = MODELS[:5],
    n: int | None = None,
) -> Task:
    kind, model = rng.choice(kinds), rng.choice(models)
    n = n or rng.choice([240, 300, 400, 600])
    nv = max(60, n // 4)
    x = _inputs(rng, model, n + nv)
    classes = rng.choice([2, 3, 4, 5, 10]) if kind == "classification" else 1
    signal = _signal(rng, x, classes)
    noise = rng.choice([0.1, 0.3])
    y: Tensor
    if kind == "classification":
        y = (signal + noise * torch.randn_like(signal)).argmax(1)
    elif kind == "binary":
        y = (signal + noise * torch.randn_like(signal) > 0).float()
    else:
        y = signal / signal.std() + noise * torch.randn_like(signal)
    if kind == "reconstruction":
        y = x
    return Task(kind, x[:n], y[:n], x[n:], y[n:], classes, model, rng)


def classification(rng: random.Random, **options: Any) -> Task:
    return task(rng, kinds=("classification",), **options)


def regression(rng: random.Random, **options: Any) -> Task:
    return task(rng, kinds=("regression",), **options)


class LSTMNet(nn.Module):
    def __init__(self, features: int, hidden: int, outputs: int, cell: Any, layers: int, dropout: float) -> None:
        super().__init__()
        self.rnn = cell(features, hidden, num_layers=layers, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.rnn(x)
        return self.head(self.drop(out[:, -1]))


class TransformerNet(nn.Module):
    def __init__(self, features: int, width: int, outputs: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Linear(features, width)
        layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(x)).mean(1))


class FunctionalMLP(nn.Module):
    def __init__(self, features: int, hidden: int, outputs: int, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.fc1 = nn.Linear(features, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, outputs)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.act(self.fc2(self.act(self.fc1(x)))))


class CNN(nn.Module):
    def __init__(self, channels: int, side: int, outputs: int, width: int, norm: bool, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(2 * width * (side // 4) ** 2, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(functional.relu(self.bn1(self.conv1(x))))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc(self.drop(x.flatten(1)))


ACTIVATIONS: tuple[Any, ...] = (nn.ReLU, nn.ReLU, nn.ReLU, nn.Tanh, nn.GELU, nn.LeakyReLU, nn.ELU, nn.SiLU)


def model_for(
    t: Task, *, dropout: float | None = None, norm: bool | None = None, act: Any = None, depth: int | None = None
) -> nn.Module:
    rng, outputs = t.rng, t.outputs
    drop = rng.choice([0.0, 0.1, 0.3, 0.5]) if dropout is None else dropout
    width = rng.choice([16, 32, 64, 128])
    if t.model == "cnn":
        return CNN(
            t.x.shape[1], t.x.shape[2], outputs, rng.choice([8, 16]), rng.random() < 0.5 if norm is None else norm, drop
        )
    if t.model in ("lstm", "gru", "rnn"):
        cell = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[t.model]
        return LSTMNet(t.x.shape[2], width, outputs, cell, rng.choice([1, 1, 2]), drop)
    if t.model == "transformer":
        return TransformerNet(t.x.shape[2], rng.choice([16, 32, 64]), outputs, rng.choice([1, 2]), drop)
    features = t.x[0].numel()
    if act is None and depth is None and not drop and rng.random() < 0.4:
        return FunctionalMLP(
            features, width, outputs, rng.choice([torch.relu, functional.relu, torch.tanh, functional.gelu])
        )
    layers: list[nn.Module] = []
    function = act or rng.choice(ACTIVATIONS)
    use_norm = rng.random() < 0.3 if norm is None else norm
    before = features
    for _ in range(depth or rng.choice([1, 2, 3])):
        layers.append(nn.Linear(before, width))
        if use_norm:
            layers.append(rng.choice([nn.BatchNorm1d, nn.LayerNorm])(width) if norm is None else nn.BatchNorm1d(width))
        layers.append(function())
        if drop:
            layers.append(nn.Dropout(drop))
        before = width
    layers.append(nn.Linear(before, outputs))
    return nn.Sequential(*layers)


# Learning rates that a person would choose for the optimizer.
OPTIMIZERS: dict[str, Callable[[Any, random.Random], torch.optim.Optimizer]] = {
    "adam": lambda p, r: torch.optim.Adam(p, r.choice([3e-4, 1e-3, 1e-3, 3e-3])),
    "adamw": lambda p, r: torch.optim.AdamW(p, r.choice([3e-4, 1e-3, 2e-3]), weight_decay=r.choice([0.01, 0.05])),
    "sgd": lambda p, r: torch.optim.SGD(p, r.choice([0.01, 0.05, 0.1])),
    "momentum": lambda p, r: torch.optim.SGD(p, r.choice([0.01, 0.02, 0.05]), momentum=0.9, nesterov=r.random() < 0.5),
    "rmsprop": lambda p, r: torch.optim.RMSprop(p, r.choice([3e-4, 1e-3])),
    "adagrad": lambda p, r: torch.optim.Adagrad(p, r.choice([0.01, 0.02])),
    "nadam": lambda p, r: torch.optim.NAdam(p, r.choice([1e-3, 2e-3])),
    "adamax": lambda p, _: torch.optim.Adamax(p, 2e-3),
    "radam": lambda p, _: torch.optim.RAdam(p, 1e-3),
}


def optimizer_for(model: nn.Module, rng: random.Random, *, name: str | None = None) -> torch.optim.Optimizer:
    return OPTIMIZERS[name or rng.choice(list(OPTIMIZERS))]([p for p in model.parameters() if p.requires_grad], rng)


def fit(
    t: Task, model: nn.Module, *, optimizer: torch.optim.Optimizer | None = None, loss: Any = None, epochs: int | None = None,
    batch: int | None = None, shuffle: bool = True, step: Callable[..., None] | None = None, evaluate: Any = True,
    sampler: Any = None, before_epoch: Callable[[nn.Module], Any] = lambda m: m.train(),
    before_eval: Callable[[nn.Module], Any] = lambda m: m.eval(), after_step: Callable[[], None] = lambda: None, **watch: Any,
) -> debugger.Session:  # fmt: skip
    """The plain loop of a tutorial, watched. `step(model, optimizer, loss, x, y)` replaces one training step."""
    rng = t.rng
    loss_fn = loss or t.loss()
    opt = optimizer or optimizer_for(model, rng)
    size = batch or rng.choice([16, 32, 64])
    dataset = torch.utils.data.TensorDataset(t.x, t.y)
    loader = torch.utils.data.DataLoader(dataset, batch_size=size, shuffle=shuffle and sampler is None, sampler=sampler)
    valid = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(t.xv, t.yv), batch_size=rng.choice([64, 1000]))
    told = rng.random() < 0.3
    with debugger.watch(model, optimizer=opt, loss=loss_fn, **watch) as watching:
        for _ in range(epochs or rng.choice([4, 5, 6])):
            before_epoch(model)
            for x, y in loader:
                if step is not None:
                    step(model, opt, loss_fn, x, y)
                else:
                    opt.zero_grad()
                    out = model(x)
                    value = loss_fn(out, y)
                    value.backward()
                    opt.step()
                after_step()
            if evaluate:
                before_eval(model)
                total = right = n = 0.0
                with torch.no_grad():
                    for x, y in valid:
                        out = model(x)
                        total += float(loss_fn(out, y)) * len(x)
                        n += len(x)
                        if t.kind == "classification":
                            right += float((out.argmax(1) == y).sum())
                if told:
                    watching.evaluation(loss=total / n, accuracy=right / n if t.kind == "classification" else None)
                    watching.epoch()
    return watching
