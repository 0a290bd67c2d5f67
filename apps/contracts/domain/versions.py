"""What may become of a contract's version."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class VersionStatus(StrEnum):
    """A drafted document can still be looked at; an offered one may be accepted; the other two are for ever."""

    DRAFTED = "drafted"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"


class VersionKind(StrEnum):
    """What a version does to its contract; the last two need nobody's acceptance and have no document."""

    ORIGINAL = "original"
    AMENDMENT = "amendment"
    RENEWAL = "renewal"
    TERMINATION = "termination"


NEXT: Final[Mapping[VersionStatus, frozenset[VersionStatus]]] = MappingProxyType(
    {
        VersionStatus.DRAFTED: frozenset({VersionStatus.OFFERED, VersionStatus.WITHDRAWN}),
        VersionStatus.OFFERED: frozenset({VersionStatus.ACCEPTED, VersionStatus.WITHDRAWN}),
        VersionStatus.ACCEPTED: frozenset(),
        VersionStatus.WITHDRAWN: frozenset(),
    }
)
