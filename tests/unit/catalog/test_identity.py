"""Who there is: links, passwords, tokens and keys, and that none of them can be had back from the database."""

from pathlib import Path

import pytest

from gureum.catalog.identity import FAILURES_MAX, Identity
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.catalog.seal import Seal
from gureum.errors import Conflict, CorruptData, InvalidInput, LimitExceeded, NotAuthenticated, NotFound
from gureum.store.database import open_database
from gureum.testing.clock import ManualClock
from gureum.types import Actor, Role

ROOT = Actor("root", Role.ADMIN)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def identity(tmp_path: Path, clock: ManualClock):
    database = open_database("", folder=tmp_path, migrations=MIGRATIONS, metadata=metadata)
    yield Identity(database, seal=Seal.open(tmp_path / "secret.key"), clock=clock)
    database.close()


def first_admin(identity: Identity) -> Actor:
    code = identity.make_link(purpose="first_admin", user=None)
    return identity.use_link(code, name="root", password="correct horse")


def test_the_first_link_makes_the_administrator_and_works_once(identity: Identity):
    code = identity.make_link(purpose="first_admin", user=None)
    assert identity.look_at_link(code).purpose == "first_admin"
    with pytest.raises(InvalidInput):
        identity.use_link(code, name="root", password="short")
    actor = identity.use_link(code, name="root", password="correct horse")
    assert actor.role is Role.ADMIN
    with pytest.raises(NotAuthenticated, match="gureum link"):
        identity.use_link(code, name="evil", password="correct horse")


def test_a_link_grows_old(identity: Identity, clock: ManualClock):
    first_admin(identity)
    code = identity.make_link(purpose="sign_in", user="root")
    clock.advance(3601)
    with pytest.raises(NotAuthenticated):
        identity.use_link(code)


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(identity: Identity):
    first_admin(identity)
    assert identity.sign_in("root", "correct horse").user == "root"
    messages = []
    for name, password in (("root", "wrong"), ("nobody", "correct horse")):
        with pytest.raises(NotAuthenticated) as caught:
            identity.sign_in(name, password)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_guesser_is_slowed_down_and_may_try_again_later(identity: Identity, clock: ManualClock):
    first_admin(identity)
    for _ in range(FAILURES_MAX):
        with pytest.raises(NotAuthenticated):
            identity.sign_in("root", "wrong")
    with pytest.raises(LimitExceeded):
        identity.sign_in("root", "correct horse")
    clock.advance(301)
    assert identity.sign_in("root", "correct horse").user == "root"


def test_a_token_is_its_user_until_it_expires_or_is_taken_back(identity: Identity, clock: ManualClock):
    first_admin(identity)
    entry, secret = identity.make_token("root", label="ci", days=1)
    assert identity.actor_of_token(secret).user == "root"
    clock.advance(86_401)
    with pytest.raises(NotAuthenticated):
        identity.actor_of_token(secret)
    entry, secret = identity.make_token("root", label="ci", days=1)
    identity.delete_token("root", entry.id)
    with pytest.raises(NotAuthenticated):
        identity.actor_of_token(secret)
    with pytest.raises(NotFound):
        identity.delete_token("root", entry.id)


def test_nothing_in_the_database_is_a_usable_secret(identity: Identity, tmp_path: Path):
    first_admin(identity)
    _, token = identity.make_token("root", label="ci")
    key, key_secret = identity.make_access_key("root")
    code = identity.make_link(purpose="sign_in", user="root")
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("metadata.db*"))
    assert key.access_key_id.encode() in stored
    for secret in (token, key_secret, code, "correct horse"):
        assert secret.encode() not in stored


def test_an_access_key_gives_its_secret_and_owner(identity: Identity, clock: ManualClock):
    first_admin(identity)
    entry, secret = identity.make_access_key("root", label="fluent bit")
    found = identity.find_key(entry.access_key_id)
    assert found is not None
    assert (found[0], found[1].user) == (secret, "root")
    assert identity.find_key("GURE0000000000000000") is None
    identity.delete_access_key("root", entry.access_key_id)
    assert identity.find_key(entry.access_key_id) is None


def test_the_last_administrator_stays(identity: Identity):
    first_admin(identity)
    with pytest.raises(Conflict, match="last active administrator"):
        identity.change_user("root", by=ROOT, role=Role.VIEWER)
    identity.create_user("anna", role=Role.ADMIN, password=None, by=ROOT)
    assert identity.change_user("root", by=ROOT, active=False).active is False
    with pytest.raises(NotAuthenticated):
        identity.sign_in("root", "correct horse")


def test_groups_hold_known_users(identity: Identity):
    first_admin(identity)
    identity.set_group("ops", ["root"], by=ROOT)
    assert identity.sign_in("root", "correct horse").groups == frozenset({"ops"})
    with pytest.raises(NotFound, match="did you mean 'root'"):
        identity.set_group("ops", ["rot"], by=ROOT)


def test_the_key_file_is_private_and_another_key_opens_nothing(identity: Identity, tmp_path: Path):
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0
    sealed = Seal.open(tmp_path / "secret.key").seal("hello")
    assert Seal.open(tmp_path / "secret.key").unseal(sealed) == "hello"
    with pytest.raises(CorruptData, match=r"secret\.key"):
        Seal(b"x" * 32).unseal(sealed)
