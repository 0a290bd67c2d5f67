"""What may become of a tariff version.

Stored are two statuses: a draft is written, a published one is frozen. The rest follows from the clock: a published
version waits for its start, is in force, and is superseded once its end has passed.
"""

from datetime import datetime
from enum import StrEnum


class VersionStatus(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"


class VersionState(StrEnum):
    """A version's status at a moment, as people see it."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    IN_FORCE = "in force"
    SUPERSEDED = "superseded"


def state_at(
    status: VersionStatus, *, valid_from: datetime | None, valid_to: datetime | None, at: datetime
) -> VersionState:
    """Return the state at an instant; ``valid_from`` inclusive, ``valid_to`` exclusive, None = open."""
    if status is VersionStatus.DRAFT or valid_from is None:
        return VersionState.DRAFT
    if at < valid_from:
        return VersionState.SCHEDULED
    return VersionState.IN_FORCE if valid_to is None or at < valid_to else VersionState.SUPERSEDED
