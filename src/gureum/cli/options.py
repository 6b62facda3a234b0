"""The options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Folder", "Json", "Limit", "Url", "Yes"]


Folder = Annotated[Path | None, typer.Option("--folder", help="The data folder; ./gureum-data by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Url = Annotated[str | None, typer.Option("--url", help="A server elsewhere; GUREUM_URL by default.")]
Limit = Annotated[int, typer.Option(help="How many rows at most.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
