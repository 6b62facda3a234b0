"""Checks AWS Signature Version 4, in the Authorization header or in the query (presigned).

Called by `app` for every request, and by the door of model endpoints. Knows no HTTP server: it takes the parts of a request. Specification: "Create a signed AWS
API request" in AWS' IAM user guide.

Promise: an actor is returned only for a request whose method, query, signed headers and whole body were signed with the
secret of a key that `find_key` knows, within 15 minutes of now. Compares in constant time.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from gureum.clock import Clock
from gureum.gateways.kinesis.errors import KinesisError
from gureum.types import Actor

__all__ = ["FindKey", "Request", "SignatureCheck"]

# access key id -> (secret, actor), or None for an unknown key.
FindKey = Callable[[str], tuple[str, Actor] | None]

ALGORITHM = "AWS4-HMAC-SHA256"
CLOCK_SKEW_S = 15 * 60
PRESIGNED_S_MAX = 7 * 24 * 3600

# Derived keys are good for a day, so this is the number of keys in use on one day before some are derived again.
DERIVED_KEYS_MAX = 1_024

# Without these a signature could be moved to another host, time or operation.
_MUST_BE_SIGNED = ("host", "x-amz-date", "x-amz-target")
_MUST_BE_SIGNED_PRESIGNED = ("host",)

_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z", re.ASCII)
_SPACES = re.compile(r"\s+")

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
    "signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class Request:
    """The parts that are signed. Header names are lower case; values of one name are joined by a comma.

    `path` is canonical: each segment encoded twice.
    """

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    path: str = "/"


@dataclass(frozen=True, slots=True)
class _Claim:
    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: str
    signature: str
    timestamp: str
    query: str
    expires_s: int | None


class SignatureCheck:
    def __init__(self, find_key: FindKey, *, clock: Clock, service: str = "kinesis") -> None:
        self._find_key = find_key
        self._service = service
        self._clock = clock
        self._derived: OrderedDict[tuple[str, str, str, str], bytes] = OrderedDict()

    def actor(self, request: Request) -> tuple[Actor, str]:
        """Who signed the request, and for which region; KinesisError with AWS' type and words otherwise."""
        claim = _claim(request)
        self._check_time(claim)
        if claim.service != self._service:
            raise KinesisError(
                "InvalidSignatureException", f"Credential should be scoped to correct service: '{self._service}'."
            )
        found = self._find_key(claim.access_key_id)
        if found is None:
            raise KinesisError("UnrecognizedClientException", "The security token included in the request is invalid.")
        secret, actor = found
        text = _string_to_sign(request, claim)
        wanted = hmac.digest(self._signing_key(secret, claim), text.encode(), "sha256").hex()
        if not hmac.compare_digest(wanted.encode(), claim.signature.encode()):
            raise KinesisError("InvalidSignatureException", _MISMATCH)
        return actor, claim.region

    def _check_time(self, claim: _Claim) -> None:
        match = _DATE.fullmatch(claim.timestamp)
        if match is None:
            raise KinesisError(
                "IncompleteSignatureException",
                f"Date must be in ISO-8601 'basic format'. Got '{claim.timestamp[:64]}'. "
                "See http://en.wikipedia.org/wiki/ISO_8601",
            )
        if not claim.timestamp.startswith(claim.date):
            raise KinesisError(
                "InvalidSignatureException",
                f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{claim.date}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'.",
            )
        signed_s = calendar.timegm(tuple(map(int, match.groups())))
        now_s = self._clock.now_ms() // 1000
        good_for_s = CLOCK_SKEW_S if claim.expires_s is None else claim.expires_s
        if now_s - signed_s > good_for_s:
            raise KinesisError(
                "InvalidSignatureException",
                f"Signature expired: {claim.timestamp} is now earlier than {good_for_s} seconds before the server's time",
            )
        if signed_s - now_s > CLOCK_SKEW_S:
            raise KinesisError(
                "InvalidSignatureException",
                f"Signature not yet current: {claim.timestamp} is still later than {CLOCK_SKEW_S} seconds after the "
                "server's time",
            )

    def _signing_key(self, secret: str, claim: _Claim) -> bytes:
        # By the secret too: a key that was made anew under the same id must not pass with the old one's signature.
        name = (claim.access_key_id, secret, claim.date, claim.region)
        key = self._derived.get(name)
        if key is None:
            key = ("AWS4" + secret).encode()
            for part in (claim.date, claim.region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived[name] = key
            if len(self._derived) > DERIVED_KEYS_MAX:
                self._derived.popitem(last=False)
        return key


def _claim(request: Request) -> _Claim:
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return _claim_in_header(request, authorization)
    if "X-Amz-Signature=" in request.query or "X-Amz-Algorithm=" in request.query:
        return _claim_in_query(request)
    raise KinesisError("MissingAuthenticationTokenException", "Missing Authentication Token")


def _claim_in_header(request: Request, authorization: str) -> _Claim:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise KinesisError(
            "IncompleteSignatureException", f"Unsupported AWS 'algorithm': '{algorithm[:64]}'. Use {ALGORITHM}."
        )
    parts: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        parts[name] = value
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    timestamp = request.headers.get("x-amz-date") or ""
    problems = [f"Authorization header requires '{name}' parameter." for name in missing]
    if not timestamp:
        problems.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if problems:
        raise KinesisError("IncompleteSignatureException", " ".join(problems))
    return _checked(request, parts, timestamp, request.query, None, _MUST_BE_SIGNED)


def _claim_in_query(request: Request) -> _Claim:
    parameters: dict[str, str] = {}
    unsigned: list[str] = []
    for pair in request.query.split("&"):
        name, _, value = pair.partition("=")
        parameters[unquote(name)] = unquote(value)
        if name != "X-Amz-Signature":
            unsigned.append(pair)
    required = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders")
    missing = [name for name in (*required, "X-Amz-Signature") if not parameters.get(name)]
    if missing:
        raise KinesisError(
            "IncompleteSignatureException",
            " ".join(f"AWS query-string parameters must include '{m}'." for m in missing),
        )
    expires = parameters["X-Amz-Expires"]
    if parameters["X-Amz-Algorithm"] != ALGORITHM or not (expires.isdecimal() and int(expires[:8]) <= PRESIGNED_S_MAX):
        raise KinesisError("IncompleteSignatureException", f"use {ALGORITHM} and at most {PRESIGNED_S_MAX} seconds")
    parts = {name.removeprefix("X-Amz-"): value for name, value in parameters.items()}
    return _checked(
        request, parts, parameters["X-Amz-Date"], "&".join(unsigned), int(expires), _MUST_BE_SIGNED_PRESIGNED
    )


def _checked(
    request: Request,
    parts: Mapping[str, str],
    timestamp: str,
    query: str,
    expires_s: int | None,
    must_be_signed: tuple[str, ...],
) -> _Claim:
    scope = parts["Credential"].split("/")
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise KinesisError(
            "IncompleteSignatureException",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
        )
    signed = parts["SignedHeaders"].split(";")
    for name in must_be_signed:
        if name not in signed and (name in request.headers or name != "x-amz-target"):
            raise KinesisError(
                "InvalidSignatureException", f"'{name}' must be a 'SignedHeader' in the AWS Authorization."
            )
    return _Claim(
        scope[0], scope[1], scope[2], scope[3], parts["SignedHeaders"], parts["Signature"], timestamp, query, expires_s
    )


def _string_to_sign(request: Request, claim: _Claim) -> str:
    headers = request.headers
    lines = []
    for name in claim.signed_headers.split(";"):
        value = headers.get(name)
        if value is None:
            raise KinesisError("InvalidSignatureException", _MISMATCH)
        value = value.strip()
        if "  " in value or "\t" in value:
            value = _SPACES.sub(" ", value)
        lines.append(f"{name}:{value}\n")
    # Always the hash of what came, never what a header says it is: so an unsigned or swapped body cannot pass.
    body_hash = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join(
        (request.method, request.path, _canonical_query(claim.query), "".join(lines), claim.signed_headers, body_hash)
    )
    scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
    return f"{ALGORITHM}\n{claim.timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        pairs.append((_encoded(name), _encoded(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    # Decode first: clients differ in what they leave unescaped on the wire, the signature is over one spelling.
    return quote(unquote(text), safe="-_.~")
