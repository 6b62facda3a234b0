"""Servers that the tests of the store need, one each for all of them."""

import pytest
from tests.store_kit import moto_server, postgres_server


@pytest.fixture(scope="session")
def postgres():
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def s3_address():
    with moto_server() as address:
        yield address
