"""What tests of several folders share: one running platform for those that only look, or keep to names of their own."""

from __future__ import annotations

import pytest

from gureum.testing.platform import start_platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory):
    """One server for all tests that do not disturb each other; mark their module with `xdist_group("platform")`."""
    with start_platform(tmp_path_factory.mktemp("platform") / "data") as running:
        yield running


@pytest.fixture
def own_platform(tmp_path):
    """A server that the test may kill, fill and break."""
    with start_platform(tmp_path / "data") as running:
        yield running
