"""The command line: every noun and act, for people and with --json for programs.

Each command asks a running server through the SDK, as a user's own program would; only those about the server itself
(up, down, doctor, link, runtime) touch the data folder. An error is one sentence on stderr and exit code 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from gureum.cli.alert import alert_app, destination_app
from gureum.cli.endpoint import endpoint_app
from gureum.cli.experiment import experiment_app
from gureum.cli.fit import autopilot_app, tuning_app
from gureum.cli.grant import grant_app
from gureum.cli.model import model_app
from gureum.cli.monitor import monitor_app
from gureum.cli.query import query_app
from gureum.cli.run import run_app
from gureum.cli.runtime import runtime_app
from gureum.cli.server import server_app
from gureum.cli.sql import sql_app
from gureum.cli.stream import stream_app
from gureum.cli.table import table_app
from gureum.cli.task import task_app
from gureum.cli.user import key_app, token_app, user_app
from gureum.errors import GureumError

__all__ = ["app", "main"]

app = typer.Typer(
    name="gureum", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Streams, tables, SQL and machine learning that a team runs itself.",
)  # fmt: skip
app.add_typer(server_app)
app.add_typer(sql_app)
for name, group in (
    ("stream", stream_app), ("table", table_app), ("query", query_app), ("experiment", experiment_app), ("run", run_app),
    ("model", model_app), ("autopilot", autopilot_app), ("tuning", tuning_app), ("endpoint", endpoint_app), ("monitor", monitor_app), ("alert", alert_app), ("destination", destination_app), ("task", task_app),
    ("runtime", runtime_app), ("user", user_app), ("token", token_app), ("key", key_app), ("grant", grant_app),
):  # fmt: skip
    app.add_typer(group, name=name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends the process."""
    try:
        # Outside of its standalone mode typer returns the code of an Exit instead of raising it.
        code = app(list(arguments) if arguments is not None else None, standalone_mode=False)
        sys.stdout.flush()  # here, where a reader that has gone is no error
        sys.exit(code if isinstance(code, int) else 0)
    except GureumError as error:
        print(f"gureum: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        sys.exit(1)
    except typer.Exit as exit_:
        sys.exit(exit_.exit_code)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if type(error).__module__.startswith(("typer", "click")) and hasattr(error, "show"):
            error.show()
            sys.exit(2)
        raise
