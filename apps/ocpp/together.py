"""What many stations ask for at the same moment is done in one go: a thousand that return do not queue one by one.

There is no timer: whoever comes alone is served at once, and whoever comes meanwhile is served next, with all others
who came. As the writer does with frames, but for what nobody's answer on the wire waits behind.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from apps.ocpp.pool import in_pool

One = TypeVar("One")
Result = TypeVar("Result")

MAX_BATCH: Final = 200


class Together(Generic[One, Result]):
    """One kind of work on the database; ``work`` takes what was asked and returns the results in order."""

    def __init__(self, work: Callable[[Sequence[One]], Sequence[Result]]) -> None:
        self._work = work
        # A process has one event loop; tests have several.
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, deque[tuple[One, asyncio.Future[Result]]]] = (
            WeakKeyDictionary()
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, one: One) -> Result:
        """Have it done with what others ask for, and return its own result; whatever the work raises, all hear."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        queue = self._queues.get(loop)
        if queue is not None:
            queue.append((one, future))
        else:
            self._queues[loop] = deque([(one, future)])
            task = asyncio.create_task(self._serve(loop))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        queue = self._queues[loop]
        try:
            while queue:
                batch = [queue.popleft() for _ in range(min(len(queue), MAX_BATCH))]
                await self._serve_batch([(one, future) for one, future in batch if not future.done()])
        finally:
            del self._queues[loop]

    async def _serve_batch(self, batch: Sequence[tuple[One, asyncio.Future[Result]]]) -> None:
        if not batch:
            return
        try:
            results = await in_pool(lambda: self._work([one for one, _ in batch]))
            answers = list(zip(batch, results, strict=True))
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in answers:
            if not future.done():
                future.set_result(result)
