"""In which order the files of a run are told, so that several workers end at the same time.

First what needs no database. Then the directories in which one test may take a minute, for whoever begins with it
last lets the others wait; the other files after them, those of most tests first, and the small ones fill the end.
"""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

TESTS: Final = Path(__file__).parent
LONG: Final = [TESTS / "journeys", TESTS / "integration" / "faces", TESTS / "integration" / "payments"]
"""Of processes that are killed and browsers, of walks over every page, and of whole histories."""


def places_of_files(items: list[Any]) -> dict[Path, tuple[bool, int, int]]:
    """Return of each test file what it is sorted by."""
    sizes = Counter(item.path for item in items)
    asks: dict[Path, bool] = defaultdict(bool)
    for item in items:
        asks[item.path] |= needs_database(item)
    return {path: (asks[path], _place(path), -size) for path, size in sizes.items()}


def needs_database(item: Any) -> bool:
    return item.get_closest_marker("django_db") is not None or bool(
        {"db", "transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    )


def _place(path: Path) -> int:
    return next((place for place, directory in enumerate(LONG) if path.is_relative_to(directory)), len(LONG))
