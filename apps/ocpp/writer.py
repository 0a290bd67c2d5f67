"""The one writer of a process: a thread that takes what gathered while its last commit ran, and answers after commit.

There is no timer: an idle station is answered at once, and under load the flush grows by itself (at most
``MAX_BATCH``). The raw frames are committed first, then their effects in one transaction of set-based
statements. If the effects fail, each message is tried alone in a savepoint. If the database fails, nobody is
answered: the stations repeat.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final

from django.db import OperationalError, close_old_connections, connections

from apps.ocpp import services
from apps.ocpp.services import Arrival

log = logging.getLogger(__name__)

MAX_BATCH: Final = 500
TRUSTED_FOR_S: Final = 5.0
"""How long after a flush the connection is taken to be alive."""


class NotWrittenError(Exception):
    """The database did not take it; nothing may be said about it on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """An arrival or some other work, and who waits for it on which event loop."""

    work: Arrival | Callable[[], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Writer:
    """The queue and its thread, which starts with the first job and ends with ``stop``."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._flushed_s = 0.0

    async def write(self, arrival: Arrival) -> str | None:
        """Keep the frame, carry out its request, and return the answering frame once it is committed; None: be silent.

        :raises NotWrittenError: the database failed
        """
        answer: str | None = await self._submit(arrival)
        return answer

    async def run(self, work: Callable[[], Any]) -> Any:
        """Run ``work`` between two flushes, so that it never waits for a lock that this process holds.

        :raises NotWrittenError: it failed
        """
        return await self._submit(work)

    def stop(self) -> None:
        """Finish what is queued and end the thread (tests; a process is simply ended)."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _submit(self, work: Arrival | Callable[[], Any]) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="ocpp-writer", daemon=True)
                self._thread.start()
        self._queue.put(_Job(work=work, future=future, loop=loop))
        return future

    def _work(self) -> None:
        try:
            while (job := self._queue.get()) is not None:
                batch, goes_on = self._gather(job)
                self._look_after_connection()
                _report(batch, _flush(batch))
                if not goes_on:
                    return
        finally:
            connections.close_all()

    def _look_after_connection(self) -> None:
        """Give back a connection that idled, in case it broke; a busy one is kept, for asking costs a trip."""
        now_s = time.monotonic()
        if now_s - self._flushed_s > TRUSTED_FOR_S:
            close_old_connections()
        self._flushed_s = now_s

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:
                return batch, False
            batch.append(job)
        return batch, True


def _flush(batch: Sequence[_Job]) -> list[Any]:
    """Return the result of each job, in order; a job that failed has a ``NotWrittenError``."""
    arrivals = [job.work for job in batch if isinstance(job.work, Arrival)]
    answers = iter(_write(arrivals))
    return [next(answers) if isinstance(job.work, Arrival) else _run(job.work) for job in batch]


def _write(arrivals: Sequence[Arrival]) -> Sequence[str | NotWrittenError | None]:
    if not arrivals:
        return []
    try:
        services.keep_frames(arrivals)
        answers = _act(arrivals)
    except Exception as error:
        log.exception("a flush of %s frames was not written", len(arrivals))
        close_old_connections()
        return [NotWrittenError(type(error).__name__)] * len(arrivals)
    services.hit_committed(arrivals)
    return answers


def _act(arrivals: Sequence[Arrival]) -> list[str | None]:
    try:
        return services.act_together(arrivals)
    except OperationalError:
        # A deadlock or a lost connection: what was rolled back is simply done again, once.
        log.warning("a flush of %s frames is repeated", len(arrivals), exc_info=True)
        close_old_connections()
    except Exception:
        log.warning("a flush of %s frames goes on message by message", len(arrivals), exc_info=True)
    return services.act_alone(arrivals)


def _run(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:
        log.exception("work of the writer failed")
        close_old_connections()
        return NotWrittenError(type(error).__name__)


def _report(batch: Sequence[_Job], results: Sequence[Any]) -> None:
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = defaultdict(list)
    for job, result in zip(batch, results, strict=True):
        by_loop[job.loop].append((job.future, result))
    for loop, outcomes in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, outcomes)
        except RuntimeError:
            log.info("nobody is left to hear %s answers", len(outcomes))


def _settle(outcomes: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in outcomes:
        if future.done():
            continue
        if isinstance(result, NotWrittenError):
            future.set_exception(result)
        else:
            future.set_result(result)


writer: Final = Writer()
