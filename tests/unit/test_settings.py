"""Settings: which of four places wins, and that a wrong one is named with its place."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from gureum.errors import InvalidInput
from gureum.settings import Settings, load_settings, reference


def load(working: Path, environment: dict[str, str] | None = None, **flags: object) -> Settings:
    return load_settings(environment=environment or {}, flags=flags, working_folder=working)


def test_the_later_of_defaults_file_variables_and_flags_wins(tmp_path: Path):
    assert load(tmp_path).port == 8600
    (tmp_path / "gureum-data").mkdir()
    (tmp_path / "gureum-data" / "gureum.toml").write_text("port = 1\nsql_memory_mb = 64\nlog_level = 'debug'")
    assert load(tmp_path).port == 1
    (tmp_path / "gureum.toml").write_text("port = 2\nkinesis_port = 22")
    found = load(tmp_path)
    assert (found.port, found.kinesis_port, found.sql_memory_mb) == (2, 22, 64)
    assert load(tmp_path, {"GUREUM_PORT": "3"}).port == 3
    assert load(tmp_path, {"GUREUM_PORT": "3"}, port=4).port == 4
    assert load(tmp_path, {"GUREUM_PORT": "3"}, port=None).port == 3, "a flag that was not given wins nothing"


def test_the_data_folder_is_absolute_and_its_own_file_is_read_wherever_it_was_named(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "gureum.toml").write_text("log_level = 'error'")
    for environment, flags in (({"GUREUM_FOLDER": "elsewhere"}, {}), ({}, {"folder": Path("elsewhere")})):
        found = load(tmp_path, environment, **flags)
        assert found.folder == tmp_path / "elsewhere"
        assert found.log_level == "error"
    (tmp_path / "gureum.toml").write_text("folder = 'elsewhere'")
    assert load(tmp_path).log_level == "error"


@pytest.mark.parametrize(
    ("environment", "flags", "text", "named"),
    [
        ({"GUREUM_PROT": "1"}, {}, "", ["the environment", "GUREUM_PROT", "did you mean 'port'"]),
        ({}, {"kinesis_prot": 1}, "", ["the flags", "--kinesis-prot", "did you mean 'kinesis_port'"]),
        ({}, {}, "sql_memory = 1", ["gureum.toml", "sql_memory", "did you mean 'sql_memory_mb'"]),
        ({"GUREUM_QQQQ": "1"}, {}, "", ["GUREUM_QQQQ", "the settings are folder, host, port"]),
        ({"GUREUM_PORT": "many"}, {}, "", ["GUREUM_PORT", "the environment", "'many'", "a whole number"]),
        ({"GUREUM_ALLOW_PLAIN": "maybe"}, {}, "", ["GUREUM_ALLOW_PLAIN", "true or false"]),
        ({"GUREUM_SQL_TIMEOUT_S": "soon"}, {}, "", ["GUREUM_SQL_TIMEOUT_S", "a number"]),
        ({}, {}, "port = true", ["port in", "gureum.toml", "a whole number"]),
        ({}, {}, "port = 1.5", ["port in", "gureum.toml", "a whole number"]),
        ({}, {}, "host = ['a', 'b']", ["host in", "gureum.toml", "a text"]),
        ({}, {}, "port = ", ["gureum.toml", "is not TOML"]),
        ({}, {}, "sql_timeout_s = nan", ["sql_timeout_s", "above 0"]),
        ({"GUREUM_PORT": "70000"}, {}, "", ["port is 70000", "0 to 65535"]),
        ({"GUREUM_PORT": "8601"}, {}, "", ["port and kinesis_port are both 8601"]),
        ({}, {}, "sql_memory_mb = 0", ["sql_memory_mb must be above 0"]),
        ({}, {}, "log_level = 'loud'", ["log_level is 'loud'"]),
        ({}, {}, "tls_key = 'key.pem'", ["tls_certificate and tls_key go together"]),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_its_place(tmp_path: Path, environment, flags, text: str, named: list[str]):
    (tmp_path / "gureum.toml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, environment, **flags)
    for part in named:
        assert part in str(caught.value)
    assert caught.value.code.startswith("settings.")


def test_a_network_without_tls_is_refused_unless_it_is_said_that_it_may(tmp_path: Path):
    for host in ("0.0.0.0", "192.0.2.7", "::"):
        with pytest.raises(InvalidInput) as caught:
            load(tmp_path, {"GUREUM_HOST": host})
        assert caught.value.code == "settings.plain_network"
        assert "allow_plain" in str(caught.value)
        assert load(tmp_path, {"GUREUM_HOST": host, "GUREUM_ALLOW_PLAIN": "yes"}).host == host
        assert load(tmp_path, {"GUREUM_HOST": host, "GUREUM_TLS_CERTIFICATE": "c", "GUREUM_TLS_KEY": "k"}).host == host
    for host in ("127.0.0.1", "localhost", "::1"):
        assert load(tmp_path, {"GUREUM_HOST": host}).host == host


def test_variables_of_the_client_and_of_others_are_no_settings(tmp_path: Path):
    environment = {"GUREUM_URL": "http://elsewhere", "GUREUM_TOKEN": "t", "PORT": "1", "HOME": "/"}
    assert load(tmp_path, environment) == load(tmp_path)


def test_the_reference_says_what_each_setting_means():
    rows = reference()
    assert [name for name, _, _ in rows] == [field.name for field in fields(Settings)]
    for name, _, about in rows:
        assert about, f"setting {name} has no meaning: say it in settings.py"
