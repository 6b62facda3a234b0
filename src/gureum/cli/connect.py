"""What a command asks with: settings, a client, text from the arguments, a yes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import typer

import gureum
from gureum.errors import InvalidInput
from gureum.settings import Settings, load_settings

__all__ = ["ask", "open_client", "parse_record", "read_settings", "read_text"]


def read_settings(**flags: Any) -> Settings:
    return load_settings(environment=os.environ, flags=flags, working_folder=Path.cwd())


def open_client(folder: Path | None, url: str | None) -> Any:
    if url or (folder is None and os.environ.get("GUREUM_URL")):
        return gureum.connect(url)
    return gureum.connect(folder=read_settings(folder=folder).folder)


def read_text(argument: str) -> str:
    if argument == "-":
        return sys.stdin.read()
    if argument.startswith("@"):
        path = Path(argument[1:])
        try:
            return path.read_text("utf-8")
        except OSError as error:
            raise InvalidInput(f"cannot read {path}: {error.strerror}", code="cli.file") from error
    return argument


def parse_record(text: str, number: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"record {number} is not JSON: {error}",
            code="cli.json",
            hint="""quote it for the shell: '{"temp": 91.2}'""",
        ) from error


def ask(question: str, yes: bool) -> None:
    if not yes and not typer.confirm(question):
        raise typer.Abort
