"""What both stories need: to say a line, to wait for what the worker does, to stop when the story breaks."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apps.documents.models import Document

GOOD_CARD = "4242424242424242"
Say = Callable[[str], None]
Found = TypeVar("Found")


class StoryBroken(RuntimeError):
    """The story did not go as told; the message says where."""


def wait_for(what: str, find: Callable[[], Found | None], *, seconds: int = 90) -> Found:
    """Return the first thing ``find`` finds.

    :raises StoryBroken: nothing within ``seconds``
    """
    deadline = time.monotonic() + seconds
    while (found := find()) is None:
        if time.monotonic() > deadline:
            raise StoryBroken(f"{what} did not appear within {seconds} s")
        time.sleep(0.1)
    return found


def keep_file(document: Document, *, root: Path) -> Path:
    """Put a document's bytes under ``var/demo`` and return the path."""
    path: Path = root / "var" / "demo" / document.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(document.content)
    return path
