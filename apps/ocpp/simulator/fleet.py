"""Many simulated stations at once: their identities and keys, and what their requests cost."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from websockets.exceptions import InvalidHandshake, InvalidStatus

from apps.ocpp.simulator.charger import AnswerLostError
from apps.ocpp.simulator.csv_files import BadCsvError, read_rows


def identities(prefix: str, count: int) -> list[str]:
    """Return PREFIX-0001 and so on."""
    return [f"{prefix}-{number:04d}" for number in range(1, count + 1)]


def read_keys(path: Path) -> dict[str, str]:
    """Read a CSV file ``station,key``, such as the console hands out after an import; other columns do not matter.

    :raises BadCsvError: names line and column
    """
    keys: dict[str, str] = {}
    for row in read_rows(path, ("station", "key")):
        identity = row.text("station")
        if identity in keys:
            row.refuse("station", f"{identity[:48]!r} stands there twice")
        keys[identity] = row.text("key")
    return keys


def keys_of(stations: Sequence[str], path: Path) -> dict[str, str]:
    """Return the key of each station.

    :raises BadCsvError: the file lacks one
    """
    keys = read_keys(path)
    if missing := [identity for identity in stations if identity not in keys]:
        raise BadCsvError(f"{path}: no line for {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}")
    return {identity: keys[identity] for identity in stations}


class Tally:
    """How long requests took and what went wrong; ``note_call`` is handed to every charger."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seconds: list[float] = []
        self._errors: Counter[str] = Counter()
        self._lost = 0

    def note_call(self, seconds: float, error: Exception | None) -> None:
        """Count a request by how it ended; answers lost on purpose are nobody's error."""
        if error is None:
            self._seconds.append(seconds)
        elif isinstance(error, AnswerLostError):
            self._lost += 1
        else:
            self.note_error(error)

    def note_error(self, error: Exception) -> None:
        self._errors[describe(error)] += 1

    def summary(self, stations: int) -> str:
        """Return one line: messages answered a second, errors by kind, and percentiles of the answers' times."""
        wall_s, count = time.monotonic() - self._began, len(self._seconds)
        kinds = "".join(f"; {number} × {kind}" for kind, number in self._errors.most_common(3))
        lost = f", {self._lost} answers lost on purpose" if self._lost else ""
        return (
            f"{stations} stations: {count} messages in {wall_s:.1f} s, {count / wall_s:.1f} messages/s,"
            f" {self._errors.total()} errors{lost}, p50 {self._percentile_ms(50)} ms, p99 {self._percentile_ms(99)} ms"
            f"{kinds}"
        )

    def _percentile_ms(self, percent: int) -> str:
        if not self._seconds:
            return "–"
        ordered = sorted(self._seconds)
        return f"{ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1000:.0f}"


def describe(error: Exception) -> str:
    """Say in a few words what went wrong."""
    if isinstance(error, InvalidStatus):
        return f"refused: HTTP {error.response.status_code} {error.response.body.decode(errors='replace')}"
    return f"{type(error).__name__} {error}".strip()


async def together(works: Sequence[Coroutine[Any, Any, object]], tally: Tally) -> None:
    """Let all work at once; one that fails counts as an error and leaves the others alone."""

    async def noted(work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except (InvalidHandshake, OSError, TimeoutError, ConnectionError) as error:
            tally.note_error(error)

    await asyncio.gather(*map(noted, works))
