"""A request is kept once: over the real log, with a writer that dies, answers late or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from gureum.app import Platform
from gureum.catalog.catalog import SYSTEM
from gureum.errors import Unavailable
from gureum.serving.capture import Capture
from gureum.settings import Settings
from gureum.streams.spec import StreamSpec
from gureum.streams.writer import LogWriter, PutResult, Records
from gureum.testing.clock import ManualClock


class Unreliable:
    """The real writer, which loses as many answers as it is told, before or after it has written."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer
        self.lose_before = 0
        self.lose_after = 0

    async def put_records(
        self, stream: StreamSpec, records: Records, *, producer: tuple[str, int] | None = None
    ) -> PutResult:
        if self.lose_before:
            self.lose_before -= 1
            raise Unavailable("the writer was killed")
        result = await self._writer.put_records(stream, records, producer=producer)
        if self.lose_after:
            self.lose_after -= 1
            raise Unavailable("the writer was killed")
        return result


class Kept:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.platform = Platform(Settings(folder=folder), clock=self.clock)
        (folder / "streams").mkdir()
        self.stream = self.platform.streams.create("endpoints.e", SYSTEM)
        self.log = self.platform.open_writer()
        self.writer = Unreliable(self.log)

    def capture(self) -> Capture:
        """As a gateway that has just started."""
        return Capture(lambda: self.stream, writer=self.writer, readers=self.platform.readers, clock=self.clock)

    def ids(self) -> list[str]:
        reader = self.platform.readers.get(self.stream.id, self.stream.open_shards[0].id)
        bodies: list[dict[str, Any]] = [orjson.loads(record.data) for record in reader.read(0).records()]
        return [body["id"] for body in bodies if "id" in body]


def row(name: str) -> list[bytes]:
    return [orjson.dumps({"id": name, "row_number": 0})]


@pytest.fixture
def kept(tmp_path: Path):
    made = Kept(tmp_path)
    yield made
    made.log.close()
    made.platform.close()


def test_many_at_once_are_each_kept_once_also_when_they_are_repeated(kept: Kept):
    async def main() -> None:
        capture = kept.capture()
        await asyncio.gather(*(capture.keep(f"r{at % 50}", row(f"r{at % 50}")) for at in range(200)))
        await capture.keep("r7", row("r7"))

    asyncio.run(main())
    assert sorted(kept.ids()) == sorted(f"r{at}" for at in range(50))


@pytest.mark.parametrize("lost", ["lose_before", "lose_after"])
def test_an_answer_that_was_lost_is_asked_for_again(kept: Kept, lost: str):
    async def main() -> None:
        capture = kept.capture()
        await capture.keep("first", row("first"))
        setattr(kept.writer, lost, 2)
        await capture.keep("second", row("second"))

    asyncio.run(main())
    assert kept.ids() == ["first", "second"]


def test_a_repeat_at_the_next_gateway_is_known(kept: Kept):
    async def main() -> None:
        await kept.capture().keep("a", row("a"))
        later = kept.capture()
        await asyncio.gather(later.keep("a", row("a")), later.keep("b", row("b")))

    asyncio.run(main())
    assert kept.ids() == ["a", "b"]


def test_what_an_earlier_gateway_still_had_on_its_way_is_fenced_off(kept: Kept):
    async def main() -> None:
        old = kept.capture()
        await old.keep("a", row("a"))
        new = kept.capture()
        await new.keep("b", row("b"))
        # As if this put had lain in the writer's socket: it is acknowledged to nobody, and not written.
        await old.keep("late", row("late"))
        await new.keep("late", row("late"))

    asyncio.run(main())
    assert kept.ids() == ["a", "b", "late"]


def test_a_clock_that_was_set_back_does_not_lose_rows(kept: Kept):
    async def main() -> None:
        await kept.capture().keep("a", row("a"))
        kept.clock.advance(-3000)
        await kept.capture().keep("b", row("b"))

    asyncio.run(main())
    assert kept.ids() == ["a", "b"]
