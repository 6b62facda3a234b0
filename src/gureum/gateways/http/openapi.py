"""`python -m gureum.gateways.http.openapi` prints the OpenAPI document that Studio's typed client is made from."""

from __future__ import annotations

import json
import sys

from fastapi import FastAPI

from gureum.gateways.http.app import NOUNS
from gureum.version import __version__

__all__ = ["document"]


def document() -> str:
    """The document, the same bytes for the same routes."""
    app = FastAPI(title="gureum", version=__version__)
    for noun in NOUNS:
        app.include_router(noun.routes.router)
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
