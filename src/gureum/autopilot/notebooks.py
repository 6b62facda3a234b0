"""The two notebooks that are handed over: what the data is like, and each candidate to be trained again.

Called by fit. Both need nothing of ours: the first pandas, the second also the libraries of its candidates. They read
`data.parquet` beside them.
"""

from __future__ import annotations

import json
import pprint
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gureum.autopilot.cells import Cell, code, notebook, run_cells, text
from gureum.autopilot.handover import FAMILY_MODULES, write_pieces
from gureum.autopilot.metrics import Metric
from gureum.autopilot.search import Judged, Search
from gureum.learners.survey import Finding

__all__ = ["candidate_notebook", "exploration_notebook", "write_notebook"]

ROWS_EXPLORED = 10_000
COLUMNS_EXPLORED = 60
PLOTS_MAX = 12
CANDIDATES_MAX = 25

_DRAW = '''
class Bars:
    """Horizontal bars as SVG: no plotting library to install."""

    def __init__(self, values, title):
        self.values, self.title = values, title

    def __repr__(self):
        return f"{self.title}\\n{self.values.to_string()}"

    def _repr_svg_(self):
        top = max(float(self.values.abs().max()), 1e-12)
        rows = []
        for place, (label, value) in enumerate(self.values.items()):
            y, width = 24 + 20 * place, 300 * abs(float(value)) / top
            name = html.escape(str(label)[:34])
            rows.append(f'<text x="228" y="{y + 12}" text-anchor="end">{name}</text>'
                        f'<rect x="236" y="{y}" width="{width:.1f}" height="15" fill="#4c78a8"/>'
                        f'<text x="{242 + width:.1f}" y="{y + 12}">{float(value):,.4g}</text>')
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{30 + 20 * len(rows)}" font-size="12" '
                f'font-family="sans-serif"><text x="4" y="14" font-weight="bold">{html.escape(self.title)}</text>'
                + "".join(rows) + "</svg>")


def spread(values, bins=12):
    """How many values fall into each of equal steps."""
    values = pd.to_numeric(values, errors="coerce").astype(float).replace([np.inf, -np.inf], np.nan).dropna()
    low, high = values.quantile([0.005, 0.995])
    if low == high:
        return values.value_counts().head(bins)
    counts, edges = np.histogram(values.clip(low, high), bins=bins)
    return pd.Series(counts, index=[f"{left:,.4g} to {right:,.4g}" for left, right in zip(edges, edges[1:])])
'''


def exploration_notebook(
    spec: dict[str, Any], findings: list[Finding], folder: Path, time_up: Callable[[], bool]
) -> dict[str, Any]:
    """Written for this table and run on it; `folder` holds its data."""
    target = spec["target"]
    kinds = dict(list(spec["kinds"].items())[:COLUMNS_EXPLORED])
    which = f", by the first {len(kinds)} of its columns" if len(kinds) < len(spec["kinds"]) else ""
    only = f"columns={[*kinds, target]!r}" if len(kinds) < len(spec["kinds"]) else ""
    of_kind = {
        kind: [name for name, other in kinds.items() if other == kind]
        for kind in ("number", "category", "time", "text")
    }
    classes = bool(spec["classes"])
    found = "\n".join(f"- {'**left out:** ' if finding.left_out else ''}{finding.reason}" for finding in findings)
    cells: list[Cell] = [
        text(f"# What the data is like\n\nThe table that `{target}` was learned from{which}.\n\n{found or 'Nothing about it stood out.'}"),
        code(f"import html\n\nimport numpy as np\nimport pandas as pd\n{_DRAW}\n"
             f'table = pd.read_parquet("data.parquet"{only and ", " + only})\ntarget = {target!r}\n'
             f"if len(table) > {ROWS_EXPLORED}:  # a sample says the same\n    table = table.sample({ROWS_EXPLORED}, random_state=0)\n"
             'print(f"{len(table):,} rows, {table.shape[1]} columns")\ntable.head()'),
        text("## Columns"),
        code("pd.DataFrame({\n"
             '    "type": table.dtypes.astype(str),\n'
             '    "missing": table.isna().mean().map("{:.1%}".format),\n'
             '    "distinct": [table[name].astype(str).str.slice(0, 200).nunique() for name in table],\n'
             '    "example": [str(next(iter(table[name].dropna()), ""))[:60] for name in table],\n'
             "})"),
        text(f"## The target, `{target}`"),
        code('Bars(table[target].value_counts().head(20), "Rows a class")' if classes else 'Bars(spread(table[target]), f"Rows by {target}")'),
    ]  # fmt: skip
    goal = (
        "goal = pd.Series(pd.factorize(table[target], sort=True)[0], index=table.index)"
        if classes
        else 'goal = pd.to_numeric(table[target], errors="coerce")'
    )
    if of_kind["number"]:
        cells += [
            text("## Numbers"),
            code(f"numbers = {pprint.pformat(of_kind['number'], width=110, compact=True)}\n"
                 'values = table[numbers].apply(lambda column: pd.to_numeric(column.astype(str).str.strip(), errors="coerce") if column.dtype == object else column.astype(float))\n'
                 "values.describe().T"),
            text("How each goes with the target: rank correlation" + (", by the class's place in the alphabet." if len(spec["classes"]) > 2 else ".")),
            code(f"{goal}\nranks = values.rank().corrwith(goal.rank()).dropna()\n"
                 'Bars(ranks.loc[ranks.abs().sort_values(ascending=False).index].head(20), "Rank correlation with the target")'),
        ]  # fmt: skip
        cells += [code(f"Bars(spread(values[{name!r}]), {name!r})") for name in of_kind["number"][:PLOTS_MAX]]
    if of_kind["category"]:
        what = (
            "The share of the last class"
            if len(spec["classes"]) == 2
            else "The mean of the target"
            if not classes
            else "Rows"
        )
        cells.append(text(f"## Categories\n\n{what} by the most frequent values."))
        for name in of_kind["category"][:PLOTS_MAX]:
            if len(spec["classes"]) > 2:
                cells.append(code(f"Bars(table[{name!r}].astype(str).value_counts().head(12), {name!r})"))
            else:
                cells.append(code(f"{goal}\nlevels = table[{name!r}].astype(str)\n"
                                  f"Bars(goal.groupby(levels).mean().loc[levels.value_counts().head(12).index], {name!r})"))  # fmt: skip
    for name in of_kind["time"][:3]:
        cells += [
            text(f"## `{name}`"),
            code(f'times = pd.to_datetime(table[{name!r}], errors="coerce", utc=True, format="mixed" if table[{name!r}].dtype == object else None)\nprint(times.min(), "to", times.max())\n'
                 f'Bars(times.dt.strftime("%Y-%m").value_counts().sort_index().tail(24), "Rows a month")'),
        ]  # fmt: skip
    for name in of_kind["text"][:3]:
        cells += [
            text(f"## `{name}`"),
            code(f'words = table[{name!r}].dropna().astype(str).str.slice(0, 2000).str.lower().str.findall(r"\\w{{3,}}").explode()\n'
                 f'Bars(words.value_counts().head(20), "Most frequent words")'),
        ]  # fmt: skip
    cells += [
        text("## What is missing"),
        code(
            'gaps = table.isna().mean()\ngaps = gaps[gaps > 0].sort_values(ascending=False).head(20)\nBars(gaps, "Share of rows") if len(gaps) else "No gaps."'
        ),
    ]
    run_cells(cells, folder, time_up)
    return notebook(cells)


# How each metric is asked of scikit-learn, of `y` and `p` (probabilities or numbers), as people see it.
_ASKED = {
    "roc_auc": "metrics.roc_auc_score(y, p[:, 1]) if p.shape[1] == 2 else metrics.roc_auc_score(y, p, multi_class='ovr')",
    "average_precision": "metrics.average_precision_score(y, p[:, 1])",
    "log_loss": "metrics.log_loss(y, p, labels=range(p.shape[1]))",
    "brier": "metrics.brier_score_loss(y, p[:, 1])",
    "accuracy": "metrics.accuracy_score(y, p.argmax(axis=1))",
    "balanced_accuracy": "metrics.balanced_accuracy_score(y, p.argmax(axis=1))",
    "f1": "metrics.f1_score(y, p.argmax(axis=1))",
    "f1_macro": "metrics.f1_score(y, p.argmax(axis=1), average='macro')",
    "mcc": "metrics.matthews_corrcoef(y, p.argmax(axis=1))",
    "rmse": "metrics.root_mean_squared_error(y, p)",
    "mse": "metrics.mean_squared_error(y, p)",
    "mae": "metrics.mean_absolute_error(y, p)",
    "medae": "metrics.median_absolute_error(y, p)",
    "mape": "metrics.mean_absolute_percentage_error(y, p)",
    "rmsle": "metrics.mean_squared_error(np.log1p(np.maximum(y, 0)), np.log1p(np.maximum(p, 0))) ** 0.5",
    "r2": "metrics.r2_score(y, p)",
}


def candidate_notebook(spec: dict[str, Any], search: Search, metric: Metric) -> dict[str, Any]:
    """One cell a candidate, with all that it takes to judge it again; the best first."""
    judged = sorted((one for one in search.judged if one.error is None), key=lambda one: -one.score)
    wanted = _with_inputs(judged[:CANDIDATES_MAX], judged)
    families = sorted({one.candidate.family for one in wanted})
    bare = {key: value for key, value in spec.items() if key != "members"} | {"members": []}
    cells = [
        text(f"# The candidates\n\n{len(search.judged)} were tried for `{spec['target']}`; here are {len(wanted)}, each judged by "
             f"{metric.name} on rows that it was not trained on. Every cell trains its candidate again, with the rounds that the search "
             "found, and gives the same score. `data.parquet` lies beside this notebook."),
        code("# The building blocks: what the columns become, which rows judge, and the model families.\n" + write_pieces(families, set())),
        code("from sklearn import metrics\n\n"
             f"SPEC = {pprint.pformat(bare, width=110, sort_dicts=False)}\n"
             f"LEARNERS = {{{', '.join(f'{family!r}: {FAMILY_MODULES[family][1]}' for family in families)}}}\n"
             'model = Model(SPEC, LEARNERS)\ntable, y_all = model.labelled(tidy_names(pd.read_parquet("data.parquet")))\n'
             "x = Features(SPEC['kinds']).fit_transform(table)\nfold = model.folds(table, y_all)\n"
             "weights = row_weights(y_all, SPEC['class_weights'])\nheld_out = {}\n\n\n"
             "def judge(name, family, seed, params, stacks=()):\n"
             '    """Train one model a fold, predict the rows outside, and score them together."""\n'
             "    seen = x\n"
             "    if stacks:\n"
             "        columns = np.hstack([stack_columns(held_out[other]) for other in stacks])\n"
             "        seen = x.with_columns(columns, [f'model {i}' for i in range(columns.shape[1])])\n"
             "    out = None\n"
             "    for number, one in enumerate(params):\n"
             "        learn, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)\n"
             "        learner = model.build({'family': family, 'seed': seed}, one, number)\n"
             "        learner.fit(seen.take(learn), y_all[learn], weight=None if weights is None else weights[learn])\n"
             "        scores = learner.predict(seen.take(test))\n"
             "        out = np.full((len(y_all), *scores.shape[1:]), np.nan) if out is None else out\n"
             "        out[test] = scores\n"
             "    held_out[name] = out\n"
             "    y, p = y_all[fold >= 0], out[fold >= 0]\n"
             f"    return {_ASKED[metric.name]}"),
    ]  # fmt: skip
    for one in wanted:
        cells += [
            text(f"## {one.candidate.name}\n\n{metric.name} {metric.shown(one.score):.6g}, in {one.seconds:.1f} s"),
            code(f"judge(\n    {one.candidate.name!r}, {one.candidate.family!r}, seed={one.candidate.seed},\n"
                 f"    params={_indented([learner.exact() for learner in one.learners])},\n    stacks={one.candidate.stacks!r},\n)"),
        ]  # fmt: skip
    failed = [one for one in search.judged if one.error is not None]
    if failed:
        cells.append(text("## Not judged\n\n" + "\n".join(f"- {one.candidate.name}: {one.error}" for one in failed)))
    return notebook(cells)


def _with_inputs(chosen: list[Judged], judged: list[Judged]) -> list[Judged]:
    """The chosen, and before the first that sees other models, those models."""
    by_name = {one.candidate.name: one for one in judged}
    out: dict[str, Judged] = {}
    for one in chosen:
        for name in one.candidate.stacks:
            out.setdefault(name, by_name[name])
        out.setdefault(one.candidate.name, one)
    return list(out.values())


def _indented(value: Any) -> str:
    return pprint.pformat(value, width=110, sort_dicts=False).replace("\n", "\n    ")


def write_notebook(content: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
