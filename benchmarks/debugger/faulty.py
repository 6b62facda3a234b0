"""PyTorch programs with one fault each, several ways of making it. Called by `__main__`: `FAULTY[name](rng)` runs one."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.debugger.tasks import (
    Task,
    classification,
    fit,
    model_for,
    optimizer_for,
    regression,
    task,
)
from gureum.debugger import Session

__all__ = ["FAULTY"]

Program = Callable[[random.Random], Session]


def nan_input(rng: random.Random) -> Session:
    t = task(rng)
    way = rng.choice(["rows", "column", "inf", "target"])
    n = len(t.x)
    if way == "target" and t.kind == "regression":
        t.y[torch.randperm(n)[: max(1, n // 50)]] = float("nan")
    elif way == "column":
        t.x[torch.randperm(n)[: n // 10]] = float("nan")
    elif way == "inf":
        t.x.view(n, -1)[torch.randperm(n)[:3], 0] = float("inf")
    else:
        t.x.view(n, -1)[torch.randperm(n)[: max(1, n // 100)], 1] = float("nan")
    return fit(t, model_for(t))


def nan_loss(rng: random.Random) -> Session:
    way = rng.choice(["log", "sqrt", "divide", "exp"])
    t = regression(rng) if way in ("sqrt", "log", "exp") else task(rng)
    model = model_for(t)
    inner = t.loss()

    def loss(out: Tensor, y: Tensor) -> Tensor:
        if way == "log":
            return ((torch.log(out) - torch.log(y.abs() + 1e-3)) ** 2).mean()
        if way == "sqrt":
            return torch.sqrt(out - y).mean()
        if way == "exp":
            return torch.exp(200.0 + 10 * out).mean() / torch.exp(200.0 - out).mean()
        return inner(out, y) / (out - out).sum()

    return fit(t, model, loss=loss)


def exploding_gradient(rng: random.Random) -> Session:
    way = rng.choice(["rnn", "deep", "sum"])
    t = task(rng, models=("rnn",) if way == "rnn" else ("mlp",))
    if way == "rnn":
        t.x = torch.randn(len(t.x), 40, 5)
        t.xv = torch.randn(len(t.xv), 40, 5)

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.rnn = nn.RNN(5, 32, batch_first=True, nonlinearity="relu")
                self.head = nn.Linear(32, t.outputs)
                nn.init.eye_(self.rnn.weight_hh_l0)
                self.rnn.weight_hh_l0.data.mul_(rng.uniform(1.3, 1.6))

            def forward(self, x: Tensor) -> Tensor:
                return self.head(self.rnn(x)[0][:, -1])

        return fit(t, Net(), optimizer=None)
    if way == "deep":
        model = model_for(t, depth=rng.choice([15, 20, 30]), act=nn.ReLU, norm=False, dropout=0.0)
        for layer in model:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0, rng.uniform(2.2, 3.0) / layer.in_features**0.5)
        return fit(t, model)
    model = model_for(t, dropout=0.0)
    inner = t.loss()
    return fit(t, model, loss=lambda o, y: inner(o, y) * 1e5, optimizer=torch.optim.SGD(model.parameters(), 1e-3))


def vanishing_gradient(rng: random.Random) -> Session:
    t = task(rng, models=("mlp",))
    act = rng.choice([nn.Sigmoid, nn.Sigmoid, nn.Tanh])
    depth = rng.choice([8, 10, 12, 15]) if act is nn.Sigmoid else rng.choice([20, 30])
    return fit(t, model_for(t, depth=depth, act=act, norm=False, dropout=0.0))


def dead_relu(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn"))
    model = model_for(t, act=nn.ReLU, norm=False, depth=rng.choice([2, 3]) if t.model == "mlp" else None)
    hidden = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))][:-1]
    for layer in hidden if rng.random() < 0.5 else [rng.choice(hidden)]:
        nn.init.constant_(layer.bias, rng.choice([-5.0, -10.0, -100.0]))
    return fit(t, model)


def saturated_activation(rng: random.Random) -> Session:
    t = task(rng, models=("mlp",))
    act = rng.choice([nn.Sigmoid, nn.Tanh])
    model = model_for(t, act=act, depth=rng.choice([2, 3]), norm=False, dropout=0.0)
    way = rng.choice(["bias", "gain", "temperature"])
    layers = [m for m in model if isinstance(m, nn.Linear)][:-1]
    if way == "bias":
        for layer in layers:
            nn.init.constant_(layer.bias, rng.choice([10.0, -10.0, 20.0]))
    elif way == "gain":
        with torch.no_grad():
            for layer in layers:
                layer.weight.mul_(rng.choice([7.0, 8.0]))
                layer.bias.mul_(30)
    else:

        class Hot(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.net = model

            def forward(self, x: Tensor) -> Tensor:
                for m in self.net:
                    x = (
                        torch.sigmoid(20 * x)
                        if isinstance(m, nn.Sigmoid)
                        else torch.tanh(20 * x)
                        if isinstance(m, nn.Tanh)
                        else m(x)
                    )
                return x

        return fit(t, Hot())
    return fit(t, model)


def poor_init(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn", "lstm"))
    model = model_for(t)
    way = rng.choice(["large", "large", "uniform", "tiny"])
    std = rng.choice([1.5, 3.0, 10.0])
    for module in model.modules():
        for _name, p in module.named_parameters(recurse=False):
            if p.ndim >= 2:
                if way == "large":
                    nn.init.normal_(p, 0, std)
                elif way == "uniform":
                    nn.init.uniform_(p, 0, 1)
                else:
                    nn.init.normal_(p, 0, rng.choice([1e-4, 1e-5]))
    return fit(t, model)


def zero_init(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn"))
    model = model_for(t, norm=False)
    value = rng.choice([0.0, 0.0, 0.5, 0.1])
    for p in model.parameters():
        nn.init.constant_(p, value if p.ndim >= 2 else 0.0)
    return fit(t, model)


def lr_too_high(rng: random.Random) -> Session:
    t = task(rng)
    model = model_for(t)
    name = rng.choice(["adam", "sgd", "momentum", "rmsprop", "adamw"])
    lr = {
        "adam": [0.5, 1.0, 5.0],
        "adamw": [0.5, 1.0, 3.0],
        "rmsprop": [0.3, 1.0],
        "sgd": [10.0, 50.0, 100.0],
        "momentum": [5.0, 10.0, 50.0],
    }[name]
    opt = optimizer_for(model, rng, name=name)
    opt.param_groups[0]["lr"] = rng.choice(lr)
    return fit(t, model, optimizer=opt)


def lr_too_low(rng: random.Random) -> Session:
    t = task(rng)
    model = model_for(t)
    name = rng.choice(["adam", "sgd", "adamw", "momentum"])
    opt = optimizer_for(model, rng, name=name)
    opt.param_groups[0]["lr"] = rng.choice([1e-6, 1e-7, 1e-8]) * (10 if name == "sgd" else 1)
    return fit(t, model, optimizer=opt)


def diverging(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn", "lstm"))
    model = model_for(t)
    inner = t.loss()
    way = rng.choice(["ascent", "negative"])

    def step(m: nn.Module, opt: torch.optim.Optimizer, loss: nn.Module, x: Tensor, y: Tensor) -> None:
        opt.zero_grad()
        value = loss(m(x), y)
        (-value).backward()
        opt.step()

    def ascend(m: nn.Module, opt: torch.optim.Optimizer, loss: nn.Module, x: Tensor, y: Tensor) -> None:
        opt.zero_grad()
        loss(m(x), y).backward()
        for p in m.parameters():
            if p.grad is not None:
                p.grad.neg_()
        opt.step()

    return fit(
        t,
        model,
        loss=inner,
        step=step if way == "negative" else ascend,
        optimizer=optimizer_for(model, rng, name="adam"),
    )


def no_zero_grad(rng: random.Random) -> Session:
    t = task(rng)

    def step(m: nn.Module, opt: torch.optim.Optimizer, loss: nn.Module, x: Tensor, y: Tensor) -> None:
        value = loss(m(x), y)
        value.backward()
        opt.step()

    return fit(t, model_for(t), step=step)


def no_optimizer_step(rng: random.Random) -> Session:
    t = task(rng)

    def step(m: nn.Module, opt: torch.optim.Optimizer, loss: nn.Module, x: Tensor, y: Tensor) -> None:
        opt.zero_grad()
        loss(m(x), y).backward()

    return fit(t, model_for(t), step=step)


def param_not_in_optimizer(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn", "lstm", "transformer"))
    model = model_for(t)
    way = rng.choice(["head", "replaced", "first", "copy"])
    children = [m for m in model.children() if any(True for _ in m.parameters())]
    if way == "head":
        params = list(children[-1].parameters())
    elif way == "first":
        params = [p for c in children[:-1] for p in c.parameters()]
    elif way == "copy":
        params = list(model_for(t).parameters())
    else:
        params = list(model.parameters())
        name, last = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
        parent = model.get_submodule(name.rpartition(".")[0])
        setattr(parent, name.rpartition(".")[2], nn.Linear(last.in_features, last.out_features))
    return fit(t, model, optimizer=torch.optim.Adam(params, 1e-3))


class Cut(nn.Module):
    def __init__(self, model: nn.Module, way: str) -> None:
        super().__init__()
        children = list(model.children())
        half = max(1, len(children) // 2)
        self.encoder = nn.Sequential(*children[:half])
        self.decoder = nn.Sequential(*children[half:])
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        if self.way == "no_grad":
            with torch.no_grad():
                h = self.encoder(x)
        elif self.way == "numpy":
            h = torch.from_numpy(self.encoder(x).detach().numpy())
        elif self.way == "data":
            h = self.encoder(x).data
        else:
            h = self.encoder(x).detach()
        return self.decoder(h)


def detached_graph(rng: random.Random) -> Session:
    t = task(rng, models=("mlp",))
    way = rng.choice(["detach", "no_grad", "numpy", "data", "loss"])
    if way == "loss":

        def step(m: nn.Module, opt: torch.optim.Optimizer, loss: nn.Module, x: Tensor, y: Tensor) -> None:
            opt.zero_grad()
            value = torch.tensor(float(loss(m(x), y)), requires_grad=True)
            value.backward()
            opt.step()

        return fit(t, model_for(t), step=step)
    return fit(t, Cut(model_for(t, act=nn.ReLU, depth=rng.choice([2, 3])), way))


def wrong_loss(rng: random.Random) -> Session:
    way = rng.choice(["mse_binary", "mse_classes", "mse_onehot", "ce_single", "broadcast", "l1_classes"])
    if way == "mse_binary":
        t = task(rng, kinds=("binary",))
        return fit(t, model_for(t), loss=nn.MSELoss())
    if way == "broadcast":
        t = regression(rng)
        t.y, t.yv = t.y[:, 0], t.yv[:, 0]
        return fit(t, model_for(t), loss=nn.MSELoss())
    if way == "ce_single":
        t = task(rng, kinds=("binary",))
        t.y, t.yv = t.y[:, 0].long(), t.yv[:, 0].long().clamp(0, 0)
        return fit(t, model_for(t), loss=lambda o, y: functional.cross_entropy(o, torch.zeros_like(y)))
    t = classification(rng)
    if way == "mse_onehot":
        t.y, t.yv = functional.one_hot(t.y, t.classes).float(), functional.one_hot(t.yv, t.classes).float()
        model = model_for(t)
        t.kind = "other"
        return fit(t, model, loss=nn.MSELoss())
    t.y, t.yv = t.y.float()[:, None], t.yv.float()[:, None]
    t.kind = "binary"
    return fit(t, model_for(t), loss=nn.MSELoss() if way == "mse_classes" else nn.L1Loss())


class Ended(nn.Module):
    def __init__(self, model: nn.Module, end: nn.Module) -> None:
        super().__init__()
        self.body = model
        self.end = end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.body(x))


def double_softmax(rng: random.Random) -> Session:
    t = task(rng, kinds=("classification", "classification", "binary"))
    end = nn.Softmax(dim=1) if t.kind == "classification" else nn.Sigmoid()
    if rng.random() < 0.5:
        base = model_for(t)

        class Functional(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.base = base

            def forward(self, x: Tensor) -> Tensor:
                return (
                    functional.softmax(self.base(x), dim=-1)
                    if t.kind == "classification"
                    else torch.sigmoid(self.base(x))
                )

        return fit(t, Functional())
    return fit(t, Ended(model_for(t), end))


def missing_activation(rng: random.Random) -> Session:
    way = rng.choice(["hidden", "hidden", "cnn", "nll"])
    if way == "nll":
        t = classification(rng)
        return fit(t, model_for(t), loss=nn.NLLLoss(), optimizer=None)
    if way == "cnn":
        t = task(rng, models=("cnn",))
        side = t.x.shape[2]
        model: nn.Module = nn.Sequential(
            nn.Conv2d(t.x.shape[1], 8, 3, padding=1),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.Flatten(),
            nn.Linear(16 * side * side, t.outputs),
        )
        return fit(t, model)
    t = task(rng, models=("mlp",))
    width, features = rng.choice([32, 64]), t.x.shape[1]
    depth = rng.choice([2, 3])
    layers = (
        [nn.Linear(features, width)]
        + [nn.Linear(width, width) for _ in range(depth - 1)]
        + [nn.Linear(width, t.outputs)]
    )
    return fit(t, nn.Sequential(*layers))


def eval_mode_in_training(rng: random.Random) -> Session:
    t = task(rng)
    if rng.random() < 0.5:
        model = model_for(t, dropout=0.3)
        model.eval()
        return fit(t, model, before_epoch=lambda m: m)
    model = model_for(t, dropout=0.2)
    return fit(t, model, before_epoch=lambda m: m, epochs=rng.choice([5, 8]))


def train_mode_in_validation(rng: random.Random) -> Session:
    t = task(rng)
    return fit(t, model_for(t, dropout=rng.choice([0.2, 0.5])), before_eval=lambda m: m)


def unnormalised_input(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn", "lstm"))
    way = rng.choice(["scale", "offset", "column", "pixels"])
    if way == "pixels" or t.model == "cnn":
        low, high = t.x.min(), t.x.max()
        t.x, t.xv = (t.x - low) / (high - low) * 255, (t.xv - low) / (high - low) * 255
    elif way == "scale":
        s = rng.choice([50, 100, 1000])
        t.x, t.xv = t.x * s, t.xv * s
    elif way == "offset":
        s = rng.choice([50, 100])
        t.x, t.xv = t.x * 10 + s, t.xv * 10 + s
    else:
        scale = 10 ** (torch.rand(t.x.shape[-1]) * 4)
        t.x, t.xv = t.x * scale, t.xv * scale
    return fit(t, model_for(t, norm=False))


def target_scale(rng: random.Random) -> Session:
    t = regression(rng)
    way = rng.choice(["scale", "offset"])
    factor = rng.choice([300.0, 1000.0, 1e4, 1e5])
    for name in ("y", "yv"):
        y = getattr(t, name)
        setattr(t, name, y * factor if way == "scale" else y * factor / 10 + factor)
    return fit(t, model_for(t))


def thinned(x: Tensor, y: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Most of the positive rows taken away: `share` of the negative ones are left."""
    positive, negative = torch.where(y.reshape(-1) == 1)[0], torch.where(y.reshape(-1) == 0)[0]
    keep = torch.cat([negative, positive[: max(2, int(share * len(negative)))]])
    keep = keep[torch.randperm(len(keep))]
    return x[keep], y[keep]


def class_imbalance(rng: random.Random) -> Session:
    t = task(rng, kinds=("classification", "binary"), n=1000)
    if t.kind == "classification":
        t.y, t.yv = (t.y == 0).long(), (t.yv == 0).long()
        t.classes = 2
    share = rng.choice([0.02, 0.04, 0.06, 0.08])
    t.x, t.y = thinned(t.x, t.y, share)
    t.xv, t.yv = thinned(t.xv, t.yv, share)
    return fit(t, model_for(t))


def overfit(rng: random.Random) -> Session:
    t = task(rng, models=("mlp", "cnn", "lstm"), n=rng.choice([40, 60, 100]))
    if t.kind == "classification" or t.kind == "binary":
        flip = torch.rand(len(t.y)) < 0.3
        t.y[flip] = t.y[flip][torch.randperm(int(flip.sum()))]
    t.model = "mlp" if t.model == "mlp" else t.model
    model = model_for(
        t, dropout=0.0, norm=False, depth=2 if t.model == "mlp" else None, act=nn.ReLU if t.model == "mlp" else None
    )
    return fit(
        t,
        model,
        optimizer=torch.optim.Adam(model.parameters(), rng.choice([2e-3, 5e-3])),
        epochs=rng.choice([40, 60]),
        batch=16,
    )


def overtraining(rng: random.Random) -> Session:
    """Enough rows, a small network, and many times the epochs that it needs: the validation loss is flat or creeps up."""
    t = task(rng, models=("mlp",), n=rng.choice([500, 800]))
    if t.kind == "regression":
        t.y, t.yv = t.y + 0.5 * torch.randn_like(t.y), t.yv + 0.5 * torch.randn_like(t.yv)
    else:
        for y in (t.y, t.yv):
            flip = torch.rand(len(y)) < 0.15
            y[flip] = y[flip][torch.randperm(int(flip.sum()))]
    width = rng.choice([8, 16])
    model = nn.Sequential(nn.Linear(t.x.shape[1], width), rng.choice([nn.ReLU, nn.Tanh])(), nn.Linear(width, t.outputs))
    return fit(
        t,
        model,
        optimizer=torch.optim.Adam(model.parameters(), rng.choice([5e-3, 1e-2])),
        epochs=rng.choice([60, 80]),
        batch=64,
    )


def train_val_leakage(rng: random.Random) -> Session:
    t = task(rng)
    share = rng.choice([0.2, 0.5, 1.0])
    k = max(12, int(share * len(t.xv)))
    pick = torch.randperm(len(t.x))[:k]
    t.xv, t.yv = torch.cat([t.xv[k:], t.x[pick]]), torch.cat([t.yv[k:], t.y[pick]])
    return fit(t, model_for(t), **_data(t, rng))


def _data(t: Task, rng: random.Random) -> dict[str, object]:
    return {"data": (t.x, t.y, t.xv, t.yv)} if rng.random() < 0.5 else {}


def target_leak_feature(rng: random.Random) -> Session:
    t = task(rng, models=("mlp",))
    for x, y in ((t.x, t.y), (t.xv, t.yv)):
        leak = y.float().reshape(-1)
        x[:, rng.randrange(1)] = (leak - leak.mean()) / (leak.std() + 1e-6) + 0.02 * torch.randn(len(leak))
    return fit(t, model_for(t), **_data(t, rng))


def id_column_leak(rng: random.Random) -> Session:
    t = task(rng, models=("mlp",))
    n, nv = len(t.x), len(t.xv)
    ids = torch.arange(n + nv).float()
    if rng.random() < 0.5:
        ids = ids[torch.randperm(n + nv)]
    if rng.random() < 0.7:
        ids = (ids - ids.mean()) / ids.std()
    else:
        ids = ids / (n + nv)
    t.x[:, 0], t.xv[:, 0] = ids[:n], ids[n:]
    return fit(t, model_for(t), **_data(t, rng))


def not_shuffled(rng: random.Random) -> Session:
    t = task(rng, kinds=("classification", "binary", "regression"))
    order = t.y.reshape(-1).argsort()
    t.x, t.y = t.x[order], t.y[order]
    return fit(t, model_for(t), shuffle=False)


def label_shuffled(rng: random.Random) -> Session:
    t = task(rng)
    t.y = t.y[torch.randperm(len(t.y))]
    return fit(t, model_for(t), **_data(t, rng))


def over_regularised(rng: random.Random) -> Session:
    t = task(rng)
    way = rng.choice(["decay", "decay", "dropout", "l2"])
    model = model_for(t, dropout=0.9) if way == "dropout" and t.model != "transformer" else model_for(t)
    if way == "dropout":
        return fit(t, model, optimizer=torch.optim.Adam(model.parameters(), 1e-3))
    if way == "decay":
        opt: torch.optim.Optimizer = rng.choice([
            lambda: torch.optim.Adam(model.parameters(), 1e-3, weight_decay=rng.choice([0.5, 1.0, 5.0])),
            lambda: torch.optim.SGD(model.parameters(), 0.05, weight_decay=rng.choice([0.5, 1.0])),
            lambda: torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=rng.choice([10.0, 30.0])),
        ])()  # fmt: skip
        return fit(t, model, optimizer=opt, epochs=15)
    strength = rng.choice([1.0, 3.0])

    def step(m: nn.Module, opt: torch.optim.Optimizer, loss: nn.Module, x: Tensor, y: Tensor) -> None:
        opt.zero_grad()
        value = loss(m(x), y) + strength * sum((p**2).sum() for p in m.parameters())
        value.backward()
        opt.step()

    return fit(t, model, step=step, optimizer=torch.optim.Adam(model.parameters(), 3e-3), epochs=15)


FAULTY: dict[str, Program] = {
    function.__name__: function
    for function in (
        nan_input, nan_loss, exploding_gradient, vanishing_gradient, dead_relu, saturated_activation, poor_init, zero_init,
        lr_too_high, lr_too_low, diverging, no_zero_grad, no_optimizer_step, param_not_in_optimizer, detached_graph, wrong_loss,
        double_softmax, missing_activation, eval_mode_in_training, train_mode_in_validation, unnormalised_input, target_scale,
        class_imbalance, overfit, overtraining, train_val_leakage, target_leak_feature, id_column_leak, not_shuffled,
        label_shuffled, over_regularised,
    )
}  # fmt: skip
