"""Database work of the event loop that is not the writer's: a few threads of its own.

``database_sync_to_async`` would run all of a process on one thread, and a storm of returning stations would wait behind
each other's handshakes.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from django.db import close_old_connections, connections

T = TypeVar("T")

_THREADS: Final = 4
_executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="ocpp-pool")
_slow_lane = ThreadPoolExecutor(1, thread_name_prefix="ocpp-slow")


async def in_pool(work: Callable[..., T], **arguments: Any) -> T:
    """Run ``work`` with a database connection in one of the pool's threads."""
    return await asyncio.get_running_loop().run_in_executor(_executor, partial(_run, work, arguments))


async def in_slow_lane(work: Callable[..., T], **arguments: Any) -> T:
    """Run ``work`` one after the other with its like, so that however much there is of it, the pool stays free."""
    return await asyncio.get_running_loop().run_in_executor(_slow_lane, partial(_run, work, arguments))


def _run(work: Callable[..., T], arguments: dict[str, Any]) -> T:
    close_old_connections()
    try:
        return work(**arguments)
    finally:
        close_old_connections()


def stop_pool() -> None:
    """Close the threads and their connections (tests; a process is simply ended)."""
    global _executor, _slow_lane
    slow, _slow_lane = _slow_lane, ThreadPoolExecutor(1, thread_name_prefix="ocpp-slow")
    slow.submit(connections.close_all)
    slow.shutdown(wait=True)
    old, _executor = _executor, ThreadPoolExecutor(_THREADS, thread_name_prefix="ocpp-pool")
    # Each thread must close its own connection: the barrier keeps one thread from taking two turns.
    everyone = threading.Barrier(_THREADS)
    for _ in range(_THREADS):
        old.submit(_close_connections, everyone)
    old.shutdown(wait=True)


def _close_connections(everyone: threading.Barrier) -> None:
    everyone.wait()
    connections.close_all()
