"""What the integration tests of every app share."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections


@pytest.fixture
def at_once() -> Callable[..., list[Any]]:
    """Run functions at the same time, each in a thread with a connection of its own; return their results in order."""

    def run(*works: Callable[[], Any]) -> list[Any]:
        together = Barrier(len(works))

        def one(work: Callable[[], Any]) -> Any:
            try:
                together.wait(timeout=10)
                return work()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(works)) as pool:
            futures: list[Future[Any]] = [pool.submit(one, work) for work in works]
            return [future.result(timeout=30) for future in futures]

    return run
