"""An ensemble for late orders in ten seconds, and the program that trains it again. See docs/how-to/autopilot.md."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from gureum import autopilot

rng = np.random.default_rng(1)
rows = 2_000
orders = pd.DataFrame(
    {
        "order_id": [f"A-{number:05d}" for number in range(rows)],
        "ordered": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 200 * 24, rows), unit="h"),
        "weight_kg": rng.exponential(3, rows).round(1),
        "city": rng.choice(["Seoul", "Busan", "Daegu", None], rows),
        "note": rng.choice(["please ring twice", "leave it at the door", ""], rows),
    }
)
slow = 0.4 * orders["weight_kg"] + 1.5 * (orders["city"] == "Busan") + (orders["ordered"].dt.dayofweek >= 5)
orders["late"] = slow + rng.normal(size=rows) > 2.5
past, new = orders[:1_600], orders[1_600:].drop(columns="late")

best = autopilot.fit(past, target="late", budget_s=10)
print(best)
print(best.leaderboard[["candidate", "family", "roc_auc", "weight"]].head(5).to_string(index=False))
print(*[finding.reason for finding in best.findings], sep="\n")

folder = best.save(sys.argv[1] if len(sys.argv) > 1 else "late-orders")
program = importlib.util.spec_from_file_location("model", Path(folder) / "model.py")
model = importlib.util.module_from_spec(program)
program.loader.exec_module(model)
again = model.train(model.read(folder / "data.parquet"))
difference = abs(again.predict_proba(new) - best.model.predict_proba(new)).max()
print(f"model.py predicts the same: largest difference {difference:.1e}")
