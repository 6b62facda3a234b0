"""The locks that ship: whole, pinned, of no place, and fit for gureum's own tasks."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from gureum.errors import NotFound
from gureum.runtimes.computations import COMPUTATIONS
from gureum.runtimes.runtime import RUNTIMES, Runtime, canonical, runtime

ROOT = Path(__file__).resolve().parents[3]

# What only the server's processes use: no task needs them, and boto3's newest does not go with s3fs.
OF_THE_SERVER = {"boto3", "duckdb-extension-delta", "duckdb-extension-httpfs", "uv"}

each = pytest.mark.parametrize("known", RUNTIMES.values(), ids=lambda known: known.name)


@each
def test_every_line_of_a_lock_pins_a_package_and_names_no_host(known: Runtime):
    lines = known.lock.read_text("utf-8").splitlines()
    assert len(known.packages) == len(lines), "each line is a pin, each package has one"
    for line in lines:
        assert not {"/", "@", ":"} & set(line), f"{line!r} names a place"
    assert "triton" not in known.packages, "it is left out by locks/overrides.txt"


def wishes(known: Runtime) -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in known.lock.with_suffix(".in").read_text("utf-8").splitlines()]
    return [Requirement(line) for line in lines if line]


@each
def test_a_lock_has_every_wish(known: Runtime):
    for wish in wishes(known):
        assert known.packages[canonical(wish.name)] in wish.specifier, "run scripts/lock_runtimes.sh"


def test_ml_is_what_anacondas_users_expect():
    ml = runtime("ml").packages
    assert len(ml) >= 150
    wanted = "tensorflow-cpu keras torch transformers lightgbm xgboost-cpu catboost scikit-learn statsmodels matplotlib"
    assert set(wanted.split()) <= ml.keys()
    # Base is for those who need less: whatever it has, ml has too.
    assert {canonical(wish.name) for wish in wishes(runtime("base"))} <= ml.keys()


@each
def test_gureums_own_tasks_find_what_they_need(known: Runtime):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for need in map(Requirement, project["dependencies"]):
        if canonical(need.name) not in OF_THE_SERVER:
            assert known.packages[canonical(need.name)] in need.specifier, f"{known.name}: {need}"


def test_every_computation_is_asked_of_ml():
    for name, (needs, _) in COMPUTATIONS.items():
        assert set(needs) <= runtime("ml").packages.keys(), name


def test_the_hash_is_of_what_is_installed_not_of_the_layout(make_runtime, tmp_path: Path):
    one = make_runtime("rain==1.0", "sun[hot]==2.0")
    other = make_runtime("# a comment", "Sun==2.0".lower(), "rain==1.0")
    assert one.hash == other.hash
    assert one.hash != make_runtime("rain==1.1", "sun==2.0").hash
    assert one.hash != make_runtime("rain==1.0", "sun==2.0", python="3.99").hash


def test_a_lock_that_pins_nothing_is_our_own_mistake(make_runtime):
    with pytest.raises(AssertionError, match=r"rain>=1.*lock_runtimes"):
        _ = make_runtime("rain>=1").packages


def test_an_unknown_runtime_is_refused_with_a_near_name():
    with pytest.raises(NotFound) as refused:
        runtime("bases")
    assert "base" in (refused.value.hint or "")
