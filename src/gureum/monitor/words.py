"""A drift in a sentence, in English and in Korean: what moved, from where to where, and what it looks like.

Called by `check`.
"""

from __future__ import annotations

from gureum.monitor.drift import FeatureDrift, Moved
from gureum.monitor.report import ConceptDrift, JointDrift

__all__ = ["of_concept", "of_drift", "of_joint"]

Sentence = tuple[str, str]


def of_drift(drift: FeatureDrift) -> Sentence:
    """Such as "air_temperature: median 300.1 -> 27.0 (unit? K -> °C)"."""
    lead = drift.moved[0]
    english, korean = _said(drift, lead)
    if drift.unit is not None:
        english += f" (unit? {drift.unit.name})"
        korean += f" (단위? {drift.unit.name})"
    return f"{drift.feature}: {english}", f"{drift.feature}: {korean}"


def _said(drift: FeatureDrift, lead: Moved) -> Sentence:
    share = f"{lead.before:.1%} -> {lead.after:.1%}"
    trait, _, name = lead.score.rpartition(": ")
    if trait:
        return (
            f"{trait} of the text changed ({lead.effect:+.2f} σ)",
            f"글의 특성이 달라졌습니다: {trait} ({lead.effect:+.2f} σ)",
        )
    if name in {"middle", "far"}:
        before, after = drift.before.get("median"), drift.after.get("median")
        far = f", {lead.after:.1%} far outside of all that was seen" if name == "far" else f", {lead.effect:+.2f} σ"
        away = f", {lead.after:.1%}이(가) 범위를 크게 벗어남" if name == "far" else f", {lead.effect:+.2f} σ"
        if (
            before is not None and after is not None and before == after
        ):  # few values: the median stays where the mean moves
            means = f"{drift.before['mean']:.4g} -> {drift.after['mean']:.4g}"
            return f"mean {means}{far}", f"평균 {means}{away}"
        if before is None or after is None:
            return f"moved{far}", f"값이 이동했습니다{away}"
        return f"median {before:.6g} -> {after:.6g}{far}", f"중앙값 {before:.6g} -> {after:.6g}{away}"
    if name == "spread":
        before, after = drift.before.get("std_dev", 0.0), drift.after.get("std_dev", 0.0)
        return (
            f"{'wider' if lead.effect > 0 else 'narrower'}, standard deviation {before:.6g} -> {after:.6g}",
            f"{'흩어짐이 커졌습니다' if lead.effect > 0 else '흩어짐이 줄었습니다'}, 표준편차 {before:.6g} -> {after:.6g}",
        )
    said = {
        "missing": (f"missing {share}", f"결측 {share}"),
        "unseen": (f"values never seen before: {share}", f"처음 보는 값 {share}"),
        "rare": (f"rare values together {share}", f"드문 값의 비율 {share}"),
        "level": _level(lead, share),
        "value": (f"value {lead.subject}: {share} of rows", f"값 {lead.subject}의 비율 {share}"),
        "word": (f"texts with '{lead.subject}': {share}", f"'{lead.subject}'이(가) 든 글 {share}"),
        "up to": (f"share up to {lead.subject}: {share}", f"{lead.subject} 이하의 비율 {share}"),
        "low tail": (f"below {lead.subject}: {share} of rows", f"{lead.subject} 미만의 비율 {share}"),
        "high tail": (f"above {lead.subject}: {share} of rows", f"{lead.subject} 초과의 비율 {share}"),
        "tails": (
            f"heavier tails: {share} of rows beyond the 1% and 99% quantiles",
            f"꼬리가 두꺼워졌습니다: 1%와 99% 분위 밖 {share}",
        )
        if lead.effect > 0
        else (
            f"lighter tails: {share} of rows beyond the 1% and 99% quantiles",
            f"꼬리가 얇아졌습니다: 1%와 99% 분위 밖 {share}",
        ),
        "beyond": (f"outside of the baseline's range: {lead.after:.1%} of rows", f"기준 범위 밖의 값 {lead.after:.1%}"),
        "all": (f"the mix of values changed (w {lead.effect:.2f})", f"값의 구성이 달라졌습니다 (w {lead.effect:.2f})"),
    }
    return said[name]


def _level(lead: Moved, share: str) -> Sentence:
    if lead.after == 0:
        return f"'{lead.subject}' vanished ({share})", f"'{lead.subject}'이(가) 사라졌습니다 ({share})"
    return f"'{lead.subject}' {share}", f"'{lead.subject}' 비율 {share}"


def of_joint(joint: JointDrift) -> Sentence:
    pair = joint.pairs[0]
    first, second = pair.features
    change = f"{pair.before:+.2f} -> {pair.after:+.2f}"
    more = f", and {len(joint.pairs) - 1} more" if len(joint.pairs) > 1 else ""
    return (
        f"{first} and {second} depend on each other otherwise: correlation {change}{more}",
        f"{first}와(과) {second}의 관계가 달라졌습니다: 상관 {change}",
    )


def of_concept(concept: ConceptDrift, target: str) -> Sentence:
    if concept.about == "level":
        return (
            f"{target}: other than the features say, by {concept.effect:+.2f} σ of the residuals (concept drift)",
            f"{target}: 특성이 말하는 것과 {concept.effect:+.2f} σ 다릅니다 (개념 변화)",
        )
    if concept.about == "size":
        harder = "harder" if concept.effect > 0 else "easier"
        return (
            f"{target}: {harder} to tell from the features, {concept.effect:+.2f} σ (concept drift)",
            f"{target}: 특성으로 알기가 {'더 어려워졌습니다' if concept.effect > 0 else '더 쉬워졌습니다'}, {concept.effect:+.2f} σ (개념 변화)",
        )
    return (
        f"{target}: answers otherwise to {concept.about}, {concept.effect:+.2f} σ (concept drift)",
        f"{target}: {concept.about}에 대한 반응이 달라졌습니다, {concept.effect:+.2f} σ (개념 변화)",
    )
