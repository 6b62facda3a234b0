"""A real training that was watched tells its findings by the SDK, the command line and the leaderboard of a running server."""

from __future__ import annotations

import json
import subprocess
import sys

import mlflow
import pytest

from gureum import debugger
from gureum.errors import InvalidInput, NotFound
from gureum.testing.platform import RunningPlatform

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.xdist_group("platform"),
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
]


def train() -> None:
    """A classifier whose gradients are never cleared."""
    torch.manual_seed(0)
    x = torch.randn(256, 10)
    y = (x[:, 0] + x[:, 1] > 0).long()
    model = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = torch.nn.CrossEntropyLoss()
    with debugger.watch(model, optimizer=optimizer, loss=loss_fn):
        for _ in range(3):
            for rows in torch.randperm(256).split(32):
                loss_fn(model(x[rows]), y[rows]).backward()
                optimizer.step()


def test_a_watched_run_tells_its_findings_by_sdk_command_line_and_leaderboard(platform: RunningPlatform):
    g = platform.user("watcher")
    experiment = g.experiment("watched_torch")
    with experiment.run(name="faulty", autolog=False) as faulty:
        train()
    with experiment.run(name="alone", autolog=False) as alone:
        pass

    found = g.run(faulty.info.run_id).findings()
    assert (found.watched, len(found), found[0]["rule"]) == (True, 1, "no_zero_grad")
    assert found[0]["step"] is not None
    assert "zero_grad()" in found[0]["change"]["after"]
    assert found.heat().shape[0] >= 2
    assert {"loss", "gradient_norm"} <= set(found.curves()["curve"])
    nothing = g.run(alone.info.run_id).findings()
    assert (nothing.watched, len(nothing), nothing.heat().empty) == (False, 0, True)

    page = g.request("GET", f"/experiments/{experiment.describe()['id']}/runs", params={"sort": "attributes.name"})
    assert dict(zip(page["runs"]["name"], page["runs"]["findings"], strict=True)) == {
        "faulty": {"count": 1, "worst": "error"}, "alone": None,
    }  # fmt: skip

    with experiment.run(name="forged", autolog=False) as forged:
        mlflow.log_text("[" * 5_000, "debugger/findings.json")
        mlflow.set_tag("gureum.debugger.findings", "<script>")
    with pytest.raises(InvalidInput, match="cannot be shown: it is not JSON"):
        g.run(forged.info.run_id).findings()
    assert g.run(forged.info.run_id).describe()["findings"] is None
    with pytest.raises(NotFound):
        platform.user("stranger").run(faulty.info.run_id).findings()

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "gureum", "run", "findings", *arguments, "--folder", str(platform.folder)],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    assert "[error] no_zero_grad: Gradients are never cleared" in command(faulty.info.run_id)
    assert "    + optimizer.zero_grad()" in command(faulty.info.run_id)
    assert json.loads(command(alone.info.run_id, "--json")) == {"watched": False, "found": None}
