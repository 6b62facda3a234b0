"""PyTorch programs without a fault, with habits that look like one. Called by `__main__`: `HEALTHY[name](rng)` runs one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.debugger.tasks import classification, fit, model_for, optimizer_for, task
from gureum import debugger
from gureum.debugger import Session

__all__ = ["HEALTHY"]


def plain(rng: random.Random) -> Session:
    t = task(rng)
    return fit(t, model_for(t))


def plain_with_data(rng: random.Random) -> Session:
    t = task(rng)
    return fit(t, model_for(t), data=(t.x, t.y, t.xv, t.yv))


def autoencoder(rng: random.Random) -> Session:
    t = task(rng, kinds=("reconstruction",), models=("mlp",))
    if rng.random() < 0.5:
        t.x, t.xv = torch.sigmoid(t.x), torch.sigmoid(t.xv)
        t.y, t.yv = t.x, t.xv
    d = t.x.shape[1]
    code = max(2, d // 4)
    model = nn.Sequential(
        nn.Linear(d, 32),
        nn.ReLU(),
        nn.Linear(32, code),
        nn.Linear(code, 32) if rng.random() < 0.3 else nn.Sequential(nn.ReLU(), nn.Linear(code, 32)),
        nn.ReLU(),
        nn.Linear(32, d),
    )
    return fit(t, model, loss=nn.MSELoss())


def accumulation(rng: random.Random) -> Session:
    t = task(rng)
    every = rng.choice([2, 4])
    count = 0

    def step(m: nn.Module, opt: torch.optim.Optimizer, loss: nn.Module, x: Tensor, y: Tensor) -> None:
        nonlocal count
        (loss(m(x), y) / every).backward()
        count += 1
        if count % every == 0:
            opt.step()
            opt.zero_grad()

    return fit(t, model_for(t), step=step)


def frozen_backbone(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn", "lstm", "transformer"))
    model = model_for(t)
    children = [m for m in model.children() if any(True for _ in m.parameters())]
    for child in children[:-1]:
        for p in child.parameters():
            p.requires_grad = False
    head = [p for p in model.parameters() if p.requires_grad]
    return fit(t, model, optimizer=torch.optim.Adam(head if rng.random() < 0.5 else model.parameters(), 5e-3))


def fine_tuning(rng: random.Random) -> Session:
    t = classification(rng, models=("mlp", "cnn"))
    model = model_for(t)
    opt = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(60):
        opt.zero_grad()
        functional.cross_entropy(model(t.x[:256]), t.y[:256]).backward()
        opt.step()
    model.zero_grad()
    groups = [
        {"params": list(model.parameters())[:-2], "lr": rng.choice([1e-5, 1e-4])},
        {"params": list(model.parameters())[-2:], "lr": 1e-3},
    ]
    return fit(t, model, optimizer=torch.optim.AdamW(groups))


def warm_up(rng: random.Random) -> Session:
    t = task(rng)
    model = model_for(t)
    opt = optimizer_for(model, rng, name="adamw")
    total = rng.choice([30, 60, 100])
    schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / total))
    return fit(t, model, optimizer=opt, after_step=schedule.step)


def schedule(rng: random.Random) -> Session:
    t = task(rng)
    model = model_for(t)
    opt = optimizer_for(model, rng, name=rng.choice(["sgd", "momentum", "adam"]))
    kind: Any = rng.choice([
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 300), lambda o: torch.optim.lr_scheduler.StepLR(o, 60, 0.3),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=3 * o.param_groups[0]["lr"], total_steps=5000),
        lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.99),
    ])  # fmt: skip
    return fit(t, model, optimizer=opt, after_step=kind(opt).step)


def heavy_dropout(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn", "lstm"))
    return fit(t, model_for(t, dropout=rng.choice([0.5, 0.6])))


def mixed_precision(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn"))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    use = rng.random() < 0.5

    def step(m: nn.Module, opt: torch.optim.Optimizer, loss: nn.Module, x: Tensor, y: Tensor) -> None:
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = m(x)
            value = loss(out.float(), y)
        if use:
            scaler.scale(value).backward()
            scaler.step(opt)
            scaler.update()
        else:
            value.backward()
            opt.step()

    return fit(t, model_for(t), step=step)


def gan(rng: random.Random) -> Session:
    real = torch.randn(800, 2) * torch.tensor([1.0, 0.3]) + torch.tensor([0.5, -0.5])
    g = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
    d = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Dropout(rng.choice([0.0, 0.2])), nn.Linear(32, 1))
    og, od = (
        torch.optim.Adam(g.parameters(), 1e-3, betas=(0.5, 0.999)),
        torch.optim.Adam(d.parameters(), 1e-3, betas=(0.5, 0.999)),
    )
    loss = rng.choice([nn.BCEWithLogitsLoss(), nn.MSELoss()])
    both = rng.random() < 0.6
    with debugger.watch([g, d] if both else d, optimizer=[og, od] if both else od, loss=loss) as watching:
        for _ in range(8):
            for x in real.split(64):
                n = len(x)
                od.zero_grad()
                fake = g(torch.randn(n, 8))
                if rng.random() < 0.5:
                    (loss(d(x), torch.ones(n, 1)) + loss(d(fake.detach()), torch.zeros(n, 1))).backward()
                else:
                    loss(d(x), torch.ones(n, 1)).backward()
                    loss(d(fake.detach()), torch.zeros(n, 1)).backward()
                od.step()
                og.zero_grad()
                loss(d(g(torch.randn(n, 8))), torch.ones(n, 1)).backward()
                og.step()
    return watching


def clipping(rng: random.Random) -> Session:
    t = task(rng, models=("lstm", "gru", "rnn", "transformer", "mlp"))

    def step(m: nn.Module, opt: torch.optim.Optimizer, loss: nn.Module, x: Tensor, y: Tensor) -> None:
        opt.zero_grad()
        loss(m(x), y).backward()
        nn.utils.clip_grad_norm_(m.parameters(), rng.choice([0.5, 1.0]))
        opt.step()

    return fit(t, model_for(t), step=step)


class Language(nn.Module):
    """A small language model whose output weights are its embedding's."""

    def __init__(self, words: int, width: int, tie: bool, cell: str) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.cell = cell
        self.rnn: nn.Module = (
            nn.LSTM(width, width, batch_first=True)
            if cell == "lstm"
            else nn.TransformerEncoderLayer(width, 2, 2 * width, batch_first=True)
        )
        self.out = nn.Linear(width, words)
        if tie:
            self.out.weight = self.embed.weight
            nn.init.normal_(self.embed.weight, 0, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x)
        if self.cell == "lstm":
            h, _ = self.rnn(h)
        else:
            h = self.rnn(h, src_mask=nn.Transformer.generate_square_subsequent_mask(x.shape[1]), is_causal=True)
        return self.out(h)


def weight_tying(rng: random.Random) -> Session:
    words = rng.choice([12, 20, 40])
    step = torch.randint(1, 4, (600, 1))
    tokens = (torch.randint(0, words, (600, 1)) + step * torch.arange(13)[None, :]) % words
    model = Language(words, 32, rng.random() < 0.7, rng.choice(["lstm", "transformer"]))
    opt = torch.optim.Adam(model.parameters(), rng.choice([1e-3, 3e-3]))
    with debugger.watch(model, optimizer=opt, loss=nn.CrossEntropyLoss()) as watching:
        loss = nn.CrossEntropyLoss()
        for _ in range(6):
            model.train()
            for batch in tokens[torch.randperm(500)].split(32):
                opt.zero_grad()
                out = model(batch[:, :-1])
                loss(out.reshape(-1, words), batch[:, 1:].reshape(-1)).backward()
                opt.step()
            model.eval()
            with torch.no_grad():
                rest = tokens[500:]
                watching.evaluation(loss=loss(model(rest[:, :-1]).reshape(-1, words), rest[:, 1:].reshape(-1)))
    return watching


def batch_norm(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn"))
    if t.model == "mlp" and rng.random() < 0.3:
        t.x, t.xv = t.x * 50, t.xv * 50
        d = t.x.shape[1]
        return fit(t, nn.Sequential(nn.BatchNorm1d(d), nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, t.outputs)))
    return fit(t, model_for(t, norm=True))


def early_stopping(rng: random.Random) -> Session:
    t = task(rng, models=("mlp",), n=300)
    model = model_for(t, dropout=0.0)
    opt = torch.optim.Adam(model.parameters(), 3e-3)
    loss = t.loss()
    best, waited = float("inf"), 0
    with debugger.watch(model, optimizer=opt, loss=loss) as watching:
        for _ in range(200):
            model.train()
            for index in torch.randperm(len(t.x)).split(32):
                opt.zero_grad()
                loss(model(t.x[index]), t.y[index]).backward()
                opt.step()
            model.eval()
            with torch.no_grad():
                value = float(loss(model(t.xv), t.yv))
            if value < best - 1e-4:
                best, waited = value, 0
            else:
                waited += 1
                if waited >= 5:
                    break
    return watching


def weighted_imbalance(rng: random.Random) -> Session:
    t = task(rng, kinds=("classification", "binary"), n=1200)
    if t.kind == "classification":
        t.y, t.yv, t.classes = (t.y == 0).long(), (t.yv == 0).long(), 2
    positive, negative = torch.where(t.y.reshape(-1) == 1)[0], torch.where(t.y.reshape(-1) == 0)[0]
    keep = torch.cat([negative, positive[: max(10, len(negative) // 15)]])
    keep = keep[torch.randperm(len(keep))]
    t.x, t.y = t.x[keep], t.y[keep]
    ratio = float((t.y == 0).sum() / (t.y == 1).sum())
    if rng.random() < 0.4:
        weights = torch.where(t.y.reshape(-1) == 1, ratio, 1.0)
        sampler = torch.utils.data.WeightedRandomSampler(weights.tolist(), len(weights))
        return fit(t, model_for(t), sampler=sampler)
    loss: nn.Module = (
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, ratio]))
        if t.kind == "classification"
        else nn.BCEWithLogitsLoss(pos_weight=torch.tensor([ratio]))
    )
    return fit(t, model_for(t), loss=loss)


def full_batch(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn"))
    model = model_for(t)
    opt = (
        torch.optim.Adam(model.parameters(), 3e-3)
        if rng.random() < 0.7
        else torch.optim.LBFGS(model.parameters(), lr=0.5)
    )
    loss = t.loss()
    with debugger.watch(model, optimizer=opt, loss=loss) as watching:
        for _ in range(rng.choice([60, 100]) if not isinstance(opt, torch.optim.LBFGS) else 6):
            if isinstance(opt, torch.optim.LBFGS):

                def closure() -> Tensor:
                    opt.zero_grad()
                    value = loss(model(t.x), t.y)
                    value.backward()
                    return value

                opt.step(closure)
            else:
                opt.zero_grad()
                loss(model(t.x), t.y).backward()
                opt.step()
        model.eval()
        with torch.no_grad():
            loss(model(t.xv), t.yv)
    return watching


def unshuffled_but_mixed(rng: random.Random) -> Session:
    t = task(rng)
    return fit(t, model_for(t), shuffle=False)


def linear_model(rng: random.Random) -> Session:
    t = task(rng, models=("mlp",))
    model = nn.Linear(t.x.shape[1], t.outputs)
    if rng.random() < 0.5:
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
    return fit(t, model, optimizer=torch.optim.SGD(model.parameters(), rng.choice([0.01, 0.1])))


def log_softmax_nll(rng: random.Random) -> Session:
    t = classification(rng)
    base = model_for(t)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base = base

        def forward(self, x: Tensor) -> Tensor:
            return functional.log_softmax(self.base(x), dim=1)

    return fit(t, Net(), loss=nn.NLLLoss())


def sigmoid_bce(rng: random.Random) -> Session:
    t = task(rng, kinds=("binary",))
    return fit(t, nn.Sequential(model_for(t), nn.Sigmoid()), loss=nn.BCELoss())


def own_loss(rng: random.Random) -> Session:
    t = task(rng, kinds=("regression",))
    return fit(t, model_for(t), loss=lambda o, y: ((o - y) ** 2).mean())


class Residual(nn.Module):
    def __init__(self, features: int, width: int, outputs: int, depth: int) -> None:
        super().__init__()
        self.stem = nn.Linear(features, width)
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
                for _ in range(depth)
            ]
        )
        for block in self.blocks:
            nn.init.zeros_(block[-1].weight)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(torch.relu(x))


def residual(rng: random.Random) -> Session:
    t = task(rng, models=("mlp",))
    return fit(t, Residual(t.x.shape[1], 32, t.outputs, rng.choice([4, 8])))


class VAE(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.enc = nn.Linear(d, 32)
        self.mu, self.logvar = nn.Linear(32, 4), nn.Linear(32, 4)
        self.dec = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, d))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = torch.relu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.dec(z), mu, logvar


def vae(rng: random.Random) -> Session:
    t = task(rng, kinds=("reconstruction",), models=("mlp",))
    model = VAE(t.x.shape[1])
    opt = torch.optim.Adam(model.parameters(), 1e-3)
    with debugger.watch(model, optimizer=opt) as watching:
        for _ in range(8):
            for x in t.x[torch.randperm(len(t.x))].split(32):
                opt.zero_grad()
                out, mu, logvar = model(x)
                loss = (
                    functional.mse_loss(out, x, reduction="sum") / len(x)
                    - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
                )
                loss.backward()
                opt.step()
    return watching


def train_accuracy(rng: random.Random) -> Session:
    t = task(rng)
    t.xv, t.yv = t.x, t.y
    return fit(t, model_for(t))


def two_layer_attention(rng: random.Random) -> Session:
    t = task(rng, models=("transformer",))
    width = 32

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Linear(t.x.shape[2], width)
            self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, t.outputs)

        def forward(self, x: Tensor) -> Tensor:
            h = self.embed(x)
            a = functional.softmax(self.q(h) @ self.k(h).transpose(1, 2) / width**0.5, dim=-1)
            h = self.norm(h + self.o(a @ self.v(h)))
            return self.head(functional.relu(h).mean(1))

    return fit(t, Attention())


def frozen_norm(rng: random.Random) -> Session:
    t = task(rng, models=("cnn",))

    def train(m: nn.Module) -> None:
        m.train()
        for module in m.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

    return fit(t, model_for(t, norm=True), before_epoch=train)


def strong_decay(rng: random.Random) -> Session:
    t = task(rng)
    model = model_for(t)
    opt = (
        torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.1)
        if rng.random() < 0.5
        else torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=5e-4)
    )
    return fit(t, model, optimizer=opt)


HEALTHY: dict[str, Callable[[random.Random], Session]] = {
    function.__name__: function
    for function in (
        plain, plain_with_data, autoencoder, accumulation, frozen_backbone, fine_tuning, warm_up, schedule, heavy_dropout,
        mixed_precision, gan, clipping, weight_tying, batch_norm, early_stopping, weighted_imbalance, full_batch,
        unshuffled_but_mixed, linear_model, log_softmax_nll, sigmoid_bce, own_loss, residual, vae, train_accuracy,
        two_layer_attention, frozen_norm, strong_decay,
    )
}  # fmt: skip
