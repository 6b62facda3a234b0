"""Plain PyTorch loops under `debugger.watch`: faults named, habits not flagged, nothing changed."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from gureum import debugger  # noqa: E402
from gureum.tracking.findings import parse_findings  # noqa: E402

pytestmark = [pytest.mark.conformance, pytest.mark.xdist_group("torch")]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(3)
    torch.set_num_threads(1)


def data(n=320, features=10):
    x = torch.randn(n, features)
    return x, (x[:, 0] + x[:, 1] - x[:, 2] > 0).long()


def network(*, dropout=0.1):
    return nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 2))


def loop(
    watch,
    model,
    optimizer,
    x,
    y,
    *,
    epochs=6,
    loss=functional.cross_entropy,
    zero=True,
    step=True,
    train=True,
    evaluate=True,
):
    with watch:
        for _ in range(epochs):
            if train:
                model.train()
            for rows in torch.randperm(256).split(32):
                if zero:
                    optimizer.zero_grad()
                loss(model(x[rows]), y[rows]).backward()
                if step:
                    optimizer.step()
            if evaluate:
                model.eval()
                with torch.no_grad():
                    loss(model(x[256:]), y[256:])
    assert watch.troubles == []
    assert watch.verdict.troubles == ()
    return [one.rule for one in watch.findings]


def watched(model=None, optimizer=None, **options):
    x, y = options.pop("data", None) or data()
    model = model or network()
    optimizer = optimizer(model) if optimizer else torch.optim.Adam(model.parameters(), 2e-3)
    return loop(debugger.watch(model, optimizer=optimizer), model, optimizer, x, y, **options)


def test_a_healthy_training_is_not_flagged():
    assert watched() == []


def test_gradients_that_are_never_cleared():
    assert watched(zero=False) == ["no_zero_grad"]


def test_a_step_that_is_never_taken():
    assert watched(step=False) == ["no_optimizer_step"]


def test_a_rate_that_is_too_high():
    assert watched(optimizer=lambda m: torch.optim.Adam(m.parameters(), 3.0)) == ["lr_too_high"]


def test_a_rate_that_is_too_low():
    assert watched(optimizer=lambda m: torch.optim.Adam(m.parameters(), 1e-7)) == ["lr_too_low"]


def test_a_training_in_eval_mode():
    model = network(dropout=0.4)
    model.eval()
    assert watched(model, train=False) == ["eval_mode_in_training"]


def test_a_head_that_no_optimizer_has():
    assert watched(optimizer=lambda m: torch.optim.Adam(m[0].parameters(), 1e-3)) == ["param_not_in_optimizer"]


def test_softmax_before_cross_entropy():
    assert watched(nn.Sequential(network(), nn.Softmax(dim=1))) == ["double_softmax"]


def test_a_frozen_backbone_is_a_habit():
    model = network()
    for parameter in model[0].parameters():
        parameter.requires_grad = False
    assert watched(model) == []


def test_nan_in_the_inputs_is_the_cause_of_nan_in_the_loss():
    x, y = data()
    x[5, 3] = float("nan")
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    watch = debugger.watch(model, optimizer=optimizer)
    assert loop(watch, model, optimizer, x, y) == ["nan_input"]
    assert "nan_loss" in watch.findings[0].root_cause_of


def test_a_loss_function_taken_before_the_watch_is_heard():
    loss = functional.mse_loss
    x, y = data()
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    found = loop(debugger.watch(model), model, optimizer, x, y.float()[:, None], loss=loss)
    assert found == ["wrong_loss"]


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
def test_outputs_broadcast_against_targets_are_the_wrong_loss():
    x, _ = data()
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    found = loop(
        debugger.watch(model, optimizer=optimizer), model, optimizer, x, x[:, :3].sum(1), loss=functional.mse_loss
    )
    assert found == ["wrong_loss"]


def test_a_step_with_a_closure_is_a_step():
    x, y = data()
    model = network()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)
    watch = debugger.watch(model, optimizer=optimizer)
    with watch:
        for _ in range(6):

            def closure():
                optimizer.zero_grad()
                value = functional.cross_entropy(model(x[:256]), y[:256])
                value.backward()
                return value

            optimizer.step(closure)
    assert watch.troubles == []
    assert watch.findings == []
    assert watch.recording.samples[-1].grad_norm > 0
    assert any(one.update_ratio for one in watch.recording.samples[-1].layers.values())


def test_a_discriminator_against_real_and_fake_is_a_habit():
    x, _ = data()
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def least_squares(output, y):
        half = len(output) // 2
        real, fake = output[:half], output[half:]
        return functional.mse_loss(real, torch.ones_like(real)) + functional.mse_loss(fake, torch.zeros_like(fake))

    x[::2] += 3
    assert "wrong_loss" not in loop(
        debugger.watch(model), model, optimizer, x, (x[:, 0] > 1.5).long(), loss=least_squares
    )


def test_watching_changes_no_number():
    def train(watching):
        torch.manual_seed(0)
        x, y = data()
        model = network(dropout=0.5)
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        if watching:
            loop(debugger.watch(model), model, optimizer, x, y, epochs=2)
        else:
            for _ in range(2):
                model.train()
                for rows in torch.randperm(256).split(32):
                    optimizer.zero_grad()
                    functional.cross_entropy(model(x[rows]), y[rows]).backward()
                    optimizer.step()
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    assert torch.equal(train(watching=True), train(watching=False))


def test_everything_is_put_back():
    before = torch.Tensor.backward, functional.cross_entropy, torch._C._nn.cross_entropy_loss
    model = network()
    with pytest.raises(RuntimeError, match="mine"), debugger.watch(model):
        raise RuntimeError("mine")
    assert (torch.Tensor.backward, functional.cross_entropy, torch._C._nn.cross_entropy_loss) == before
    assert not model._forward_hooks
    assert not model._forward_pre_hooks


def test_our_own_error_ends_the_watching_and_not_the_training(monkeypatch):
    monkeypatch.setattr("gureum.debugger.pytorch.parameters.Parameters.gradients", lambda _: 1 / 0)
    x, y = data()
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    start = model[0].weight.detach().clone()
    with debugger.watch(model) as watch:
        for _ in range(5):
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert not torch.equal(start, model[0].weight)
    assert watch.troubles == ["_before_step: ZeroDivisionError: division by zero"]


@pytest.mark.filterwarnings("ignore")  # MLflow's own, about SQLAlchemy
def test_findings_go_to_the_active_mlflow_run(tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        mlflow.create_experiment("debugged", artifact_location=(tmp_path / "artifacts").as_uri())
        mlflow.set_experiment("debugged")
        with mlflow.start_run() as run:
            assert watched(zero=False) == ["no_zero_grad"]
        kept = mlflow.get_run(run.info.run_id)
        assert kept.data.tags["gureum.debugger.findings"] == "1 error"
        folder = next((tmp_path / "artifacts").rglob("debugger"))
        found = parse_findings((folder / "findings.json").read_bytes())
        assert found.findings[0].rule == "no_zero_grad"
        assert found.heat.measures[0].name == "gradient_norm"
    finally:
        mlflow.set_tracking_uri(before)


def test_integrated_gradients_add_up_to_the_difference_of_outputs():
    x, _ = data()
    model = network()
    model.eval()
    found = debugger.explain.integrated_gradients(model, x[:4], target=1)
    with torch.no_grad():
        difference = model(x[:4])[:, 1] - model(torch.zeros(1, 10))[:, 1]
    assert found.sum(axis=1).to_numpy() == pytest.approx(difference.numpy(), abs=0.02)
