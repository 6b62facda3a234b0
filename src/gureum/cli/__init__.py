"""The command line. Called by `gureum` and `python -m gureum`."""

from gureum.cli.main import app, main

__all__ = ["app", "main"]
