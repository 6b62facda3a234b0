"""What watching adds to the CPU time of a small training. Called by `__main__`, and as a script in the peer's environment.

`python overhead.py gureum|wandb ROUNDS`. Each round trains once unwatched and once watched; the answer is the median ratio.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import nullcontext
from statistics import median
from typing import Any

STEPS = 600
BATCH = 128
WIDTH = 256


def train(watching: Any) -> float:
    """CPU seconds of a training of 600 steps: a four-layer perceptron with Adam on batches of 128 x 64."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(4096, 64)
    y = (x[:, :8].sum(1) > 0).long()
    model = nn.Sequential(
        nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Dropout(0.1), nn.Linear(WIDTH, 64), nn.ReLU(),
        nn.Linear(64, 2),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    loss_fn = nn.CrossEntropyLoss()
    started = time.process_time()
    with watching(model, optimizer, loss_fn):
        for step in range(STEPS):
            rows = torch.arange(step * BATCH, (step + 1) * BATCH) % len(x)
            optimizer.zero_grad()
            loss_fn(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return time.process_time() - started


def measure(name: str, rounds: int) -> float:
    """The share that watching adds: 0.05 is five per cent."""
    import torch

    torch.set_num_threads(1)
    watching = {"gureum": _gureum, "wandb": _wandb}[name]
    train(lambda *_: nullcontext())
    ratios = []
    for _ in range(rounds):
        plain = train(lambda *_: nullcontext())
        ratios.append(train(watching) / plain - 1)
    return round(median(ratios), 4)


def _gureum(model: Any, optimizer: Any, loss_fn: Any) -> Any:
    from gureum import debugger

    return debugger.watch(model, optimizer=optimizer, loss=loss_fn)


def _wandb(model: Any, optimizer: Any, loss_fn: Any) -> Any:
    import wandb

    run = wandb.init(mode="offline", dir=tempfile.mkdtemp(), settings=wandb.Settings(silent=True))
    run.watch(model, loss_fn, log="all", log_freq=50)
    optimizer.register_step_post_hook(lambda *_: run.log({}))
    return run


if __name__ == "__main__":
    os.environ.setdefault("WANDB_SILENT", "true")
    print(json.dumps({"overhead": measure(sys.argv[1], int(sys.argv[2]))}))
