"""`debugger.watch`: a PyTorch training loop, watched through hooks. Called by `gureum.debugger`.

While it is open: hooks on the watched modules' forward, on every optimizer's step, around `Tensor.backward` and around the
loss functions of `torch.nn.functional`. Steps are looked at closely at first, then ever more seldom. Promise: the training
computes what it would compute unwatched (nothing is changed, no random number drawn), an error of ours is noted in
`troubles` and ends the watching, not the training; all hooks are gone at exit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import wraps
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from gureum.debugger.data import look_at_data
from gureum.debugger.pytorch.losses import Wrapped, look_at
from gureum.debugger.pytorch.parameters import Parameters
from gureum.debugger.pytorch.trace import Trace
from gureum.debugger.recording import StepSample
from gureum.debugger.session import Session

__all__ = ["TorchWatch"]

# The first steps are all looked at; then each sampled step is a fifth later than the one before, at most a few hundred apart.
FIRST_STEPS = 6
GROWTH = 1.2
STRIDE_MAX = 250
# Loss calls whose arguments are looked at, and steps on which stale gradients are looked for with a comparison.
LOSS_CALLS_MAX = 12
STALE_STEPS_MAX = 200
# Forward passes with gradients and without backward, one after the other, that make an evaluation.
FORWARDS_WITHOUT_BACKWARD = 8


class OptimizerState:
    """What is known of one optimizer: whether its gradients were cleared since its last step."""

    def __init__(self, optimizer: torch.optim.Optimizer, watched: dict[int, Tensor]) -> None:
        self.optimizer = optimizer
        self.ids = {id(p) for group in optimizer.param_groups for p in group["params"]}
        own = [p for key, p in watched.items() if key in self.ids and p.requires_grad]
        self.watched = own
        self.probes = own[-2:]
        self.clean = True
        self.pending = False  # a backward since the last step or clearing
        self.steps = 0

    def cleared(self, *, compare: bool) -> bool:
        for probe in self.probes:
            grad = probe.grad
            if grad is None:
                return True
            if compare and not grad.is_sparse and not bool(grad.any()):
                return True
        return False


class TorchWatch(Session):
    """The open watch. `model` is a module or several; `optimizer` one or several, or None: they are seen when they step."""

    def __init__(
        self,
        model: nn.Module | Iterable[nn.Module],
        *,
        optimizer: Any = None,
        loss: Any = None,
        data: Any = None,
        run_id: str | None = None,
        on_finding: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__("torch", run_id=run_id, on_finding=on_finding)
        models = model.values() if isinstance(model, dict) else model
        self._roots = [models] if isinstance(models, nn.Module) else list(models)
        given = [] if optimizer is None else optimizer if isinstance(optimizer, (list, tuple)) else [optimizer]
        self._given = [one for one in given if isinstance(one, torch.optim.Optimizer)]
        self._loss = loss
        self._loss_told = False
        look_at_data(self.recording, data)
        self._handles: list[Any] = []
        self._wrapped: Wrapped | None = None
        self._backward: Any = None
        self._dead = False
        self._next_sample = 0
        self._own_s = 0.0

    # --- open and close ---

    def __enter__(self) -> Self:
        self._parameters = Parameters(self._roots)
        self.recording.layers = self._parameters.layers
        self._optimizers: dict[int, OptimizerState] = {}
        for optimizer in self._given:
            self._state(optimizer)
        self._mode_matters = [_mode_matters(root) for root in self._roots]
        self.recording.facts["mode_matters"] = any(self._mode_matters)
        self.recording.facts["dropout"] = max(
            (m.p for r in self._roots for m in r.modules() if isinstance(m, nn.modules.dropout._DropoutNd)), default=0.0
        )
        self._start = [p.detach().reshape(-1)[:64].clone() for p in self._parameters.all.values() if p.requires_grad]
        self._sampling = False
        self._closure = False
        self._gradients: dict[str, float] = {}
        self._sample: StepSample | None = None
        self._trace: Trace | None = None
        self._depth = 0
        self._inputs: Any = None
        self._output: Any = None
        self._losses: list[Tensor] = []
        self._objective: list[Tensor] = []
        self._eval: dict[str, list[float]] = {}
        self._eval_forwards = 0
        self._batch_told = False
        self._grad_forwards = 0
        self._eval_wrong_mode = False
        self._steps_since_eval = 0
        self._last_stepped: int | None = None
        self._backwards_since_step = 0
        self._hook_roots(self._roots)
        self._handles.append(register_optimizer_step_pre_hook(self._safe(self._before_step)))
        self._handles.append(register_optimizer_step_post_hook(self._safe(self._after_step)))
        self._wrapped = Wrapped(self._safe(self._on_loss))
        if isinstance(self._loss, nn.Module) and not type(self._loss).__module__.startswith("torch.nn"):
            self._handles.append(self._loss.register_forward_hook(self._safe(self._on_own_loss)))
        self._wrap_backward()
        return self

    def _hook_roots(self, roots: list[nn.Module]) -> None:
        for root in roots:
            self._handles.append(root.register_forward_pre_hook(self._safe(self._before_forward), prepend=True))
            self._handles.append(root.register_forward_hook(self._safe(self._after_forward), always_call=True))

    def _safe(self, hook: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any) -> None:
            if self._dead:
                return
            try:
                hook(*args)
            except Exception as error:
                self._dead = True
                self._end_trace()
                self.troubles.append(f"{hook.__name__}: {type(error).__name__}: {error}")

        return call

    def _wrap_backward(self) -> None:
        original = self._backward = Tensor.backward
        before, after = self._safe(self._before_backward), self._safe(self._after_backward)

        @wraps(original)
        def backward(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
            before(tensor)
            result = original(tensor, *args, **kwargs)  # type: ignore[no-untyped-call]
            after(tensor)
            return result

        Tensor.backward = backward  # type: ignore[method-assign, assignment]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_trace()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self._wrapped is not None:
            self._wrapped.restore()
        Tensor.backward = self._backward  # type: ignore[method-assign]
        self._safe(self._finish)()
        if error is not None:
            self.recording.facts["error"] = f"{type(error).__name__}: {error}"
        self.close()

    def loss(self, value: Any) -> None:
        """The training loss of this step, where it is not the value that backward is called on."""
        self._loss_told = True
        super().loss(value)

    # --- forward ---

    def _before_forward(self, _: nn.Module, args: Any) -> None:
        self._depth += 1
        if self._depth > 1:
            return
        self._inputs = next((a for a in args if isinstance(a, Tensor)), None)
        if not torch.is_grad_enabled():
            return
        if not self._sampling and self.recording.step_now >= self._next_sample:
            self._sampling = True
        if self._sampling and self._trace is None and not torch.compiler.is_compiling():
            self._trace = Trace(self._parameters.names)
            self._trace.__enter__()  # type: ignore[no-untyped-call]

    def _after_forward(self, root: nn.Module, _: Any, output: Any) -> None:
        self._depth = max(0, self._depth - 1)
        if self._depth:
            return
        trace = self._trace
        if trace is not None:
            self._end_trace()
            self._learn(trace)
        self._output = output
        self.recording.counts["forwards"] += 1
        self._batch_told = False
        counts = self.recording.counts
        matters = self._mode_matters[self._roots.index(root)] if root in self._roots else False
        if not torch.is_grad_enabled():
            counts["eval_forwards"] += 1
            self._evaluating(root, matters)
            return
        self._grad_forwards += 1
        self._root_mode = (root.training, matters)
        if self._grad_forwards >= FORWARDS_WITHOUT_BACKWARD:
            self._evaluating(root, matters)

    def _evaluating(self, root: nn.Module, matters: bool) -> None:
        self._eval_forwards += 1
        if root.training and matters:
            self._eval_wrong_mode = True
        x = self._inputs
        if x is not None and self.recording.rows.wants("eval"):
            self.recording.batch(_rows(x), None, mode="eval")

    def _end_trace(self) -> None:
        if self._trace is not None:
            self._trace.__exit__(None, None, None)  # type: ignore[no-untyped-call]
            self._trace = None

    def _learn(self, trace: Trace) -> None:
        """What the close look at this forward pass told."""
        facts, layers = self.recording.facts, self._parameters.layers
        for index, name in enumerate(trace.order):
            if layers[name].order is None:
                layers[name].order = index
            layers[name].activation = trace.activation_of.get(name, layers[name].activation)
        facts["stacked"] = [(a, b) for a, b in trace.stacked if trace._consumers[a] == 1]
        facts["linear_calls"], facts["bends"] = trace.linear_calls, trace.bends
        facts["input_normalised"] = trace.first_linear_input_normalised
        facts["last_layer"] = trace.order[-1] if trace.order else None
        self._made = trace
        if self._sample is None:
            self._sample = StepSample(self.recording.step_now)
        self._sample.activations.update(trace.activations)

    # --- loss ---

    def _on_loss(self, kind: str, output: Any, target: Any, options: dict[str, Any], result: Any) -> None:
        if not isinstance(result, Tensor):
            return
        grad = torch.is_grad_enabled() and result.requires_grad
        if grad:
            self._losses.append(result.detach())
            facts = self.recording.loss_facts
            if facts.calls < LOSS_CALLS_MAX or self._sampling:
                # A trace knows tensors by id, which is only theirs during the step that it saw.
                made = self._made.made_by(output) if self._sampling and hasattr(self, "_made") else None
                look_at(facts, kind, output, target, options, _grad_name(output) or made, self._inputs)
                if isinstance(target, Tensor) and not bool(torch.isfinite(target.float()).all()):
                    self.recording.counts["target_not_finite"] += 1
            if self.recording.rows.wants("train") and isinstance(target, Tensor):
                self._keep_rows(target)
            self._last_target = target
        if not grad or not getattr(self, "_root_mode", (True, False))[0]:
            self._evaluate(kind, output, target, result, sure=not grad)

    def _on_own_loss(self, _: nn.Module, args: Any, result: Any) -> None:
        if len(args) >= 2 and not self._losses:
            self._on_loss("own", args[0], args[1], {}, result)

    def _keep_rows(self, target: Tensor) -> None:
        x = self._inputs
        y = target.detach().cpu().numpy()
        if isinstance(x, Tensor) and len(x) == len(y):
            self.recording.batch(_rows(x), y)
        else:
            self.recording.batch(None, y)
        self._batch_told = True

    def _evaluate(self, kind: str, output: Any, target: Any, result: Tensor, *, sure: bool) -> None:
        """A loss without gradient: part of an evaluation. One in eval mode with gradient is, unless backward follows."""
        if result.numel() != 1:
            return
        x = self._inputs
        seen = False
        side = self.recording.rows.sides["train"]
        if isinstance(x, Tensor) and side.seen and len(x):
            first = np.ascontiguousarray(_rows(x[:4]))
            seen = all(hash(row.tobytes()) in side.seen for row in first.reshape(len(first), -1))
        name = "train" if seen else "validation"
        entry = self._eval.setdefault(name, [0.0, 0.0, 0.0, 0.0])
        n = len(output) if isinstance(output, Tensor) and output.ndim else 1
        entry[0] += float(result.detach()) * n
        entry[1] += n
        if isinstance(output, Tensor) and isinstance(target, Tensor):
            right = _right(kind, output.detach(), target)
            if right is not None:
                entry[2] += right
                entry[3] += n
        if isinstance(target, Tensor) and target.ndim and sure and self.recording.rows.wants("eval"):
            self.recording.batch(None, target.detach().cpu().numpy(), mode="eval")

    def _close_evaluation(self) -> None:
        """A training step begins: what was evaluated since the last one was one evaluation."""
        counts = self.recording.counts
        evaluated = bool(self._eval)
        if evaluated or self._eval_forwards >= 2:
            counts["evaluations"] += 1
            counts["evaluations_in_train_mode"] += self._eval_wrong_mode
        if not self.recording.facts.get("evaluation_told"):
            for name in ("validation", "train"):
                if name in self._eval:
                    total, n, right, judged = self._eval[name]
                    self.recording.evaluation(
                        loss=total / max(n, 1), accuracy=right / judged if judged else None, name=name
                    )
        self._eval = {}
        self._eval_forwards = 0
        self._eval_wrong_mode = False
        if evaluated:
            self._tell()

    # --- backward ---

    def _before_backward(self, tensor: Tensor) -> None:
        recording = self.recording
        recording.backward()
        self._grad_forwards = 0
        self._backwards_since_step += 1
        if not tensor.requires_grad:
            recording.counts["backward_without_graph"] += 1
        if self._eval and not self._root_mode_training():
            # Losses in eval mode with gradient, and now backward: that was training after all.
            self._eval = {}
        training, _matters = getattr(self, "_root_mode", (True, False))
        if not training:
            recording.counts["eval_mode_backwards"] += 1
        self._objective.append(tensor.detach())
        if not self._batch_told and isinstance(self._inputs, Tensor) and recording.rows.wants("train"):
            self._batch_told = True
            recording.batch(_rows(self._inputs), None)
        compare = recording.step_now < STALE_STEPS_MAX or self._sampling
        for state in self._optimizers.values():
            if state.cleared(compare=compare):
                state.clean = True
                if state.pending:
                    recording.counts["gradients_lost"] += 1
            state.pending = True

    def _root_mode_training(self) -> bool:
        return bool(getattr(self, "_root_mode", (True, False))[0])

    def _after_backward(self, _: Tensor) -> None:
        counts = self.recording.counts
        if counts["backward"] <= 3:
            self._note_gradients()

    def _note_gradients(self) -> None:
        """Which parameters ever had a gradient."""
        seen = self.recording.facts.setdefault("with_gradient", set())
        for key, parameter in self._parameters.all.items():
            if parameter.grad is not None:
                seen.add(key)

    # --- step ---

    def _state(self, optimizer: torch.optim.Optimizer) -> OptimizerState:
        state = self._optimizers.get(id(optimizer))
        if state is None:
            state = self._optimizers[id(optimizer)] = OptimizerState(optimizer, self._parameters.all)
            group = optimizer.param_groups[0]
            self.recording.facts.setdefault("optimizer", {
                "name": type(optimizer).__name__, "lr": float(group.get("lr", 0.0)), "momentum": float(group.get("momentum", 0.0) or 0.0),
                "weight_decay": max(float(g.get("weight_decay", 0.0) or 0.0) for g in optimizer.param_groups),
            })  # fmt: skip
        return state

    def _before_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        state = self._state(optimizer)
        if not state.watched:
            return
        closure = len(args) > 1 or kwargs.get("closure") is not None  # args begin with the optimizer itself
        counts = self.recording.counts
        if state.steps and not closure:
            counts["clean_steps" if state.clean else "stale_steps"] += 1
        if state.pending and not closure and all(p.grad is None for p in state.probes):
            counts["steps_without_gradient"] += 1
        if self._last_stepped not in (None, id(optimizer)) and self._backwards_since_step:
            counts["alternating_steps"] += 1
        # With a closure the forward that begins a sample, and the gradients, come inside the step.
        self._closure = closure
        if self._sampling or (closure and self.recording.step_now >= self._next_sample):
            started = perf_counter()
            self._gradients, total = self._parameters.gradients()
            self._parameters.remember()
            sample = self._sample = self._sample or StepSample(self.recording.step_now)
            sample.step = self.recording.step_now
            sample.grad_norm = total
            sample.learning_rate = float(optimizer.param_groups[0].get("lr", 0.0))
            self._own_s += perf_counter() - started

    def _after_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        state = self._state(optimizer)
        if not state.watched:
            self.recording.counts["foreign_steps"] += 1
            return
        recording = self.recording
        state.steps += 1
        state.clean = False
        state.pending = False
        self._last_stepped = id(optimizer)
        self._backwards_since_step = 0
        self._close_evaluation()
        self._tell_losses()
        sample = None
        if self._sampling:
            started = perf_counter()
            sample = self._sample
            if sample is not None:
                if self._closure:
                    self._gradients, sample.grad_norm = self._parameters.gradients()
                sample.layers = self._parameters.changes(self._gradients)
                self._note_missing(state)
            if hasattr(self, "_made"):
                self._made.forget()
            now = recording.step_now
            self._next_sample = (
                now + 1 if now < FIRST_STEPS else now + max(1, min(STRIDE_MAX, int(now * (GROWTH - 1)) + 1))
            )
            self._own_s += perf_counter() - started
        elif hasattr(self, "_made"):
            self._made._made.clear()
        recording.step(sample, learning_rate=float(optimizer.param_groups[0].get("lr", 0.0)))
        if recording.step_now == 3:
            recording.facts["symmetric"] = self._parameters.symmetric()
        self._sampling = False
        self._sample = None
        if recording.step_now == 2 and not recording.counts["forwards"]:
            self._hook_roots([m for root in self._roots for m in root.children()])

    def _note_missing(self, state: OptimizerState) -> None:
        """Parameters of this optimizer that had no gradient at this step."""
        missing = self.recording.facts.setdefault("missing", {})
        for parameter in state.watched:
            key = id(parameter)
            name = self._parameters.layer_of[key]
            entry = missing.setdefault(name, [0, 0])
            entry[0] += parameter.grad is None
            entry[1] += 1

    def _tell_losses(self) -> None:
        losses, objective = self._losses, self._objective
        self._losses, self._objective = [], []
        if self._loss_told or not objective:
            return
        value = float(objective[-1]) if objective[-1].numel() == 1 else math.nan
        one = value
        if losses and len(losses) == len(objective) and losses[-1].numel() == 1:
            one = float(torch.stack([each.float() for each in losses]).mean()) if len(losses) > 1 else float(losses[0])
        self.recording.loss(one, objective=value)
        if not math.isfinite(one):
            self._look_for_nan()

    def _look_for_nan(self) -> None:
        counts = self.recording.counts
        if counts["loss_not_finite"] > 3:
            return
        x, y = self._inputs, getattr(self, "_last_target", None)
        if isinstance(x, Tensor) and x.is_floating_point() and not bool(torch.isfinite(x).all()):
            counts["input_not_finite"] += 1
        if isinstance(y, Tensor) and y.is_floating_point() and not bool(torch.isfinite(y).all()):
            counts["target_not_finite"] += 1

    def _finish(self) -> None:
        self._close_evaluation()
        recording, parameters = self.recording, self._parameters
        trainable = [p for p in parameters.all.values() if p.requires_grad]
        if len(trainable) == len(self._start):
            recording.facts["moved"] = any(
                not torch.equal(p.detach().reshape(-1)[:64], start)
                for p, start in zip(trainable, self._start, strict=True)
            )
        owned = set().union(*(state.ids for state in self._optimizers.values())) if self._optimizers else set()
        with_gradient = recording.facts.pop("with_gradient", set())
        if self._optimizers:
            recording.facts["not_in_optimizer"] = [
                parameters.layer_of[key] for key, p in parameters.all.items()
                if p.requires_grad and key not in owned and (key in with_gradient or p.grad is not None)
            ]  # fmt: skip
        recording.facts["weights_end"] = {
            name: float(w.detach().float().norm()) for name, w in parameters.weights.items()
        }
        recording.facts["own_s"] = self._own_s
        if self._objective and not recording.counts["steps"]:
            for value in self._objective[:100]:
                recording.losses.add(len(recording.losses), float(value) if value.numel() == 1 else math.nan)


def _rows(x: Tensor) -> Any:
    return x.detach().cpu().float().numpy() if x.dtype in (torch.bfloat16, torch.float16) else x.detach().cpu().numpy()


def _grad_name(output: Any) -> str | None:
    """`softmax` or `sigmoid` when that is what made the output, by autograd's own record."""
    node = getattr(output, "grad_fn", None)
    name = node.name() if node is not None else ""
    for word, kind in (("LogSoftmax", "log_softmax"), ("Softmax", "softmax"), ("Sigmoid", "sigmoid"), ("Relu", "relu")):
        if name.startswith(word):
            return kind
    return None


def _right(kind: str, output: Tensor, target: Tensor) -> float | None:
    """How many rows are classified right, where that means something."""
    if kind in ("cross_entropy", "nll_loss") and output.ndim == 2 and target.ndim == 1:
        return float((output.argmax(1) == target).sum())
    if kind.startswith("binary_cross_entropy") and output.shape == target.shape:
        edge = 0.0 if kind.endswith("logits") else 0.5
        return float(((output > edge) == (target > 0.5)).float().sum()) / max(
            1, output[0].numel() if output.ndim else 1
        )
    return None


def _mode_matters(root: nn.Module) -> bool:
    """Does any of its modules do something else in eval mode?"""
    for module in root.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0:
            return True
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats:
            return True
        if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)) and module.dropout > 0:
            return True
    return False
