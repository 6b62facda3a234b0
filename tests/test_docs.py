"""The documentation says what the code does: nothing is left out, out of date, or points to nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from gureum.app import Platform
from gureum.clock import SystemClock
from gureum.settings import PREFIX, Settings
from gureum.sql.streaming.aggregate_calls import AGGREGATES, SYNONYMS
from gureum.sql.streaming.dialect import WINDOW_FUNCTIONS
from gureum.sql.streaming.functions import FUNCTIONS
from gureum.sql.streaming.planner import plan_query
from gureum.sql.streaming.source_plan import FORMATS, IGNORED_OPTIONS, METADATA, OPTIONS
from gureum.types import Actor, Role
from scripts.write_reference import REFERENCE, ROOT, SECTIONS, commands, fill, routes

DOCS = ROOT / "docs"
PAGES = sorted({*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")})
PAGE_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def page(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


@pytest.mark.parametrize("path", sorted(REFERENCE.glob("*.md")), ids=lambda path: path.name)
def test_a_reference_page_is_what_the_code_says(path: Path):
    text = path.read_text("utf-8")
    assert fill(text) == text, f"docs/reference/{path.name} is out of date: type `make docs` and commit what it wrote"


def test_every_section_of_the_code_is_in_a_page():
    pages = "".join(page(path.name) for path in REFERENCE.glob("*.md"))
    for name in SECTIONS:
        assert f"<!-- from the code: {name} -->" in pages, f"put the section {name} into a page of docs/reference"


def test_every_setting_is_documented():
    for setting in fields(Settings):
        cure = f"say what {setting.name} means in settings.py, then `make docs`"
        assert f"| `{setting.name}` |" in page("settings.md"), cure
        assert f"`{PREFIX}{setting.name.upper()}`" in page("settings.md"), cure


def test_every_command_and_option_is_documented():
    text = page("cli.md")
    for name, command in commands():
        assert f"### {name.removeprefix('gureum ')}\n" in text, f"`{name}` is not in cli.md: `make docs`"
        assert command.help, f"`{name}` says nothing of itself: give its function in cli/ a docstring"
        for option in command.params:
            if option.param_type_name == "option":
                assert option.help, f"{option.opts[0]} of `{name}` has no help: typer.Option(help=...) in cli/"
                assert f"`{option.opts[0]}" in text, f"{option.opts[0]} of `{name}` is not in cli.md: `make docs`"


def test_every_route_is_documented():
    for _, method, path, _, about in routes():
        assert about, f"{method} {path} has no docstring: its first sentence is what rest.md says"
        assert f"| `{method} {path}` |" in page("rest.md"), f"{method} {path} is not in rest.md: `make docs`"


def test_every_word_of_the_streaming_dialect_is_documented():
    text = page("streaming-sql.md")
    for name in {*FUNCTIONS, *AGGREGATES, *SYNONYMS}:
        cure = f"give {name} two lines in tests/sql/streaming/functions.txt, then `make docs`"
        assert f"| `{name}` |" in text, cure
    for name in WINDOW_FUNCTIONS:
        assert f"| `{name}(" in text, f"the window {name} has no row in streaming-sql.md"
    for name in {*OPTIONS, *METADATA, *FORMATS, *IGNORED_OPTIONS}:
        assert f"`{name}`" in text, f"streaming-sql.md does not say what {name!r} means in CREATE TABLE"


# --- links and names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=PAGE_NAMES)
def test_a_link_leads_somewhere(path: Path):
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), f"{path.relative_to(ROOT)} links to {target}, which is not there"
        if heading and found.suffix == ".md":
            assert heading in headings(found), f"{path.relative_to(ROOT)} links to {target}: no such heading"


def headings(path: Path) -> set[str]:
    """The anchors of a page, as its readers' browsers have them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_every_page_can_be_found_from_the_first_one():
    first = DOCS / "README.md"
    linked = {(DOCS / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)", first.read_text("utf-8"))}
    for path in DOCS.rglob("*.md"):
        assert path == first or path in linked, f"list {path.relative_to(DOCS)} in docs/README.md"


def test_the_architecture_names_files_that_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    text = re.sub(r"## Processes.*?(?=## )", "", text, flags=re.DOTALL)  # there a folder is one of the data folder
    source = ROOT / "src" / "gureum"
    for line in text.splitlines():
        folder = ""
        for name in re.findall(r"`([\w./*-]+(?:\.py|/))`", line):
            # A name after another may be one beside it: `streams/frame.py`, `segment.py`.
            places = [ROOT / name, ROOT / folder / name, source / name, source / folder / name]
            exists = any(list(place.parent.glob(place.name)) for place in places)
            assert exists, f"ARCHITECTURE.md names {name}, which is not there: say where it is now"
            folder = name.rpartition("/")[0] or folder


# --- SQL in the pages -------------------------------------------------------------------------------------------------


def sql_blocks() -> Iterator[tuple[str, str]]:
    """The scripts of a page; the blocks of a how-to are one script, told in pieces."""
    for path in PAGES:
        blocks = re.findall(r"^ *```sql\n(.*?)^ *```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE)
        whole = ["\n".join(blocks)] if path.parent.name == "how-to" and blocks else blocks
        for number, block in enumerate(whole, 1):
            yield f"{path.name}-{number}", block


BLOCKS = dict(sql_blocks())


@pytest.mark.parametrize("name", [name for name in BLOCKS if not name.startswith("sql.md")])
def test_a_standing_query_of_a_page_is_one(name: str):
    plan = plan_query(BLOCKS[name], lambda _: None)
    assert plan.sink.name


def test_the_statements_of_the_sql_page_run(tmp_path: Path):
    platform = Platform(Settings(folder=tmp_path), clock=SystemClock(), environment={})
    anna = Actor("anna", Role.EDITOR)
    try:
        for name, block in BLOCKS.items():
            if name.startswith("sql.md"):
                found = platform.sql.execute(block, anna)
        assert found.rows.to_pylist() == [{"count_star()": 3}]
    finally:
        platform.close()
