"""What tests of several folders share: one running platform for those that only look, or keep to names of their own."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
from hypothesis import settings
from tests.effort import CHECK, SOAK
from xdist.scheduler import LoadScopeScheduling

from gureum.testing.platform import start_platform

settings.register_profile(SOAK)
settings.register_profile(CHECK, max_examples=30)  # for tests that state no number; hypothesis' own is 100


class ByGroup(LoadScopeScheduling):
    """`--dist loadgroup` by the group that a test's file names: xdist 3.8 loses the marks under pytest 9.2 (its issue 1386)."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(Path(self.config.rootpath, nodeid.partition("::")[0])) or nodeid


@functools.cache
def _group(file: Path) -> str | None:
    found = re.search(r'xdist_group\("([\w-]+)"\)', file.read_text("utf-8"))
    return found and found[1]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByGroup | None:
    return ByGroup(config, log) if config.getoption("dist") == "loadgroup" else None


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
