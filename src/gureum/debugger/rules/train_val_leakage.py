"""train_val_leakage: rows of the validation set are in the training set too."""

from __future__ import annotations

from gureum.debugger.finding import Change, Evidence, Rule
from gureum.debugger.recording import Recording

SHARE_MIN = 0.05
ROWS_MIN = 10
# Who evaluates on all training rows measures the training's accuracy, on purpose.
WHOLE_TRAINING = 0.9


def check(recording: Recording) -> Evidence | None:
    table = recording.table
    train, valid = set(table.keys), table.keys_valid
    if len(valid) < ROWS_MIN or len(train) < ROWS_MIN:
        return None
    distinct = set(valid)
    # Discrete rows repeat by nature: what share of training rows are copies of others is the chance level.
    repeats = 1.0 - len(train) / len(table.keys) if table.keys else 0.0
    shared = distinct & train
    share = len(shared) / len(distinct)
    if share < SHARE_MIN + 2 * repeats or len(shared) < 3:
        return None
    if not recording.facts.get("validation_given") and len(shared) >= WHOLE_TRAINING * len(train):
        return None
    return Evidence({"shared_rows": len(shared), "validation_rows": len(distinct), "share": share})


RULE = Rule(
    name="train_val_leakage",
    severity="error",
    title={"en": "Validation rows were trained on", "ko": "검증 데이터가 학습에 쓰였습니다"},
    remedy={
        "en": "Split before anything else (train_test_split, GroupKFold for repeated entities) and remove duplicates first.",
        "ko": "무엇보다 먼저 나누고(train_test_split, 반복 개체는 GroupKFold) 중복을 제거하세요.",
    },
    change=Change(
        before="model.fit(x, y)\nmodel.score(x_val, y_val)",
        after="x_train, x_val, y_train, y_val = train_test_split(x, y)\nmodel.fit(x_train, y_train)\nmodel.score(x_val, y_val)",
    ),
    source="Kapoor and Narayanan, Leakage and the Reproducibility Crisis in ML-based Science, Patterns 2023",
    thresholds={"share_min": SHARE_MIN, "rows_min": ROWS_MIN, "whole_training": WHOLE_TRAINING},
    check=check,
    explains=("overfit", "overtraining"),
)
