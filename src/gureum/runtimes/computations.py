"""A program that computes something small and known with one big library, in the runtime's own interpreter.

Started by `verify.py`, by its path, with a computation's name: it knows nothing of gureum, and each library is imported only in
the computation that is about it. Each compares with a result from elsewhere (numpy's, a closed form, another library's) and
prints one JSON object: what it found, or the error. Nothing is downloaded.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["COMPUTATIONS"]

SEED = 7


def _rows(n: int = 400, k: int = 4) -> tuple[Any, Any, Any]:
    """X, a number that depends on it with little noise, and its sign as a class."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(n, k))
    y = x @ np.arange(1, k + 1) + 0.5 + rng.normal(scale=0.1, size=n)
    return x, y, (y > 0).astype("int64")


def _close(found: Any, wanted: Any, tolerance: float, what: str) -> None:
    import numpy as np

    gap = float(np.max(np.abs(np.asarray(found, dtype=float) - np.asarray(wanted, dtype=float))))
    if not gap <= tolerance:
        raise AssertionError(f"{what}: {gap:g} off, at most {tolerance:g} was expected")


def _at_least(found: float, wanted: float, what: str) -> str:
    if not found >= wanted:
        raise AssertionError(f"{what} is {found:.3f}, at least {wanted} was expected")
    return f"{what} {found:.3f}"


def torch_step() -> str:
    import torch

    torch.manual_seed(SEED)
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    w = torch.tensor([[0.5], [-0.5]], requires_grad=True)
    loss = (x @ w).pow(2).mean()
    loss.backward()
    _close(w.grad, x.T.numpy() @ (x @ w).detach().numpy(), 1e-5, "gradient")  # d mean(r^2) = 2/2 X'r
    torch.optim.SGD([w], lr=0.05).step()
    after = float((x @ w).pow(2).mean())
    if not after < float(loss):
        raise AssertionError(f"a step raised the loss from {float(loss)} to {after}")
    return f"loss {float(loss):.4f} to {after:.4f}"


def torchvision_transform() -> str:
    import torch
    from torchvision.transforms import v2

    image = torch.arange(3 * 8 * 8, dtype=torch.uint8).reshape(3, 8, 8)
    out = v2.Compose([v2.CenterCrop(4), v2.ToDtype(torch.float32, scale=True)])(image)
    _close(out, image[:, 2:6, 2:6].numpy() / 255, 1e-6, "crop")
    return f"{tuple(image.shape)} to {tuple(out.shape)}"


def tensorflow_gradient() -> str:
    import tensorflow as tf

    x = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(x**3)
    _close(tape.gradient(y, x).numpy(), [3.0, 12.0, 27.0], 1e-4, "gradient")
    return f"TensorFlow {tf.__version__}"


def keras_fit() -> str:
    import keras

    keras.utils.set_random_seed(SEED)
    x, y, _ = _rows()
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse")
    losses = model.fit(x, y, epochs=12, batch_size=32, verbose=0).history["loss"]
    if not losses[-1] < losses[0] / 20:
        raise AssertionError(f"loss went from {losses[0]} to {losses[-1]}")
    return f"backend {keras.backend.backend()}, loss {losses[0]:.2f} to {losses[-1]:.3f}"


def jax_grad() -> str:
    import jax
    import jax.numpy as jnp

    grad = jax.jit(jax.grad(lambda v: jnp.sum(jnp.sin(v) ** 2)))(jnp.array([0.1, 0.7]))
    import numpy as np

    _close(grad, np.sin(2 * np.array([0.1, 0.7])), 1e-5, "gradient")
    return f"on {jax.default_backend()}"


def optax_flax_step() -> str:
    import jax
    import jax.numpy as jnp
    import optax
    from flax import linen

    model = linen.Dense(1)
    x, y = jnp.ones((8, 3)), jnp.full((8, 1), 2.0)
    params = model.init(jax.random.key(SEED), x)
    chosen = optax.sgd(0.05)
    state = chosen.init(params)

    def loss(p: Any) -> Any:
        return jnp.mean((model.apply(p, x) - y) ** 2)

    before = float(loss(params))
    for _ in range(30):
        updates, state = chosen.update(jax.grad(loss)(params), state)
        params = optax.apply_updates(params, updates)
    if not float(loss(params)) < before / 100:
        raise AssertionError(f"loss went from {before} to {float(loss(params))}")
    return f"loss {before:.3f} to {float(loss(params)):.5f}"


def transformer_forward() -> str:
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(SEED)
    config = BertConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=16,
    )  # fmt: skip
    model = BertModel(config).eval()
    ids = torch.tensor([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]])
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    with torch.no_grad():
        out = model(input_ids=ids, attention_mask=mask).last_hidden_state
        alone = model(input_ids=ids[:1, :3], attention_mask=mask[:1, :3]).last_hidden_state
    _close(out[0, :3], alone[0], 1e-4, "a padded sequence and the same alone")
    return f"output {tuple(out.shape)}, {sum(p.numel() for p in model.parameters())} random parameters"


def tokenizers_encode() -> str:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    text = "the cloud gathers the rain"
    tokenizer.train_from_iterator([text] * 5, trainers.BpeTrainer(special_tokens=["?"], show_progress=False))
    tokens = tokenizer.encode(text).tokens
    if "".join(tokens) != text.replace(" ", ""):
        raise AssertionError(f"tokens {tokens}")
    return f"{len(tokens)} tokens"


def lightning_fit() -> str:
    import lightning
    import torch

    lightning.seed_everything(SEED, verbose=False)
    x, y, _ = _rows()
    rows = torch.utils.data.TensorDataset(torch.tensor(x).float(), torch.tensor(y).float()[:, None])

    class Line(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)
            self.losses: list[float] = []

        def training_step(self, batch: Any, _at: int) -> Any:
            loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
            self.losses.append(float(loss))
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.1)

    model = Line()
    lightning.Trainer(
        max_epochs=8, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(model, torch.utils.data.DataLoader(rows, batch_size=32))  # fmt: skip
    if not model.losses[-1] < model.losses[0] / 20:
        raise AssertionError(f"loss went from {model.losses[0]} to {model.losses[-1]}")
    return f"loss {model.losses[0]:.2f} to {model.losses[-1]:.3f}"


def lightgbm_fit() -> str:
    from lightgbm import LGBMRegressor

    x, y, _ = _rows()
    return _at_least(LGBMRegressor(n_estimators=60, n_jobs=2, verbose=-1).fit(x, y).score(x, y), 0.9, "R2")


def xgboost_fit() -> str:
    from xgboost import XGBRegressor

    x, y, _ = _rows()
    return _at_least(XGBRegressor(n_estimators=60, n_jobs=2).fit(x, y).score(x, y), 0.9, "R2")


def catboost_fit() -> str:
    from catboost import CatBoostRegressor

    x, y, _ = _rows()
    model = CatBoostRegressor(iterations=120, thread_count=2, verbose=False, allow_writing_files=False)
    return _at_least(model.fit(x, y).score(x, y), 0.9, "R2")


def sklearn_pipeline() -> str:
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    x, _, label = _rows()
    frame = pd.DataFrame(x, columns=list("abcd")).assign(kind=["p", "q"] * (len(x) // 2))
    columns = make_column_transformer((StandardScaler(), list("abcd")), (OneHotEncoder(), ["kind"]))
    scores = cross_val_score(make_pipeline(columns, LogisticRegression()), frame, label, cv=5)
    return _at_least(float(scores.mean()), 0.95, "accuracy")


def statsmodels_ols() -> str:
    import numpy as np
    import statsmodels.api as sm

    x, y, _ = _rows()
    design = sm.add_constant(x)
    fit = sm.OLS(y, design).fit()
    _close(fit.params, np.linalg.lstsq(design, y, rcond=None)[0], 1e-9, "coefficients beside numpy's lstsq")
    return f"R2 {fit.rsquared:.4f}"


def scipy_minimise() -> str:
    from scipy import optimize, stats

    found = optimize.minimize(optimize.rosen, [-1.2, 1.0], method="BFGS")
    _close(found.x, [1.0, 1.0], 1e-3, "Rosenbrock's minimum")
    _close(stats.norm.ppf(0.975), 1.959963984540054, 1e-12, "a quantile")
    return f"{found.nit} steps"


def prophet_forecast() -> str:
    import pandas as pd
    from prophet import Prophet

    days = pd.date_range("2026-01-01", periods=120, freq="D")
    frame = pd.DataFrame({"ds": days, "y": range(120)})
    model = Prophet(yearly_seasonality=False, weekly_seasonality=False, daily_seasonality=False)
    ahead = model.fit(frame).predict(model.make_future_dataframe(10))["yhat"]
    _close(ahead.iloc[-1], 129, 3, "a line, ten days on")
    return f"day 130: {ahead.iloc[-1]:.1f}"


def sktime_forecast() -> str:
    import pandas as pd
    from sktime.forecasting.naive import NaiveForecaster

    y = pd.Series([1.0, 2.0, 3.0] * 8, index=pd.period_range("2026-01", periods=24, freq="M"))
    ahead = NaiveForecaster(strategy="last", sp=3).fit(y, fh=[1, 2, 3]).predict()
    _close(ahead.to_numpy(), [1, 2, 3], 0, "the last season again")
    return "one season"


def spacy_blank() -> str:
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    sentences = [s.text for s in nlp("Clouds gather. Rain falls.").sents]
    if sentences != ["Clouds gather.", "Rain falls."]:
        raise AssertionError(f"sentences {sentences}")
    return f"{len(sentences)} sentences"


def gensim_vectors() -> str:
    from gensim.models import Word2Vec

    said = [["rain", "cloud"], ["sun", "sky"]] * 50
    model = Word2Vec(said, vector_size=8, min_count=1, seed=SEED, workers=1)
    if sorted(model.wv.index_to_key) != ["cloud", "rain", "sky", "sun"]:
        raise AssertionError(f"words {model.wv.index_to_key}")
    return f"vectors of {model.wv.vector_size}"


def matplotlib_file(folder: Path) -> str:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    plt.plot([1, 3, 2])
    plt.savefig(folder / "plot.png")
    plt.savefig(folder / "plot.svg")
    return _size(folder / "plot.png", b"\x89PNG") + " and SVG"


def seaborn_file(folder: Path) -> str:
    import matplotlib as mpl

    mpl.use("agg")
    import pandas as pd
    import seaborn as sns

    grid = sns.relplot(pd.DataFrame({"x": [1, 2, 3, 4], "y": [2, 1, 4, 3], "of": list("aabb")}), x="x", y="y", hue="of")
    grid.savefig(folder / "plot.png")
    return _size(folder / "plot.png", b"\x89PNG")


def plotly_file(folder: Path) -> str:
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]))
    figure.write_html(folder / "plot.html", include_plotlyjs=True)
    if json.loads(figure.to_json())["data"][0]["type"] != "scatter":
        raise AssertionError("its JSON has no scatter")
    return _size(folder / "plot.html", b"<html>")


def bokeh_file(folder: Path) -> str:
    from bokeh.embed import file_html
    from bokeh.plotting import figure
    from bokeh.resources import INLINE

    plot = figure(width=200, height=200)
    plot.line([1, 2], [3, 4])
    (folder / "plot.html").write_text(file_html(plot, INLINE, "plot"), "utf-8")
    return _size(folder / "plot.html", b"<!DOCTYPE")


def altair_json() -> str:
    import altair as alt
    import pandas as pd

    chart = alt.Chart(pd.DataFrame({"x": [1, 2], "y": [3, 4]})).mark_line().encode(x="x:Q", y="y:Q")
    return f"mark {chart.to_dict()['mark']['type']}"


def opencv_filter() -> str:
    import cv2
    import numpy as np

    image = np.random.default_rng(SEED).integers(0, 255, (16, 16), dtype=np.uint8)
    _close(cv2.blur(image.astype("float32"), (3, 3))[5, 5], image[4:7, 4:7].mean(), 1e-3, "a blur")
    ok, png = cv2.imencode(".png", image)
    _close(cv2.imdecode(png, cv2.IMREAD_GRAYSCALE), image, 0, "PNG and back")
    return f"OpenCV {cv2.__version__}, {ok}"


def skimage_label() -> str:
    import numpy as np
    from skimage import measure

    image = np.zeros((9, 9), dtype=int)
    image[1:3, 1:3] = image[6:8, 6:8] = 1
    _close(measure.label(image).max(), 2, 0, "spots")
    return "2 spots"


def numba_compile() -> str:
    import numba

    @numba.njit
    def total(n: int) -> int:
        out = 0
        for i in range(n):
            out += i * i
        return out

    _close(total(1000), 332_833_500, 0, "a sum of squares")
    return f"Numba {numba.__version__}"


def dask_group() -> str:
    import dask.dataframe as dd
    import pandas as pd

    frame = pd.DataFrame({"k": ["a", "b"] * 50, "v": range(100)})
    found = dd.from_pandas(frame, npartitions=3).groupby("k").v.sum().compute(scheduler="threads").sort_index()
    _close(found, frame.groupby("k").v.sum(), 0, "sums beside pandas'")
    return "3 partitions"


def tables_agree(folder: Path) -> str:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = pd.DataFrame({"k": ["a", "b", "a"], "v": [1.5, 2.5, 3.5]})
    path = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pandas(frame), path)
    wanted = frame.groupby("k").v.sum()
    _close(pl.read_parquet(path).group_by("k").agg(pl.col("v").sum()).sort("k")["v"], wanted, 0, "polars")
    _close(
        [row[0] for row in duckdb.sql(f"SELECT sum(v) FROM '{path}' GROUP BY k ORDER BY k").fetchall()],
        wanted,
        0,
        "duckdb",
    )
    _close(pq.read_table(path).group_by("k").aggregate([("v", "sum")]).sort_by("k")["v_sum"], wanted, 0, "pyarrow")
    return "pandas, polars, duckdb, pyarrow agree"


def delta_table(folder: Path) -> str:
    import pyarrow as pa
    from deltalake import DeltaTable, write_deltalake

    for number in (1, 2):
        write_deltalake(str(folder / "t"), pa.table({"n": [number]}), mode="append")
    table = DeltaTable(str(folder / "t"))
    _close(sorted(table.to_pandas()["n"]), [1, 2], 0, "rows")
    return f"version {table.version()}"


def onnx_agree() -> str:
    import numpy as np
    import onnxruntime
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier

    x, _, label = _rows()
    x = x.astype("float32")
    model = RandomForestClassifier(20, random_state=SEED).fit(x, label)
    made = to_onnx(model, x[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    predicted, chances = session.run(None, {session.get_inputs()[0].name: x})
    _close(predicted, model.predict(x), 0, "classes beside scikit-learn's")
    _close(chances, model.predict_proba(x), 1e-5, "probabilities beside scikit-learn's")
    return f"{len(np.unique(predicted))} classes, {len(made.graph.node)} nodes"


def mlflow_log(folder: Path) -> str:
    import mlflow
    from sklearn.linear_model import LinearRegression

    mlflow.set_tracking_uri(f"sqlite:///{folder / 'runs.db'}")
    mlflow.create_experiment("e", artifact_location=str(folder / "artifacts"))
    mlflow.set_experiment("e")
    x, y, _ = _rows()
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.25)
        model = mlflow.sklearn.log_model(LinearRegression().fit(x, y), name="model", pip_requirements=["scikit-learn"])
    if mlflow.get_run(run.info.run_id).data.metrics != {"loss": 0.25}:
        raise AssertionError("the metric did not come back")
    _close(
        mlflow.pyfunc.load_model(model.model_uri).predict(x[:5]),
        LinearRegression().fit(x, y).predict(x[:5]),
        1e-9,
        "model",
    )
    return "a metric and a model came back"


def optuna_search() -> str:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED))
    study.optimize(lambda trial: (trial.suggest_float("x", -5, 5) - 1) ** 2, n_trials=40)
    _close(study.best_params["x"], 1, 0.5, "the best x")
    return f"x {study.best_params['x']:.2f}"


def shap_sums() -> str:
    import shap
    from lightgbm import LGBMRegressor

    x, y, _ = _rows()
    model = LGBMRegressor(n_estimators=20, n_jobs=2, verbose=-1).fit(x, y)
    told = shap.TreeExplainer(model)(x[:20])
    _close(told.values.sum(axis=1) + told.base_values, model.predict(x[:20]), 1e-6, "contributions and prediction")
    return "contributions add up"


def umap_hdbscan() -> str:
    import numpy as np
    from sklearn.cluster import HDBSCAN
    from sklearn.metrics import adjusted_rand_score
    from umap import UMAP

    rng = np.random.default_rng(SEED)
    x = np.vstack([rng.normal(at, 0.3, (60, 6)) for at in (0, 6)])
    flat = UMAP(n_neighbors=10, random_state=SEED, n_jobs=1).fit_transform(x)
    of = HDBSCAN(min_cluster_size=10, copy=True).fit_predict(flat)
    return _at_least(adjusted_rand_score([0] * 60 + [1] * 60, of), 0.95, "agreement")


def networkx_path() -> str:
    import networkx as nx

    graph = nx.path_graph(10)
    _close(nx.shortest_path_length(graph, 0, 9), 9, 0, "a path's length")
    return "9 steps"


def geopandas_area() -> str:
    import geopandas as gpd
    from shapely.geometry import box

    frame = gpd.GeoDataFrame(geometry=[box(127.0, 37.0, 127.1, 37.1)], crs="EPSG:4326").to_crs("EPSG:5179")
    _close(frame.area.iloc[0] / 1e6, 98.7, 1.5, "square kilometres")
    return f"{frame.area.iloc[0] / 1e6:.1f} km2"


def kernel_cell() -> str:
    import nbformat
    from nbclient import NotebookClient

    # The spec that ipykernel brings says `python`, which the client takes for its own interpreter.
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import sys; print(6 * 7, sys.prefix)")])
    NotebookClient(book, kernel_name="python3", timeout=120).execute()
    if book.cells[0].outputs[0]["text"].split() != ["42", sys.prefix]:
        raise AssertionError(f"the cell gave {book.cells[0].outputs}")
    return "a cell gave 42"


def gureum_client() -> str:
    gureum = importlib.import_module("gureum")  # that of the runtime which runs this file
    client = gureum.connect("http://127.0.0.1:9", token="t")
    client.table("t")
    client.close()
    importlib.import_module("gureum.processes.run")  # what a task's process begins with

    return f"gureum {gureum.__version__}"


def _size(path: Path, begins: bytes) -> str:
    content = path.read_bytes()
    if not content.startswith(begins):
        raise AssertionError(f"{path.name} begins with {content[:12]!r}")
    return f"{len(content)} bytes"


# The packages that each needs: a runtime that lacks one of them is not asked for it.
COMPUTATIONS: dict[str, tuple[tuple[str, ...], Callable[..., str]]] = {
    "a torch step": (("torch",), torch_step),
    "a torchvision transform": (("torchvision",), torchvision_transform),
    "a Lightning fit": (("lightning",), lightning_fit),
    "a TensorFlow gradient": (("tensorflow-cpu",), tensorflow_gradient),
    "a Keras fit": (("keras", "tensorflow-cpu"), keras_fit),
    "a JAX gradient": (("jax",), jax_grad),
    "a Flax and Optax fit": (("flax", "optax"), optax_flax_step),
    "a random transformer": (("transformers", "torch"), transformer_forward),
    "a tokenizer": (("tokenizers",), tokenizers_encode),
    "a LightGBM fit": (("lightgbm",), lightgbm_fit),
    "an XGBoost fit": (("xgboost-cpu",), xgboost_fit),
    "a CatBoost fit": (("catboost",), catboost_fit),
    "a scikit-learn pipeline": (("scikit-learn", "pandas"), sklearn_pipeline),
    "statsmodels beside numpy": (("statsmodels",), statsmodels_ols),
    "a SciPy minimum": (("scipy",), scipy_minimise),
    "a Prophet forecast": (("prophet",), prophet_forecast),
    "an sktime forecast": (("sktime",), sktime_forecast),
    "a blank spaCy pipeline": (("spacy",), spacy_blank),
    "gensim vectors": (("gensim",), gensim_vectors),
    "a Matplotlib file": (("matplotlib",), matplotlib_file),
    "a seaborn file": (("seaborn",), seaborn_file),
    "a Plotly file": (("plotly",), plotly_file),
    "a Bokeh file": (("bokeh",), bokeh_file),
    "an Altair chart": (("altair",), altair_json),
    "an OpenCV filter": (("opencv-python-headless",), opencv_filter),
    "scikit-image labels": (("scikit-image",), skimage_label),
    "a Numba function": (("numba",), numba_compile),
    "a Dask group-by": (("dask",), dask_group),
    "pandas, Polars, DuckDB and Arrow": (("pandas", "polars", "duckdb", "pyarrow"), tables_agree),
    "a Delta table": (("deltalake",), delta_table),
    "ONNX beside scikit-learn": (("onnx", "onnxruntime", "skl2onnx"), onnx_agree),
    "an MLflow run": (("mlflow", "scikit-learn"), mlflow_log),
    "an Optuna search": (("optuna",), optuna_search),
    "SHAP contributions": (("shap", "lightgbm"), shap_sums),
    "UMAP and HDBSCAN": (("umap-learn", "scikit-learn"), umap_hdbscan),
    "a NetworkX path": (("networkx",), networkx_path),
    "a GeoPandas area": (("geopandas",), geopandas_area),
    "a cell in a kernel": (("ipykernel", "nbclient"), kernel_cell),
    "gureum's own client": (("httpx", "mlflow"), gureum_client),
}


def main() -> None:
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    _, function = COMPUTATIONS[sys.argv[1]]
    takes_folder = function.__code__.co_argcount > 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcome = {"found": function(Path(folder)) if takes_folder else function()}
        except BaseException as error:
            traceback.print_exc()
            outcome = {"error": f"{type(error).__name__}: {error}"[:500]}
    told.write(json.dumps(outcome) + "\n")
    told.flush()
    os._exit(0)  # what libraries do at exit is not what is asked about


if __name__ == "__main__":
    main()
