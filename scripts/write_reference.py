"""The parts of docs/reference/ that the code knows best, written into the pages: `make docs`.

A page is written by a person; between `<!-- from the code: NAME -->` and `<!-- end -->` it has what `SECTIONS[NAME]` gives.
`tests/test_docs.py` calls the same functions, and fails when a page has something else.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from typer.main import get_command

from gureum import cli, errors
from gureum.debugger.reference import rules_table
from gureum.gateways.http.app import NOUNS
from gureum.gateways.http.errors import STATUS
from gureum.gateways.kinesis.errors import BY_CLASS
from gureum.settings import PREFIX, Settings
from gureum.sql.references import HIDDEN_FUNCTIONS, TABLE_FUNCTIONS
from gureum.sql.streaming.aggregate_calls import AGGREGATES
from gureum.sql.streaming.dialect import REFUSED_CLAUSES
from gureum.sql.streaming.expressions import UNSUPPORTED_FUNCTIONS
from gureum.sql.streaming.functions import UNITS
from gureum.sql.streaming.planner import REFUSED
from gureum.sql.types import SIMPLE, SYNONYMS

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
SOURCE = ROOT / "src" / "gureum"
EXAMPLES = ROOT / "tests" / "sql" / "streaming" / "functions.txt"

_SECTION = re.compile(r"(<!-- from the code: ([a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table; a bar inside a cell does not end it."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def settings() -> str:
    rows = [
        (f"`{f.name}`", f"`{f.default}`" if str(f.default) else "", f"`{PREFIX}{f.name.upper()}`", f.metadata["about"])
        for f in fields(Settings)
    ]
    return table(("setting", "default", "variable", "meaning"), rows)


# --- the command line -------------------------------------------------------------------------------------------------

# The options of nearly every command, told once.
SHARED_OPTIONS = ("--folder", "--url", "--json")


def commands(group: Any = None, path: str = "gureum") -> Iterator[tuple[str, Any]]:
    """Each command with its whole name, in the order of `cli/main.py`; hidden ones are ours alone."""
    for name, command in (group or get_command(cli.app)).commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def command_line() -> str:
    out = []
    for name, command in commands():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        own = [p for p in options if p.opts[0] not in SHARED_OPTIONS]
        words = [p.name.upper() + ("..." if p.nargs == -1 else "") for p in arguments]
        usage = [
            name,
            *(word if p.required else f"[{word}]" for p, word in zip(arguments, words, strict=True)),
            *(_usage(p) for p in own),
        ]
        out.append(f"### {name.removeprefix('gureum ')}\n\n`{' '.join(usage)}`\n\n{_one_line(command.help)}\n")
        told = [(f"`{word}`", p.help or "", "") for p, word in zip(arguments, words, strict=True) if p.help]
        told += [(f"`{', '.join(p.opts)}`", p.help or "", _default(p)) for p in own]
        if told:
            out.append("\n" + table(("", "meaning", "default"), told))
        shared = [f"`{p.opts[0]}`" for p in options if p.opts[0] in SHARED_OPTIONS]
        out.append(f"\nAlso {', '.join(shared)}.\n\n" if shared else "\n")
    return "".join(out).rstrip() + "\n"


def _usage(option: Any) -> str:
    word = option.opts[0] if option.is_flag else f"{option.opts[0]} {option.name.upper()}"
    word += " ..." if option.multiple else ""
    return word if option.required else f"[{word}]"


def _default(option: Any) -> str:
    return "" if option.default in (None, False) else f"`{option.default}`"


# --- REST -------------------------------------------------------------------------------------------------------------


def routes() -> Iterator[tuple[str, str, str, str, str]]:
    """Each route: its noun, method, path, who may call it, and what for."""
    for noun in NOUNS:
        for route in noun.routes.router.routes:
            for method in sorted(route.methods):
                allow = str((route.openapi_extra or {}).get("x-allow", ""))
                yield str(route.tags[0]), method, route.path, allow, _one_line(route.endpoint.__doc__)


def rest() -> str:
    out, tag = [], ""
    for noun, method, path, allow, about in routes():
        if noun != tag:
            out.append(f"\n### {noun}\n\n" + table(("route", "who", "what"), []))
            tag = noun
        out.append(table((f"`{method} {path}`", allow, about), []).splitlines(keepends=True)[0])
    return "".join(out).lstrip()


# --- streaming SQL ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FunctionExample:
    """Two lines of functions.txt. `gives` is the result as JSON has it."""

    name: str
    about: str
    call: str
    gives: Any


def function_examples() -> dict[str, list[FunctionExample]]:
    """The examples by their group, in the order of the file."""
    found: dict[str, list[FunctionExample]] = {}
    group, name, about = "", "", ""
    for line in EXAMPLES.read_text("utf-8").splitlines():
        if line.startswith("== "):
            group = line[3:]
            found[group] = []
        elif group and line.startswith("  "):
            call, _, gives = line.strip().rpartition(" => ")
            found[group].append(FunctionExample(name, about, call, json.loads(gives)))
        elif group and line:
            name, about = line.split(maxsplit=1)
    return found


def functions() -> str:
    out = []
    for group, examples in function_examples().items():
        out.append(f"### {group[0].upper()}{group[1:]}\n\n")
        if group == "aggregates":
            takes = ", ".join(f"`{name}`" for name, kind in AGGREGATES.items() if kind.distinct)
            out.append(
                f"In a window, here over the values 1, 2, 3, 4 of a column `n`. {takes} take DISTINCT; all take "
            )
            out.append("`FILTER (WHERE ...)`, and all but `COUNT(*)` and `ARRAY_AGG` skip NULLs.\n\n")
        rows = [
            (f"`{e.name}`", e.about, f"`{e.call}`", f"`{json.dumps(e.gives, ensure_ascii=False)}`") for e in examples
        ]
        out.append(table(("function", "gives", "example", "result"), rows) + "\n")
    return "".join(out).rstrip() + "\n"


def units() -> str:
    return ", ".join(f"`{unit}`" for unit in UNITS) + ".\n"


def sql_types() -> str:
    other: dict[str, list[str]] = {}
    for word, name in SYNONYMS.items():
        other.setdefault(name, []).append(f"`{word}`")
    names = [*SIMPLE, "DECIMAL(p, s)", "ARRAY<t>", "MAP<k, v>", "ROW<name t, ...>"]
    rows = [(f"`{name}`", ", ".join(other.get(re.split(r"[(<]", name)[0], []))) for name in names]
    return table(("type", "also written"), rows)


def refused() -> str:
    rows = {message: hint or "" for message, hint in [*REFUSED_CLAUSES.values(), *REFUSED.values()]}
    told = [*sorted(rows.items())]
    told += [(f"`{name}` is not supported", hint) for name, hint in UNSUPPORTED_FUNCTIONS.items()]
    return table(("what is refused", "instead"), told)


def table_functions() -> str:
    def listed(names: Iterable[str]) -> str:
        return ", ".join(f"`{name}`" for name in sorted(names))

    return (
        f"Functions that may stand in FROM: {listed(TABLE_FUNCTIONS)}. Refused, besides all that read files or settings: "
        f"{listed(HIDDEN_FUNCTIONS)}.\n"
    )


# --- errors -----------------------------------------------------------------------------------------------------------


def error_doors() -> str:
    rows = []
    for name, cure in re.findall(r"── (\w+) +(.*)", errors.__doc__ or ""):
        cls = getattr(errors, name)
        type_, status = BY_CLASS[cls]
        rows.append((f"`{name}`", cure, STATUS[cls], f"`{type_}` ({status})", f"`{cls.default_code}`"))
    return table(("error", "what to do", "HTTP", "Kinesis", "code without a closer one"), rows)


def error_codes() -> str:
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            code = next((k.value for k in call.keywords if k.arg == "code"), None)
            called = ast.unparse(call.func).rsplit(".", 1)[-1]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                message = next((text for part in call.args if (text := _message(part))), "")
                known = found.get(code.value, ("", ""))
                # What is raised through a helper such as `sql_error` is something that the sender can change.
                found[code.value] = (
                    called if hasattr(errors, called) else known[0] or "InvalidInput",
                    known[1] or message,
                )
    return table(("code", "error", "for example"), [(f"`{c}`", f"`{e}`", m) for c, (e, m) in sorted(found.items())])


def _message(node: ast.expr) -> str:
    """A message as its reader sees it, with ... for what is filled in; nothing if it is no literal."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node] if isinstance(node, ast.Constant) else []
    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in parts)
    return text.replace("<", "&lt;")


# --- pages ------------------------------------------------------------------------------------------------------------


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


SECTIONS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "command_line": command_line,
    "rest": rest,
    "functions": functions,
    "units": units,
    "sql_types": sql_types,
    "refused": refused,
    "table_functions": table_functions,
    "error_doors": error_doors,
    "error_codes": error_codes,
    "debugger_rules": rules_table,
}


def fill(text: str) -> str:
    """A page with its sections as the code has them now."""
    return _SECTION.sub(lambda found: f"{found[1]}\n{SECTIONS[found[2]]()}\n{found[3]}", text)


def main() -> None:
    for page in sorted(REFERENCE.glob("*.md")):
        before = page.read_text("utf-8")
        after = fill(before)
        if after != before:
            page.write_text(after, "utf-8")
        print(f"{page.relative_to(ROOT)}: {'written' if after != before else 'as it was'}")


if __name__ == "__main__":
    main()
