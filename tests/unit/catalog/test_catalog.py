"""What the catalog promises: one door to named things, grants, names not given away."""

from pathlib import Path

import pytest

from gureum.catalog.audit import read_audit
from gureum.catalog.catalog import EVERYONE, Catalog
from gureum.catalog.schema import MIGRATIONS, metadata
from gureum.errors import Conflict, InvalidInput, NotFound, PermissionDenied
from gureum.names import Kind
from gureum.store.database import Database, open_database
from gureum.testing.clock import ManualClock
from gureum.types import Actor, Permission, Role

ANNA = Actor("anna", Role.EDITOR)
BEN = Actor("ben", Role.EDITOR, frozenset({"ops"}))
VERA = Actor("vera", Role.VIEWER)
ROOT = Actor("root", Role.ADMIN)


@pytest.fixture
def database(tmp_path: Path):
    database = open_database("", folder=tmp_path, migrations=MIGRATIONS, metadata=metadata)
    yield database
    database.close()


@pytest.fixture
def catalog(database: Database):
    catalog = Catalog(database, clock=ManualClock())
    yield catalog
    catalog.close()


def test_owner_may_do_everything_and_others_do_not_learn_the_name(catalog: Catalog):
    catalog.create("clicks", ANNA, kind=Kind.STREAM, spec={"shards": 1})
    assert catalog.resolve("clicks", ANNA, Permission.MANAGE, kind=Kind.STREAM).spec == {"shards": 1}
    with pytest.raises(NotFound) as caught:
        catalog.resolve("cliks", BEN, Permission.READ, kind=Kind.STREAM)
    assert caught.value.hint is None, "a near name that Ben may not see would give it away"
    with pytest.raises(NotFound):
        catalog.resolve("clicks", BEN, Permission.READ, kind=Kind.STREAM)


def test_a_wrong_name_is_answered_with_near_ones(catalog: Catalog):
    catalog.create("clicks", ANNA, kind=Kind.STREAM, spec={})
    with pytest.raises(NotFound, match="did you mean 'clicks'") as caught:
        catalog.resolve("cliks", ANNA, Permission.READ, kind=Kind.STREAM)
    assert caught.value.code == "stream.not_found"


@pytest.mark.parametrize("grantee", ["ben", "group:ops", EVERYONE])
def test_a_grant_to_user_group_or_everyone_opens_just_that_much(catalog: Catalog, grantee: str):
    catalog.create("clicks", ANNA, kind=Kind.STREAM, spec={})
    catalog.grant(ANNA, kind=Kind.STREAM, name="clicks", grantee=grantee, permission=Permission.READ)
    catalog.resolve("clicks", BEN, Permission.READ, kind=Kind.STREAM)
    with pytest.raises(PermissionDenied, match="ask anna"):
        catalog.resolve("clicks", BEN, Permission.WRITE, kind=Kind.STREAM)
    catalog.grant(ANNA, kind=Kind.STREAM, name="clicks", grantee=grantee, permission=None)
    with pytest.raises(NotFound):
        catalog.resolve("clicks", BEN, Permission.READ, kind=Kind.STREAM)


def test_a_schema_grant_covers_its_tables_only(catalog: Catalog):
    for name in ("sales.orders", "hr.pay"):
        catalog.create(name, ANNA, kind=Kind.TABLE, spec={})
    catalog.grant(ROOT, kind=Kind.TABLE, name="sales.*", grantee="ben", permission=Permission.READ)
    assert [t.name for t in catalog.list(BEN, kind=Kind.TABLE)] == ["sales.orders"]


def test_a_viewer_makes_nothing_and_never_gets_more_than_read(catalog: Catalog):
    with pytest.raises(PermissionDenied):
        catalog.create("mine", VERA, kind=Kind.STREAM, spec={})
    catalog.create("clicks", ANNA, kind=Kind.STREAM, spec={})
    catalog.grant(ANNA, kind=Kind.STREAM, name="clicks", grantee="vera", permission=Permission.MANAGE)
    catalog.resolve("clicks", VERA, Permission.READ, kind=Kind.STREAM)
    with pytest.raises(PermissionDenied):
        catalog.resolve("clicks", VERA, Permission.WRITE, kind=Kind.STREAM)


def test_another_process_sees_a_commit_at_once(database: Database, catalog: Catalog, tmp_path: Path):
    other_database = open_database("", folder=tmp_path, migrations=MIGRATIONS, metadata=metadata)
    other = Catalog(other_database, clock=ManualClock())
    assert other.list(ANNA, kind=Kind.STREAM) == []
    catalog.create("clicks", ANNA, kind=Kind.STREAM, spec={})
    assert other.resolve("clicks", ANNA, Permission.READ, kind=Kind.STREAM).name == "clicks"
    catalog.delete("clicks", ANNA, kind=Kind.STREAM)
    with pytest.raises(NotFound):
        other.resolve("clicks", ANNA, Permission.READ, kind=Kind.STREAM)
    other.close()
    other_database.close()


def test_of_two_changes_to_one_version_the_second_is_refused(catalog: Catalog):
    thing = catalog.create("q", ANNA, kind=Kind.QUERY, spec={"n": 1})
    catalog.update("q", ANNA, kind=Kind.QUERY, spec={"n": 2}, expect_version=thing.version)
    with pytest.raises(Conflict):
        catalog.update("q", ANNA, kind=Kind.QUERY, spec={"n": 3}, expect_version=thing.version)
    assert catalog.resolve("q", ANNA, Permission.READ, kind=Kind.QUERY).spec == {"n": 2}


def test_a_name_is_taken_once_and_checked(catalog: Catalog):
    catalog.create("clicks", ANNA, kind=Kind.STREAM, spec={})
    with pytest.raises(Conflict):
        catalog.create("clicks", BEN, kind=Kind.STREAM, spec={})
    for bad in ("", "a/b", "..", "x" * 129):
        with pytest.raises(InvalidInput):
            catalog.create(bad, ANNA, kind=Kind.STREAM, spec={})


def test_each_change_is_in_the_audit_log(database: Database, catalog: Catalog):
    catalog.create("clicks", ANNA, kind=Kind.STREAM, spec={})
    catalog.grant(ANNA, kind=Kind.STREAM, name="clicks", grantee="ben", permission=Permission.READ)
    catalog.delete("clicks", ANNA, kind=Kind.STREAM)
    entries = read_audit(database)
    assert [(e.actor, e.action, e.name) for e in entries] == [
        ("anna", "delete", "clicks"),
        ("anna", "grant", "clicks"),
        ("anna", "create", "clicks"),
    ]
    assert read_audit(database, before=entries[1].id) == entries[2:]


def test_a_data_folder_of_a_newer_version_is_refused(database: Database, tmp_path: Path):
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO schema_migrations VALUES (999, 'from the future')")
    with pytest.raises(Conflict, match="newer") as caught:
        open_database("", folder=tmp_path, migrations=MIGRATIONS, metadata=metadata)
    assert caught.value.code == "folder.newer"
