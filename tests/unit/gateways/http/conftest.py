"""One REST door for each module of tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from door_kit import Door


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory):
    door = Door(tmp_path_factory.mktemp("door"))
    yield door
    door.close()
