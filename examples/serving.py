"""A model from training to an endpoint, asked, told what was right, and replaced by a better one with a way back.

gureum up
python examples/serving.py
"""

import time
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

import gureum
from gureum.errors import NotFound


def train(slope: float) -> tuple[LinearRegression, pd.DataFrame]:
    readings = pd.DataFrame({"temp": np.linspace(20, 100, 50), "load": np.tile([0.2, 0.8], 25)})
    return LinearRegression().fit(readings, readings["temp"] * slope + readings["load"]), readings


def is_kept(g: Any, rows: int) -> bool:
    try:
        return len(g.endpoint("wear").requests()) >= rows
    except NotFound:  # the table comes with its first rows
        return False


def main() -> None:
    g = gureum.connect()
    wear = g.endpoint("wear")

    model, readings = train(0.1)
    wear.deploy(model, input_example=readings.head(3), deployment="first")
    predicted = wear.predict({"temp": 80.0, "load": 0.5}, request_id="m1-monday")
    print(f"the first model says {predicted[0]:.2f}")
    wear.label({"m1-monday": 9.1})  # days later, when somebody has measured it

    better, _ = train(0.11)
    shown = wear.deploy(better, input_example=readings.head(3), deployment="second", weight=20)
    print(", ".join(f"{one['deployment']} {one['weight']} %" for one in shown["deployments"]))
    wear.predict(readings)
    shown = wear.rollback()
    print(", ".join(f"{one['deployment']} {one['weight']} %" for one in shown["deployments"]))

    while not is_kept(g, 1 + len(readings)):  # the table is some seconds behind
        time.sleep(0.5)
    (row,) = [row for row in wear.requests() if row["id"] == "m1-monday"]
    print(f"kept: {row['request']} -> {row['prediction']:.2f}, measured {row['label']}")


if __name__ == "__main__":
    main()
