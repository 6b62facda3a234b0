"""The process that holds one model: loads it, answers its input example, then predicts for whoever connects to its socket.

Started by `workers.py` as `python -m gureum.serving.worker` with orders on standard input; with `examine` in them it only
says how the model is best run, and ends. Promise: it is confined before a byte of the model is loaded, ends with its
parent, and a prediction that takes longer than PREDICT_S_MAX ends it (it is then started again).
"""

from __future__ import annotations

import asyncio
import base64
import ctypes
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from gureum.errors import GureumError, InternalError, InvalidInput
from gureum.serving.bodies import answered, asked
from gureum.serving.confine import confine
from gureum.serving.frames import Frame, FrameReader, packed
from gureum.serving.model import Model, examine, load, plain
from gureum.serving.signature import TYPES, Rows, Signature, stored_name

__all__ = ["PREDICT_S_MAX", "main"]

PREDICT_S_MAX = 60

# A record of a stream has 1 MiB at most; a row beyond is kept without its values.
RECORD_BYTES_MAX = 1 << 20

_PR_SET_PDEATHSIG = 1


def main() -> None:
    orders = json.loads(sys.stdin.buffer.read())
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != orders["parent_pid"]:
        sys.exit(1)
    files = Path(orders["files"])
    holds = confine(
        readable=[files, Path(__file__).parents[1]],
        scratch=Path(orders["scratch"]),
        memory_bytes=orders["memory_bytes"],
    )
    tell = orders["ready_fd"]
    said: dict[str, Any]
    try:
        if orders["examine"]:
            said = {"plan": examine(files).to_json(), "confined": holds}
        else:
            model = load(files, orders["way"])
            if model.example is not None:
                plain(model.predict(model.example))
            said = {"ready": True, "confined": holds}
    except BaseException as error:  # of a stranger's code, SystemExit too: it must be said
        said = {"failed": f"{type(error).__name__}: {error}"[:2000]}
    with os.fdopen(tell, "wb") as pipe:
        pipe.write(orjson.dumps(said))
    if "ready" in said:
        _serve(model, socket.socket(fileno=orders["socket_fd"]))
    sys.stdout.flush()
    os._exit(0 if "failed" not in said else 1)


def _serve(model: Model, listening: socket.socket) -> None:
    import uvloop

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def on_frame(reader: FrameReader, frame: Frame) -> None:
            reader.transport.write(_answer(model, frame))

        await loop.create_unix_server(lambda: FrameReader(on_frame, lambda: None), sock=listening)
        await loop.create_future()

    uvloop.run(run())


def _answer(model: Model, frame: Frame) -> bytes:
    header, body, _ = frame
    # The kernel ends a prediction that hangs: no thread is needed, and Python code cannot catch it by accident.
    signal.setitimer(signal.ITIMER_REAL, PREDICT_S_MAX)
    started_s = time.perf_counter()
    captured = b""
    try:
        content_type, out, rows, predictions = _predict(model, header, body)
        said: dict[str, Any] = {"content_type": content_type, "rows": rows.count}
        if header.get("capture"):
            captured = _captured(header, _values(model.signature, rows), predictions, started_s)
    except GureumError as error:
        said, out = {"error": error.to_json()}, b""
    except Exception as error:  # the model's own: its words help its author
        failed = InvalidInput(
            f"the model raised {type(error).__name__}: {str(error)[:500]}", code="endpoint.model_raised"
        )
        if isinstance(error, MemoryError):
            failed = InvalidInput("the model ran out of memory", code="endpoint.memory", hint="send fewer rows")
        said, out = {"error": failed.to_json()}, b""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if header.get("capture") and "error" in said:
        captured = orjson.dumps(
            {**_about(header, started_s), "row_number": 0, "status": 400, "error": said["error"]["code"]}
        )
    return packed(said, out, captured)


def _predict(model: Model, header: dict[str, Any], body: bytes) -> tuple[str, bytes, Rows, list[Any]]:
    given = asked(header["content_type"], body, model.signature)
    if given.params:
        model.signature.check_params(given.params)
    if given.tensor is None:
        given.rows = model.signature.enforced(given.rows)
    predictions = plain(model.predict(given))
    if len(predictions) != given.rows.count:
        raise InternalError(
            f"the model gave {len(predictions)} predictions for {given.rows.count} rows", code="endpoint.predictions"
        )
    content_type, out = answered(predictions, header["accept"])
    return content_type, out, given.rows, predictions


def _about(header: dict[str, Any], started_s: float) -> dict[str, Any]:
    about = {name: header[name] for name in ("id", "at", "endpoint", "deployment", "model", "version", "generation")}
    about["latency_ms"] = round((time.perf_counter() - started_s) * 1000, 3)
    return about


def _captured(header: dict[str, Any], requests: list[Any], predictions: list[Any], started_s: float) -> bytes:
    """One JSON line a row, as the stream keeps it."""
    about = {**_about(header, started_s), "status": 200, "error": None}
    as_number = header["prediction"] == "DOUBLE"
    lines = []
    for at, (request, prediction) in enumerate(zip(requests, predictions, strict=True)):
        if not as_number and not isinstance(prediction, str):
            prediction = orjson.dumps(prediction, default=str).decode()
        record = {**about, "row_number": at, "request": request, "prediction": prediction}
        line = orjson.dumps(record, default=_as_text)
        if len(line) > RECORD_BYTES_MAX:
            line = orjson.dumps({**about, "row_number": at, "error": "too large to keep"})
        lines.append(line)
    return b"\n".join(lines)


def _values(signature: Signature, rows: Rows) -> list[Any]:
    """Each row as a JSON object, in the types of the captured table."""
    if not signature.inputs:
        return [None] * rows.count
    columns = rows.columns or list(rows.matrix.T if rows.matrix is not None else ())
    kept = [_column(one.type, column) for one, column in zip(signature.inputs, columns, strict=True)]
    names = [stored_name(one.name) for one in signature.inputs]
    return [dict(zip(names, row, strict=True)) for row in zip(*kept, strict=True)]


def _column(kind: str, column: Any) -> list[Any]:
    if kind in {"long", "integer"}:
        # Whole numbers in a matrix are floats; missing ones (of a column that may be) are objects.
        whole: list[Any] = column.tolist() if column.dtype.kind != "f" else column.astype("int64").tolist()
        return whole
    if kind == "datetime":
        return column.astype("datetime64[us]").tolist()  # type: ignore[no-any-return]  # numpy's word
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    if kind not in TYPES:
        return [orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode() for value in values]
    if kind == "binary":
        return [None if value is None else base64.b64encode(value).decode() for value in values]
    return values


def _as_text(value: Any) -> str:
    return str(value)


if __name__ == "__main__":
    main()
