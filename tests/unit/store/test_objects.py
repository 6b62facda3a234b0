"""Objects by name: one contract, kept on the local disk and in S3 (moto's, over the network)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gureum.errors import InvalidInput, NotFound, Unavailable
from gureum.store import objects as module
from gureum.store.objects import LocalObjects, Objects, open_objects

pytestmark = pytest.mark.xdist_group("store")


@pytest.fixture(params=["local", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "local":
        return open_objects(str(tmp_path / "objects"))
    options = {
        "AWS_ENDPOINT_URL": request.getfixturevalue("s3_address"), "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
    }  # fmt: skip
    return open_objects(f"s3://gureum/{tmp_path.name}", options=options)


def test_what_was_put_is_got(objects: Objects):
    for data in (b"", b"one", bytes(range(256)) * 5_000):
        objects.put("a/b/c.bin", data)
        assert objects.get("a/b/c.bin") == data
    objects.put("구름/가 나.txt", "이름".encode())
    assert objects.get("구름/가 나.txt").decode() == "이름"


def test_names_are_listed_sorted_by_prefix_wherever_it_ends(objects: Objects):
    assert list(objects.list()) == []
    for name in ("logs/b", "logs/a", "logs2/c", "other", "logs/deep/d"):
        objects.put(name, b"x")
    assert list(objects.list()) == ["logs/a", "logs/b", "logs/deep/d", "logs2/c", "other"]
    assert list(objects.list("logs/")) == ["logs/a", "logs/b", "logs/deep/d"]
    assert list(objects.list("lo")) == ["logs/a", "logs/b", "logs/deep/d", "logs2/c"]
    assert list(objects.list("logs/d")) == ["logs/deep/d"]
    assert list(objects.list("none/")) == []


def test_what_is_not_there_is_not_found_and_deleting_it_is_no_error(objects: Objects):
    objects.put("a", b"x")
    objects.delete("a")
    objects.delete("a")
    for name in ("a", "b/c"):
        with pytest.raises(NotFound) as caught:
            objects.get(name)
        assert caught.value.code == "object.not_found"


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/etc/outside", "", "."])
def test_a_name_reaches_nothing_outside_of_a_local_folder(name: str, tmp_path: Path):
    objects = LocalObjects(tmp_path / "objects")
    (tmp_path / "outside").write_bytes(b"not yours")
    for act in (lambda: objects.get(name), lambda: objects.put(name, b"x"), lambda: objects.delete(name)):
        with pytest.raises(InvalidInput):
            act()
    assert (tmp_path / "outside").read_bytes() == b"not yours"


def test_a_put_that_cannot_be_finished_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    objects = LocalObjects(tmp_path)
    objects.put("a", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        objects.put("a", b"new")
    monkeypatch.undo()
    assert objects.get("a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"], "nothing half-written is left behind"


def test_a_put_is_synced_before_it_returns_the_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        module.os,
        "fsync",
        lambda descriptor: (synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink())), real(descriptor)),
    )
    LocalObjects(tmp_path).put("folder/a", b"x")
    *before, last = synced
    assert any(Path(path).name.startswith(".a.") for path in before), "the data, before its name is there"
    assert last == str(tmp_path / "folder"), "the name, last of all"
    assert str(tmp_path) in before, "the new folder is an entry of its parent: without this it is lost, and the object"


def test_a_store_that_is_away_is_unavailable_not_empty(s3_address: str):
    def away(address: str) -> Objects:
        options = {
            "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret-word",
        }  # fmt: skip
        return open_objects("s3://no-such-bucket/x", options=options)

    # The client tries for some seconds to reach a closed port: once is enough.
    nowhere, no_bucket = away("http://127.0.0.1:9"), away(s3_address)
    for act in (lambda: nowhere.get("a"), lambda: no_bucket.put("a", b"x"), lambda: list(no_bucket.list())):
        with pytest.raises(Unavailable) as caught:
            act()
        assert "secret-word" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_option_that_s3_does_not_know_is_named():
    with pytest.raises(InvalidInput, match="aws_nonsense"):
        open_objects("s3://gureum/x", options={"AWS_NONSENSE": "1"})


def test_objects_live_in_a_folder_or_in_s3_only():
    with pytest.raises(InvalidInput, match="s3://bucket/prefix"):
        open_objects("gopher://host/x")
