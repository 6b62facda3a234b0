"""Whether a number column that jumped only changed its unit: Kelvin to Celsius, metres to millimetres, a flipped sign.

Called by `drift` for columns that left their range or moved a lot. Fits nothing: it tries the few changes that people make
and says the one whose quantiles agree, or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["UnitChange", "unit_change"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class UnitChange:
    """`after = factor * before + offset`."""

    name: str
    factor: float
    offset: float = 0.0


CHANGES = (
    UnitChange("K -> °C", 1.0, -273.15),
    UnitChange("°C -> K", 1.0, 273.15),
    UnitChange("°C -> °F", 1.8, 32.0),
    UnitChange("°F -> °C", 1 / 1.8, -32 / 1.8),
    UnitChange("K -> °F", 1.8, -459.67),
    UnitChange("°F -> K", 1 / 1.8, 459.67 / 1.8),
    UnitChange("sign flipped", -1.0),
    *(
        UnitChange(f"{sign}{size:g}", size if sign == "×" else 1 / size)
        for size in (10.0, 100.0, 1000.0, 1e6, 1e9, 60.0, 3600.0, 86400.0)
        for sign in ("×", "÷")
    ),
    UnitChange("mile -> km", 1.609344),
    UnitChange("km -> mile", 1 / 1.609344),
    UnitChange("inch -> cm", 2.54),
    UnitChange("cm -> inch", 1 / 2.54),
    UnitChange("m -> foot", 1 / 0.3048),
    UnitChange("foot -> m", 0.3048),
    UnitChange("kg -> lb", 2.2046226),
    UnitChange("lb -> kg", 1 / 2.2046226),
    UnitChange("m/s -> km/h", 3.6),
    UnitChange("km/h -> m/s", 1 / 3.6),
    UnitChange("radian -> degree", 180 / np.pi),
    UnitChange("degree -> radian", np.pi / 180),
    UnitChange("rpm -> rad/s", 2 * np.pi / 60),
    UnitChange("rad/s -> rpm", 60 / (2 * np.pi)),
)
_AT = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
# Quantiles must agree within this part of the spread after the change, and must have disagreed by more before it.
AGREE_MAX = 0.06
DISAGREE_MIN = 0.75


def unit_change(before: Floats, after: Floats) -> UnitChange | None:
    """The change of unit that carries `before` to `after`, if one does. Both are present values."""
    if len(before) < 10 or len(after) < 10:
        return None
    found, was = np.quantile(after, _AT), np.quantile(before, _AT)
    if found[-1] <= found[0] or was[-1] <= was[0]:
        return None
    if np.max(np.abs(found - was)) < DISAGREE_MIN * min(found[-1] - found[0], was[-1] - was[0]):
        return None
    best, least = None, AGREE_MAX + 1.0 / np.sqrt(min(len(before), len(after)))
    for change in CHANGES:
        expected = np.sort(change.factor * was + change.offset)
        apart = float(np.max(np.abs(found - expected))) / float(expected[-1] - expected[0])
        if apart < least:
            best, least = change, apart
    return best
