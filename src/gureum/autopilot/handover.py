"""The program that is handed over: one plain Python file that trains the final ensemble again, with nothing of ours to import.

Called by fit. The file is not a template: it is the text of the modules that Autopilot itself trained with (learners/,
folds.py, model.py), put together, and the ensemble as data. So there is one source of truth, and the predictions agree.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import pprint
import re
import sys
from typing import Any

from gureum.errors import InternalError

__all__ = ["FAMILY_MODULES", "write_pieces", "write_program"]

# Words to our own linters.
_REMARK = re.compile(r"  # (?:noqa|type: ignore|fmt: skip).*$", re.MULTILINE)

# In the order in which a reader and Python need them; families are added as used.
_BEFORE = ("gureum.learners.columns", "gureum.learners.features", "gureum.learners.learner")
_AFTER = ("gureum.autopilot.folds", "gureum.autopilot.model")

FAMILY_MODULES: dict[str, tuple[tuple[str, ...], str]] = {
    "baseline": (("gureum.learners.baseline",), "Baseline"),
    "lightgbm": (("gureum.learners.stopping", "gureum.learners.lightgbm"), "LightGBM"),
    "xgboost": (("gureum.learners.stopping", "gureum.learners.xgboost"), "XGBoost"),
    "catboost": (("gureum.learners.stopping", "gureum.learners.catboost"), "CatBoost"),
    "extra_trees": (("gureum.learners.encoders", "gureum.learners.averaged_trees", "gureum.learners.extra_trees"), "ExtraTrees"),
    "random_forest": (("gureum.learners.encoders", "gureum.learners.averaged_trees", "gureum.learners.random_forest"), "RandomForest"),
    "linear": (("gureum.learners.encoders", "gureum.learners.linear"), "Linear"),
}  # fmt: skip

# What a family's file holds for the search alone.
_NOT_HANDED_OVER = frozenset({"DEFAULT", "PORTFOLIO", "SPACE", "__all__"})

_PACKAGES = {"lightgbm": "lightgbm", "xgboost": "xgboost-cpu", "catboost": "catboost"}

_HEAD = '''# /// script
# requires-python = ">={python}"
# dependencies = [
{dependencies}
# ]
# ///
"""Trains the model of '{target}' again and predicts with it.

    python {file} [TRAIN [NEW [PREDICTIONS]]]

TRAIN is the table that it learned from (default: {data} beside this file), NEW a table to predict (default: the same), both
parquet or CSV; PREDICTIONS is where to write a CSV (default: predictions.csv). Or from Python:

    import {module}
    model = {module}.train(table)
    model.predict(new), model.predict_proba(new)

Written by Autopilot: {task}, {metric} {score} on rows that the models had not seen. The same rows give the same model.
"""
'''

_TAIL = '''
LEARNERS = {{{learners}}}

# The ensemble: what each column is, how rows are split, and the members with parameters, rounds and weights.
SPEC: dict[str, Any] = {spec}


def train(table: pd.DataFrame) -> Model:
    """The ensemble, trained on a table that has the target in it."""
    return Model(SPEC, LEARNERS).fit(table)


def read(path: str | Path) -> pd.DataFrame:
    if str(path).endswith((".parquet", ".pq")):
        return pd.read_parquet(path)
    return pd.read_csv(path, float_precision="round_trip", low_memory=False)


def main(arguments: list[str]) -> None:
    learn = Path(arguments[0]) if arguments else Path(__file__).with_name("{data}")
    model = train(read(learn))
    new = read(arguments[1] if len(arguments) > 1 else learn)
    out = pd.DataFrame({{"prediction": model.predict(new)}})
    if SPEC["classes"]:
        scores = model.predict_proba(new)
        for place, label in enumerate(SPEC["classes"]):
            out[f"probability of {{label}}"] = scores[:, place]
    path = arguments[2] if len(arguments) > 2 else "predictions.csv"
    out.to_csv(path, index=False)
    print(f"{{len(out):,}} predictions in {{path}}")


if __name__ == "__main__":
    main(sys.argv[1:])
'''


def write_program(spec: dict[str, Any], *, score: str, file: str = "model.py", data: str = "data.parquet") -> str:
    """The text of the file. `score` is as shown to people."""
    families = sorted({member["family"] for member in spec["members"]})
    head = _HEAD.format(
        python="3.11", dependencies="\n".join(f'#     "{need}",' for need in _requirements(families)), target=spec["target"].replace('"', "'"),
        file=file, module=file.removesuffix(".py"), data=data, task=spec["task"], metric=spec["metric"], score=score,
    )  # fmt: skip
    learners = ", ".join(f'"{family}": {FAMILY_MODULES[family][1]}' for family in families)
    tail = _TAIL.format(learners=learners, spec=pprint.pformat(spec, width=110, sort_dicts=False), data=data)
    text = head + write_pieces(families, {"import sys", "from pathlib import Path"}) + "\n" + tail
    try:
        compile(text, file, "exec")
    except SyntaxError as error:
        raise InternalError(f"the program to hand over does not compile: {error}", code="autopilot.program") from error
    return text


def write_pieces(families: list[str], imports: set[str]) -> str:
    """The classes and functions that train these families, with all imports at the top."""
    modules: list[str] = list(_BEFORE)
    for family in families:
        modules += [module for module in FAMILY_MODULES[family][0] if module not in modules]
    modules += _AFTER
    imports = imports | {"from typing import Any", "import pandas as pd"}
    bodies = []
    for module in modules:
        found, body = _take(module)
        imports |= found
        bodies.append(body)
    return "\n".join(["from __future__ import annotations\n", *_ordered(imports), "", *bodies])


def _requirements(families: list[str]) -> list[str]:
    names = ["numpy", "pandas", "scipy", "scikit-learn", "pyarrow"]
    names += [_PACKAGES[family] for family in families if family in _PACKAGES]
    out = []
    for name in names:
        try:
            out.append(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:  # xgboost under its other name
            out.append("xgboost" if name == "xgboost-cpu" else name)
    return out


def _take(module: str) -> tuple[set[str], str]:
    """A module's imports of other people's packages, and its classes and functions as they stand."""
    source = inspect.getsource(importlib.import_module(module))
    tree = ast.parse(source)
    lines = source.splitlines()
    imports: set[str] = set()
    kept = []
    title = (ast.get_docstring(tree) or "").splitlines()[0]
    end = 0
    for node in tree.body:
        first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
        # A comment above belongs to what follows it.
        while first - 1 > end and lines[first - 2].startswith("#"):
            first -= 1
        end = node.end_lineno or first
        if isinstance(node, ast.Import | ast.ImportFrom):
            name = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
            if name != "__future__" and not name.startswith("gureum"):
                imports.add(ast.unparse(node))
            continue
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id in _NOT_HANDED_OVER for target in targets):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # the docstring
        kept.append(_REMARK.sub("", "\n".join(lines[first - 1 : end])))
    return imports, f"\n# --- {title}\n\n" + "\n\n\n".join(kept) + "\n"


def _ordered(imports: set[str]) -> list[str]:
    """Standard library first, one blank line, then the others."""

    def standard(line: str) -> bool:
        return line.split()[1].split(".")[0] in sys.stdlib_module_names

    return [
        *sorted(line for line in imports if standard(line)),
        "",
        *sorted(line for line in imports if not standard(line)),
    ]
