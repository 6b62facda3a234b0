"""What `fit` may be told beside the table and its target.

Called by fit. Raises InvalidInput for an option that does not exist or makes no sense, with near names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gureum.errors import InvalidInput
from gureum.learners.families import find_family, installed_families
from gureum.names import near_names

__all__ = ["Options", "read_options"]

FOLDS_MAX = 20


@dataclass(frozen=True)
class Options:
    """`fit`'s keyword options.

    - `time_column`: judge on the latest rows; `group_column`: rows of one group stay on one side.
    - `ignore`: columns to leave out; `keep`: columns to use although they look like an id or a leak.
    - `include`, `exclude`: model families. `candidates`: how many to try at most.
    - `folds`: of cross-validation; `holdout`: a share of the rows to judge on instead.
    - `class_weights`: "balanced", or a weight a class; `positive`: the label that a binary metric is about.
    - `seed`, `n_jobs`: threads (default: all cores that this process may use).
    - `folder`: where to leave program, data, notebooks and card; `experiment`: of MLflow, to record every candidate in.
    - `on_event`: called with a dict after each step, in the thread of `fit`; must be quick.
    """

    time_column: str | None = None
    group_column: str | None = None
    ignore: Sequence[str] = ()
    keep: Sequence[str] = ()
    include: Sequence[str] | None = None
    exclude: Sequence[str] = ()
    candidates: int | None = None
    folds: int | None = None
    holdout: float | None = None
    class_weights: str | Mapping[Any, float] | None = None
    positive: Any = None
    seed: int = 0
    n_jobs: int | None = None
    folder: str | os.PathLike[str] | None = None
    experiment: str | None = None
    on_event: Callable[[dict[str, Any]], None] | None = None

    @property
    def threads(self) -> int:
        """At most; where more than one gains nothing, fit takes one unless it was told how many."""
        if self.n_jobs and self.n_jobs > 0:
            return self.n_jobs
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def families(self) -> tuple[str, ...]:
        chosen = installed_families() if self.include is None else tuple(self.include)
        return tuple(name for name in chosen if name not in self.exclude)

    @property
    def path(self) -> Path | None:
        return None if self.folder is None else Path(self.folder)


def read_options(given: Mapping[str, Any]) -> Options:
    known = [field.name for field in fields(Options)]
    for name in given:
        if name not in known:
            near = near_names(name, known) or known
            raise InvalidInput(
                f"fit has no option '{name}'", code="autopilot.option", hint=f"did you mean {', '.join(near)}?"
            )
    values = {name: value for name, value in given.items() if value is not None}
    for name in ("ignore", "keep", "include", "exclude"):
        if isinstance(values.get(name), str):
            values[name] = (values[name],)
    options = Options(**values)
    for family in (*options.exclude, *(options.include or ())):
        find_family(family)
    if not options.families:
        raise InvalidInput(
            "no model family is left to try",
            code="autopilot.option",
            hint=f"there are {', '.join(installed_families())}",
        )
    if options.folds is not None and not 2 <= options.folds <= FOLDS_MAX:
        raise InvalidInput(
            f"folds={options.folds} is not between 2 and {FOLDS_MAX}",
            code="autopilot.option",
            hint="for a single hold-out, holdout=0.2",
        )
    if options.holdout is not None and not 0.02 <= options.holdout <= 0.5:
        raise InvalidInput(f"holdout={options.holdout} is not a share between 0.02 and 0.5", code="autopilot.option")
    if options.candidates is not None and options.candidates < 1:
        raise InvalidInput("candidates must be at least 1", code="autopilot.option")
    return options
