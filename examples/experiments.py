"""Train a few models, each a run that captures by itself, and take the best.

gureum up
python examples/experiments.py
"""

import mlflow
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

import gureum

MAKE = """
CREATE TABLE IF NOT EXISTS visits AS
SELECT range AS customer, (range * 7919) % 30 AS days_away, (range * 104729) % 12 AS orders,
       CAST((range * 7919) % 30 - (range * 104729) % 12 + range % 5 > 12 AS INT) AS left_us
FROM range(2000)
"""


def main() -> None:
    g = gureum.connect()
    g.sql(MAKE)
    churn = g.experiment("churn")
    for c in (0.001, 0.1, 10.0):
        with churn.run(name=f"C = {c}", autolog={"log_models": False}):
            visits = g.sql("SELECT days_away, orders, left_us FROM visits").to_pandas()
            train, test = train_test_split(visits, random_state=0)
            model = LogisticRegression(C=c).fit(train[["days_away", "orders"]], train["left_us"])
            chances = model.predict_proba(test[["days_away", "orders"]])[:, 1]
            mlflow.log_metric("auc", roc_auc_score(test["left_us"], chances))
    best = churn.best("auc")
    print(f"best: {best.name}, auc {best.metrics['auc']:.3f}, read {best.tables}")


if __name__ == "__main__":
    main()
