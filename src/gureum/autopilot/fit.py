"""From a table and a target to an ensemble, its program, notebooks and card, within a budget of seconds.

The public act of this package. What it does is one line a step in `fit`; each step is a file beside this one.
"""

from __future__ import annotations

import importlib
import shutil
import tempfile
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gureum.autopilot.budget import Budget
from gureum.autopilot.card import write_card
from gureum.autopilot.ensemble import choose_scale, choose_weights, honest_score
from gureum.autopilot.handover import FAMILY_MODULES, write_program
from gureum.autopilot.keep import keep_table
from gureum.autopilot.leaks import find_leaks
from gureum.autopilot.metrics import Metric, find_metric
from gureum.autopilot.model import Model, row_weights
from gureum.autopilot.notebooks import candidate_notebook, exploration_notebook
from gureum.autopilot.options import Options, read_options
from gureum.autopilot.record import Recorder
from gureum.autopilot.result import AutopilotResult
from gureum.autopilot.search import Judged, Problem, Search, probe_round_s
from gureum.autopilot.table import find_column, read_table
from gureum.autopilot.task import Task, read_target
from gureum.clock import Clock, SystemClock
from gureum.errors import InvalidInput, Unavailable
from gureum.learners.features import Features
from gureum.learners.survey import Finding, find_kinds

__all__ = ["fit"]

BUDGET_S_MIN = 1.0

# Of the budget, kept for what comes after the search: weights, program, notebooks, card.
HANDOVER_SHARE = 0.03
HANDOVER_S_MIN = 0.35

# A single hold-out costs one fit a candidate, and one more for those that are used.
REFIT_SHARE = 0.6  # about what is left for the search
HOLDOUT_SHARE = 0.2
HOLDOUT_ROWS_MAX = 20_000

# Rounds that a first candidate should have for each fold, at least.
ROUNDS_WANTED = 200
# What a candidate takes when it may: more folds are worth less than candidates that were trained to their end.
ROUNDS_FULL = 350
CANDIDATES_WANTED = 8
HURRY_MAX = 4.0

# With all threads, a round must take less than a single one's time divided by this.
THREADS_GAIN_MIN = 1.1

# Reading the table may take this share of the budget; a larger table is learned from a sample.
FEATURES_SHARE = 0.15
ROWS_TIMED = 500
ROWS_LEARNED_MIN = 1_000
LEAKS_SHARE = 0.05
EXPLORE_SHARE = 0.12

LEARNERS = {name: getattr(importlib.import_module(modules[-1]), cls) for name, (modules, cls) in FAMILY_MODULES.items()}


def fit(
    df_or_table: Any,
    target: str,
    task: str = "auto",
    metric: str = "auto",
    budget_s: float = 60.0,
    *,
    clock: Clock | None = None,
    **options: Any,
) -> AutopilotResult:
    """The best ensemble for `target` that `budget_s` seconds find, and what is handed over with it.

    `df_or_table` is a pandas, polars or Arrow table, a table of gureum, or a path to a CSV or parquet file; `task` is auto,
    binary, multiclass or regression; `metric` auto or a name (roc_auc, log_loss, rmse, ...). Options: see Options.

    Returns within the budget (+10 %), whatever the data; Ctrl-C ends the search early with what there is. Raises
    InvalidInput or NotFound, naming the column, for data that nothing can be learned from.
    """
    chosen = read_options(options)
    if not budget_s >= BUDGET_S_MIN:
        raise InvalidInput(f"budget_s={budget_s} is less than {BUDGET_S_MIN:.0f} second", code="autopilot.budget")
    budget = Budget(float(budget_s), clock or SystemClock())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about candidates that are judged anyway
        return _Fit(df_or_table, target, task, metric, budget, chosen).run()


class _Fit:
    """One call of `fit`: the steps share what they found."""

    def __init__(self, table: Any, target: str, task: str, metric: str, budget: Budget, options: Options) -> None:
        self.budget = budget
        self.options = options
        self.recorder = Recorder.start(options.experiment, str(target), budget.clock)
        threading.Thread(target=_warm_up, args=(options.families,), daemon=True).start()
        self.frame = read_table(table)
        self.target = find_column(self.frame, target, "target")
        self.task: Task = read_target(self.frame[self.target], task, options.positive)
        self.metric: Metric = find_metric(metric, self.task.name)
        self.findings: list[Finding] = list(self.task.findings)
        self.model = Model(self._spec(), LEARNERS)

    def run(self) -> AutopilotResult:
        self._tell(
            "data", rows=len(self.frame), columns=self.frame.shape[1], task=self.task.name, metric=self.metric.name
        )
        self._choose_columns()
        self._limit_rows()
        table, y = self.model.labelled(self.frame)
        self._find_leaks(table, y)
        folder = self._folder()
        keep_table(table, self.model.spec, folder / "data.parquet")
        begin = self.budget.spent_s()
        self._tell("explore", findings=[asdict(finding) for finding in self.findings])
        exploration = exploration_notebook(self.model.spec, self.findings, folder, self._share(EXPLORE_SHARE))
        # What comes after the search is much like this step, on this machine as busy as it is.
        self.handover_s = max(HANDOVER_SHARE * self.budget.seconds, HANDOVER_S_MIN, self.budget.spent_s() - begin)
        self._tell("prepare")
        features = Features(self.model.spec["kinds"])
        self.model.features = features
        x = features.fit_transform(table)
        problem, end_s, hurry = self._plan(x, table, y)
        self._tell("search", folds=problem.folds, hurry=hurry)
        search = Search(
            problem, families=self.options.families, budget=self.budget, end_s=end_s, hurry=hurry,
            logarithm=self._logarithm(y), limit=self.options.candidates, told=self._told,
        )  # fmt: skip
        try:
            search.run()
        except KeyboardInterrupt:
            self._tell("stopped")
        self._tell("ensemble")
        score = self._assemble(search)
        spec = self.model.spec
        shown = f"{self.metric.shown(score):.5g}"
        code = write_program(spec, score=shown)
        leaderboard = _leaderboard(search, self.metric, spec)
        candidates = candidate_notebook(spec, search, self.metric)
        card = write_card(
            spec, self.metric, score, leaderboard, self.findings, rows=len(y), spent_s=self.budget.spent_s()
        )
        result = AutopilotResult(
            model=self.model, leaderboard=leaderboard, score=self.metric.shown(score), metric=self.metric.name,
            task=self.task.name, target=self.target, findings=self.findings, code=code, card=card,
            notebooks={"exploration": exploration, "candidates": candidates}, folder=folder,
            example=self.frame[list(spec["kinds"])].head(5),
        )  # fmt: skip
        if self.options.path is None:
            self.abandon.detach()
            weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
        result.write(folder)
        self.recorder.finish(result, search)
        result.run_id = self.recorder.run_id
        self._tell("done", score=result.score, spent_s=self.budget.spent_s())
        result.spent_s = self.budget.spent_s()
        return result

    def _spec(self) -> dict[str, Any]:
        options = self.options
        group = (
            find_column(self.frame, options.group_column, "group_column") if options.group_column is not None else None
        )
        time = find_column(self.frame, options.time_column, "time_column") if options.time_column is not None else None
        if self.target in {group, time}:
            raise InvalidInput(
                f"'{self.target}' cannot be the target and order or group the rows", code="autopilot.option"
            )
        classes = self.task.classes
        spec = {
            "target": self.target, "task": self.task.name, "metric": self.metric.name, "classes": classes, "kinds": {},
            "rows": None, "seed": int(options.seed), "n_jobs": options.threads, "class_weights": None,
            "class_scale": [1.0] * len(classes), "members": [],
            "folds": {"folds": 1, "share": options.holdout or HOLDOUT_SHARE, "group": group, "time": time},
        }  # fmt: skip
        if options.class_weights is not None and classes:
            spec["class_weights"] = _class_weights(options.class_weights, self.frame[self.target], classes)
        return spec

    def _choose_columns(self) -> None:
        options, spec = self.options, self.model.spec
        ignored = [find_column(self.frame, name, "ignore") for name in options.ignore]
        kept = [find_column(self.frame, name, "keep") for name in options.keep]
        left_out = {self.target, *ignored, *filter(None, [spec["folds"]["group"]])}
        columns = self.frame.drop(columns=list(left_out))
        kinds, findings = find_kinds(columns)
        for name in kept:
            if name not in kinds and name in columns:
                kinds[name] = "number" if pd.api.types.is_numeric_dtype(columns[name].dtype) else "category"
        self.findings += [finding for finding in findings if finding.column not in kept]
        if spec["folds"]["group"]:
            self.findings.append(
                Finding(
                    "group",
                    spec["folds"]["group"],
                    f"'{spec['folds']['group']}' keeps rows together and is not learned from",
                    left_out=True,
                )
            )
        if not kinds:
            raise InvalidInput(
                f"no column is left to predict '{self.target}' from", code="autopilot.columns",
                hint="; ".join(finding.reason for finding in findings[:3]) or "the table has no other column",
            )  # fmt: skip
        spec["kinds"] = kinds

    def _limit_rows(self) -> None:
        """Time the reading on some rows; when all of them would take too long, learn from a sample."""
        rows = len(self.frame)
        if rows <= 2 * ROWS_TIMED:
            return

        def seconds(count: int) -> float:
            some = self.frame.iloc[np.linspace(0, rows - 1, count).astype(int)].reset_index(drop=True)
            begin = self.budget.spent_s()
            Features(self.model.spec["kinds"]).fit_transform(some)
            return self.budget.spent_s() - begin

        # The difference of two: what each column costs whatever its length does not grow with the rows.
        few_s = seconds(ROWS_TIMED // 5)
        row_s = max(seconds(ROWS_TIMED) - few_s, 0.0) / (ROWS_TIMED - ROWS_TIMED // 5)
        affordable = int(FEATURES_SHARE * self.budget.seconds / max(row_s, 1e-9))
        if affordable < rows:
            self.model.spec["rows"] = max(ROWS_LEARNED_MIN, affordable)
            self.findings.append(
                Finding(
                    "sample",
                    None,
                    f"learned from {self.model.spec['rows']:,} of {rows:,} rows: reading all would take {row_s * rows:.0f} s of the budget",
                )
            )

    def _find_leaks(self, table: pd.DataFrame, y: np.ndarray) -> None:
        spec = self.model.spec
        for finding in find_leaks(table, spec["kinds"], y, len(spec["classes"]), self._share(LEAKS_SHARE)):
            if finding.left_out and finding.column in {str(name) for name in self.options.keep}:
                continue
            self.findings.append(finding)
            if finding.left_out and len(spec["kinds"]) > 1:
                spec["kinds"].pop(finding.column, None)

    def _share(self, share: float) -> Callable[[], bool]:
        """Is this share of the budget over, from now on?"""
        return self.budget.over_at(self.budget.spent_s() + share * self.budget.seconds)

    def _folder(self) -> Path:
        path = self.options.path
        if path is None:
            path = Path(tempfile.mkdtemp(prefix="gureum-autopilot-"))
            # The result goes on with it once there is one; until then, an error must not leave it behind.
            self.abandon = weakref.finalize(self, shutil.rmtree, path, ignore_errors=True)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _plan(self, x: Any, table: pd.DataFrame, y: np.ndarray) -> tuple[Problem, float, float]:
        """How many folds the budget allows, when the search must end, and how much learning has to hurry."""
        spec, options = self.model.spec, self.options
        plan = spec["folds"]
        common = {
            "x": x, "y": y, "task": self.task.name, "classes": len(spec["classes"]), "metric": self.metric,
            "weight": row_weights(y, spec["class_weights"]), "seed": spec["seed"], "n_jobs": spec["n_jobs"],
        }  # fmt: skip
        round_s = probe_round_s(Problem(fold=np.zeros(len(y)), folds=1, **common), self.budget)
        if options.n_jobs is None and spec["n_jobs"] > 1:
            # Threads wait for each other after every feature: where others keep the cores busy, one is many times faster.
            alone_s = probe_round_s(Problem(fold=np.zeros(len(y)), folds=1, **(common | {"n_jobs": 1})), self.budget)
            if alone_s < THREADS_GAIN_MIN * round_s:
                spec["n_jobs"] = common["n_jobs"] = 1
                round_s = alone_s
        end_s = self.budget.seconds - self.handover_s - self.recorder.reserve_s
        left_s = end_s - self.budget.spent_s()
        single = plan["time"] is not None or options.holdout is not None
        if options.folds is not None and not single:
            plan["folds"] = options.folds
        elif not single:
            wanted = 8 if len(y) < 3_000 else 5
            for folds in (wanted, 5, 4, 3, 1):
                plan["folds"] = folds
                if folds * ROUNDS_FULL * round_s <= left_s / CANDIDATES_WANTED:
                    break
            if plan["group"]:
                plan["folds"] = min(plan["folds"], int(table[plan["group"]].nunique()))
                if plan["folds"] < 2:
                    raise InvalidInput(
                        f"'{plan['group']}' has a single group: no row could judge a model", code="autopilot.group"
                    )
            if spec["classes"]:
                counts = np.bincount(y.astype(int))
                plan["folds"] = max(1, min(plan["folds"], max(2, int(counts[counts > 1].min(initial=len(y))))))
        if plan["folds"] == 1 and options.holdout is None and not plan["time"]:
            plan["share"] = float(min(HOLDOUT_SHARE, HOLDOUT_ROWS_MAX / len(y)))
        fold = self.model.folds(table, y)
        if len(fold[fold >= 0]) < 2 or (fold == -1).all():
            raise InvalidInput("there are too few rows to judge a model on", code="autopilot.rows")
        searching_s = (end_s - self.budget.spent_s()) * (REFIT_SHARE if plan["folds"] == 1 else 1.0)
        rounds = searching_s / CANDIDATES_WANTED / plan["folds"] / max(round_s, 1e-6)
        hurry = float(np.clip(round(ROUNDS_WANTED / max(rounds, 1.0), 1), 1.0, HURRY_MAX))
        return Problem(fold=fold, folds=plan["folds"], **common), end_s, hurry

    def _logarithm(self, y: np.ndarray) -> str:
        if self.task.name != "regression" or y.min() < 0:
            return "never"
        if self.metric.name in {"rmsle", "mape"}:
            return "always"
        spread = y.std()
        skew = float((((y - y.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0
        return "also" if skew > 1.0 else "never"

    def _assemble(self, search: Search) -> float:
        """Choose the weights, train on all rows what was judged on a hold-out, and fill the model."""
        problem, spec = search.problem, self.model.spec
        y = problem.y[search.rows]
        good = search.good
        if not good:
            reasons = "; ".join(f"{one.candidate.name}: {one.error}" for one in search.judged[:3])
            raise Unavailable(
                f"no candidate could be trained in {self.budget.seconds:.0f} s",
                code="autopilot.budget",
                hint=reasons or "give it more time",
            )
        predictions = [one.held_out for one in good if one.held_out is not None]
        hard = self.budget.over_at(self.budget.seconds * 0.99)
        weights = choose_weights(y, predictions, self.metric, time_up=hard)
        # Models that are never chosen cost the honest score time and tell it nothing.
        order = np.argsort([-one.score for one in good], kind="stable")[:20]
        near = sorted({*order.tolist(), *np.flatnonzero(weights).tolist()})
        score = honest_score(y, [predictions[i] for i in near], self.metric, seed=spec["seed"], time_up=hard)
        mixed = sum(weight * values for weight, values in zip(weights, predictions, strict=True) if weight)
        scale = choose_scale(y, np.asarray(mixed), self.metric)
        spec["class_scale"] = [] if scale is None else [float(value) for value in scale]
        used = {one.candidate.name for one, weight in zip(good, weights, strict=True) if weight}
        for one in good:
            if one.candidate.name in used:
                used |= set(one.candidate.stacks)
        chosen = [(one, float(weight)) for one, weight in zip(good, weights, strict=True) if one.candidate.name in used]
        refitted = self._refit(problem, search, chosen) if problem.folds == 1 else {}
        spec["members"] = []
        self.model.members = []
        for one, weight in chosen:
            folds: list[int | None] = [None] if one.candidate.name in refitted else list(range(problem.folds))
            learners = [refitted[one.candidate.name]] if one.candidate.name in refitted else one.learners
            spec["members"].append({
                "name": one.candidate.name, "family": one.candidate.family, "weight": round(weight, 6), "seed": one.candidate.seed,
                "stacks": list(one.candidate.stacks),
                "fits": [{"fold": fold, "params": learner.exact()} for fold, learner in zip(folds, learners, strict=True)],
            })  # fmt: skip
            self.model.members.append(learners)
        return score

    def _refit(self, problem: Problem, search: Search, chosen: list[tuple[Judged, float]]) -> dict[str, Any]:
        """The heaviest members first, on all rows, as long as there is time; a member that gets none stays as it was judged."""
        out: dict[str, Any] = {}
        end_s = self.budget.seconds - self.handover_s - self.recorder.reserve_s
        grown = len(problem.y) / max(1, int((problem.fold != 0).sum()))
        for one, _ in sorted(chosen, key=lambda entry: -entry[1]):
            expected_s = one.seconds * grown * 1.1
            begin = self.budget.spent_s()
            if begin + expected_s > end_s:
                continue
            params = one.learners[0].exact()
            if "rounds" in params and one.candidate.family in {"lightgbm", "xgboost", "catboost"}:
                params["rounds"] = max(1, round(params["rounds"] * (1 + 0.5 * (grown - 1))))
            wanted = params.get("rounds", 0)

            def train(given_up: Callable[[], bool], one: Judged = one, params: Mapping[str, Any] = params) -> Any:
                over = self.budget.over_at(end_s)
                learner = problem.build(one.candidate.family, dict(params), one.candidate.seed)
                return learner.fit(
                    search.inputs(one.candidate), problem.y, weight=problem.weight, time_up=lambda: over() or given_up()
                )

            try:
                learner = self.budget.within(max(0.1, self.budget.left_s()), train)
            except Exception:
                learner = None
            if learner is not None and learner.rounds >= 0.85 * wanted:
                out[one.candidate.name] = learner
        return out

    def _told(self, judged: Judged, search: Search) -> None:
        one = judged.candidate
        self._tell(
            "candidate", name=one.name, family=one.family, params=one.params, seconds=round(judged.seconds, 3), error=judged.error,
            score=None if judged.error else self.metric.shown(judged.score), best=self.metric.shown(search.best),
            weights=search.named_weights,
        )  # fmt: skip
        self.recorder.candidate(judged, self.metric)

    def _tell(self, what: str, **values: Any) -> None:
        if self.options.on_event is not None:
            self.options.on_event({"event": what, "spent_s": round(self.budget.spent_s(), 3)} | values)


def _warm_up(families: tuple[str, ...]) -> None:
    """Import the extras beside the first steps: each takes a second."""
    for family in ("catboost", "xgboost"):
        if family in families:
            importlib.import_module(family)


def _class_weights(given: str | Mapping[Any, float], column: pd.Series, classes: list[Any]) -> list[float]:
    if isinstance(given, str):
        if given != "balanced":
            raise InvalidInput(
                f"class_weights='{given}' is not known",
                code="autopilot.option",
                hint="'balanced', or a dict of class to weight",
            )
        counts = column.astype(object).map(lambda value: str(value).strip()).value_counts()
        total = sum(counts.get(str(label), 0) for label in classes)
        return [round(float(total / len(classes) / max(1, counts.get(str(label), 0))), 6) for label in classes]
    weights = {str(label): float(weight) for label, weight in given.items()}
    for label in weights:
        if label not in set(map(str, classes)):
            raise InvalidInput(
                f"class_weights names '{label}', which is no class",
                code="autopilot.option",
                hint=f"they are {', '.join(map(str, classes[:10]))}",
            )
    return [weights.get(str(label), 1.0) for label in classes]


def _leaderboard(search: Search, metric: Metric, spec: dict[str, Any]) -> pd.DataFrame:
    weights = {member["name"]: member["weight"] for member in spec["members"]}
    rows = [
        {
            "candidate": one.candidate.name,
            "family": one.candidate.family,
            metric.name: metric.shown(one.score) if one.error is None else np.nan,
            "weight": weights.get(one.candidate.name, 0.0),
            "seconds": round(one.seconds, 3),
            "rounds": int(np.mean([learner.rounds for learner in one.learners])) if one.learners else 0,
            "params": one.candidate.params,
            "error": one.error,
        }
        for one in sorted(search.judged, key=lambda one: -one.score)
    ]
    return pd.DataFrame(rows)
