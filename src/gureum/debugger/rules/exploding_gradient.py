"""exploding_gradient: gradients are, or become, so large that steps throw the weights about."""

from __future__ import annotations

import numpy as np

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

# L2 norm of all gradients as the optimizer sees them (after clipping); its typical size in a training that goes well is 0.1..10.
NORM_MAX = 1e3
# Or a growth by this factor, beyond this norm.
GROWTH_MAX = 100.0
GROWN_NORM_MIN = 100.0
SAMPLES_MIN = 3


def check(recording: Recording) -> Evidence | None:
    norms = np.asarray([s.grad_norm for s in recording.samples if s.grad_norm is not None], dtype=np.float64)
    if len(norms) < SAMPLES_MIN:
        return None
    finite = norms[np.isfinite(norms)]
    broken = len(finite) < len(norms)
    if not len(finite):
        return None
    peak, typical = float(finite.max()), float(np.median(finite[: max(3, len(finite) // 4)]))
    large = int((finite > NORM_MAX).sum())
    grown = peak > GROWTH_MAX * typical and int((finite > GROWN_NORM_MIN).sum()) >= SAMPLES_MIN
    if large >= SAMPLES_MIN or grown or (broken and peak > NORM_MAX / 10):
        return Evidence(
            {
                "gradient_norm": peak,
                "typical_norm": typical,
                "samples_above": large,
                "not_finite": int(len(norms) - len(finite)),
            },
            layer=_largest(recording),
            step=_first(recording, min(NORM_MAX, peak)),
        )
    return None


def _first(recording: Recording, norm: float) -> int | None:
    """The first sampled step whose gradient is that large, or is not finite."""
    return next((s.step for s in recording.samples if s.grad_norm is not None and not s.grad_norm < norm), None)


def _largest(recording: Recording) -> str | None:
    """The layer with the largest gradient where the whole is largest."""
    samples = [s for s in recording.healthy_samples() if s.grad_norm is not None and s.layers]
    if not samples:
        return None
    worst = max(samples, key=lambda s: s.grad_norm or 0.0)
    known = {name: one.grad_norm for name, one in worst.layers.items() if one.grad_norm is not None}
    return max(known, key=lambda name: known[name] or 0.0) if known else None


RULE = Rule(
    name="exploding_gradient",
    severity="error",
    title={"en": "Gradients explode", "ko": "그래디언트가 폭발합니다"},
    remedy={
        "en": "Clip the gradients (clip_grad_norm_), use a smaller initial gain or orthogonal recurrent weights, add normalisation layers.",
        "ko": "그래디언트를 클리핑하고(clip_grad_norm_), 더 작은 초기 이득이나 직교 순환 가중치, 정규화 레이어를 쓰세요.",
    },
    change=Change(
        before="loss.backward()\noptimizer.step()",
        after="loss.backward()\nnn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)\noptimizer.step()",
    ),
    source="Pascanu et al., On the Difficulty of Training Recurrent Neural Networks, ICML 2013; SageMaker Debugger, ExplodingTensor",
    thresholds={
        "norm_max": NORM_MAX,
        "growth_max": GROWTH_MAX,
        "grown_norm_min": GROWN_NORM_MIN,
        "samples_min": SAMPLES_MIN,
    },
    check=check,
    explains=(
        "label_shuffled",
        "nan_loss",
        "diverging",
        "dead_relu",
        "saturated_activation",
    ),
)
