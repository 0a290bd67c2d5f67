"""State machines: one table of allowed moves each, one check."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

Status = TypeVar("Status", bound=StrEnum)


class IllegalMove(Exception):
    """A status may not follow another; the message names both."""


def check_move(table: Mapping[Status, frozenset[Status]], status: Status, to: Status) -> Status:
    """Return ``to`` if ``table`` allows it after ``status``.

    :raises IllegalMove: it does not
    """
    if to not in table[status]:
        raise IllegalMove(f"{status.value} cannot become {to.value}")
    return to
