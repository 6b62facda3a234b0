"""The actor on whose behalf one of our processes asks another, as a header.

Called by both ends of the unix sockets. The sockets lie in a folder that only gureum's own user can enter, so what they
carry is believed; nothing that comes from a network is.
"""

from __future__ import annotations

import base64
import json

from gureum.types import Actor, Role

__all__ = ["ACTOR_HEADER", "actor_from_header", "actor_header"]

ACTOR_HEADER = "x-gureum-actor"


def actor_header(actor: Actor) -> str:
    body = {"user": actor.user, "role": actor.role.value, "groups": sorted(actor.groups), "via": actor.via}
    return base64.b64encode(json.dumps(body).encode()).decode()


def actor_from_header(value: str) -> Actor:
    body = json.loads(base64.b64decode(value))
    return Actor(body["user"], Role(body["role"]), frozenset(body["groups"]), body["via"])
