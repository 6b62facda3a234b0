"""The function that is tuned: its signature, its fingerprint, and how it reaches the workers.

Called by `tune` once a call. Promise: what cannot work (no parameter, cannot be pickled) is refused before any trial.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import io
import textwrap
from collections import ChainMap
from collections.abc import Callable
from types import CodeType
from typing import Any, ClassVar

from gureum.errors import InvalidInput

__all__ = ["fingerprint", "pickle_objective", "takes_trial"]

_HOW = "write def objective(params) -> float, or def objective(params, trial)"


def takes_trial(objective: Callable[..., Any]) -> bool:
    """Whether the objective wants the trial beside its parameters, to report steps. Raises InvalidInput if it fits neither."""
    if not callable(objective):
        raise InvalidInput(
            f"the objective is {type(objective).__name__}, not a function", code="tuning.objective", hint=_HOW
        )
    try:
        parameters = list(inspect.signature(objective).parameters.values())
    except (TypeError, ValueError):
        return False  # a builtin has no signature: it gets the parameters, as math.fsum would
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        raise InvalidInput("the objective needs a keyword that no trial gives it", code="tuning.objective", hint=_HOW)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in positional if p.default is p.empty]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if not positional and not variadic:
        raise InvalidInput("the objective takes no parameters", code="tuning.objective", hint=_HOW)
    if len(needed) > 2:
        raise InvalidInput(
            f"the objective needs {len(needed)} arguments; a trial gives it its parameters and itself",
            code="tuning.objective",
            hint=f"{_HOW}; functools.partial binds what else it needs",
        )
    return len(needed) == 2 or (len(positional) > 1 and positional[1].name == "trial")


def pickle_objective(objective: Callable[..., Any]) -> bytes:
    """The objective with all that it closes over, also from a notebook. Raises InvalidInput that names what cannot travel."""
    import cloudpickle  # a fifth of a second that only a tuning needs

    reduce_code = cloudpickle.CloudPickler.dispatch_table[CodeType]

    def with_file(code: CodeType) -> tuple[Any, ...]:
        make, parts = reduce_code(code)
        return make, tuple(code.co_filename if part == "<dynamic-code>" else part for part in parts)

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
        """Keeps the files that code came from: cloudpickle forgets them, and tracebacks would name no file."""

        dispatch_table: ClassVar[Any] = ChainMap({CodeType: with_file}, cloudpickle.CloudPickler.dispatch_table)

    buffer = io.BytesIO()
    try:
        Pickler(buffer).dump(objective)
        return buffer.getvalue()
    except Exception as error:
        raise InvalidInput(
            f"the objective cannot be sent to worker processes: {error}",
            code="tuning.objective_pickle",
            hint="open files, connections, locks and generators inside the objective, not around it",
        ) from error


def fingerprint(objective: Callable[..., Any]) -> str:
    """A text that changes when the objective's own code does; neither comments nor layout nor what it calls count."""
    while isinstance(objective, functools.partial):
        objective = objective.func
    target: Any = objective
    if not (inspect.isfunction(target) or inspect.ismethod(target) or inspect.isclass(target)):
        target = getattr(type(target), "__call__", target)  # noqa: B004 - the code, not whether it can be called
    return hashlib.sha256(_code_text(target).encode()).hexdigest()[:16]


def _code_text(target: Any) -> str:
    if getattr(target, "__name__", "") != "<lambda>":  # a lambda's source is the whole line that it stands in
        try:
            return ast.dump(ast.parse(textwrap.dedent(inspect.getsource(target))))
        except (OSError, TypeError, SyntaxError):
            pass
    code = getattr(target, "__code__", None)
    return repr(_code_parts(code)) if code is not None else repr(getattr(target, "__qualname__", type(target)))


def _code_parts(code: CodeType) -> tuple[Any, ...]:
    constants = tuple(_code_parts(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return (code.co_code, constants, code.co_names, code.co_varnames)
