"""How much a random test tries: `make check` a part, `make test` more, `make soak` kills as often as an issue asks for.

Called where a test states its number. `make check` and `make soak` run pytest with `--hypothesis-profile check` or `soak`, which
`tests/conftest.py` registers.
"""

from __future__ import annotations

from hypothesis import settings

__all__ = ["CHECK", "SOAK", "examples", "kills"]

# The profile of `make check`: enough to find what a change broke outright; the rare case is for `make test`.
CHECK = "check"
SOAK = "soak"  # many minutes: before a release, and after a change of what survives kill -9
SHARE = 6
KILLS_SHARE = 4
EXAMPLES_MIN = 3


def examples(number: int) -> int:
    """The number itself, or under `make check` a sixth of it."""
    return max(EXAMPLES_MIN, number // SHARE) if settings.get_current_profile_name() == CHECK else number


def kills(number: int) -> int:
    """The number itself under `make soak`, else a quarter of it."""
    return number if settings.get_current_profile_name() == SOAK else max(1, round(number / KILLS_SHARE))
