"""States of documents and billing runs."""

from enum import StrEnum

from apps.core.domain.moves import check_move


class InvoiceStatus(StrEnum):
    """Paid, credited and disputed are no states of a document: they are derived from what points at it."""

    DRAFT = "draft"
    ISSUED = "issued"


class RunStatus(StrEnum):
    """Drafted: a run under review waits for a person; approved, it runs again, and issues."""

    RUNNING = "running"
    DRAFTED = "drafted"
    DONE = "done"


NEXT: dict[InvoiceStatus, frozenset[InvoiceStatus]] = {
    InvoiceStatus.DRAFT: frozenset({InvoiceStatus.ISSUED}),
    InvoiceStatus.ISSUED: frozenset(),
}


def advance(status: InvoiceStatus, to: InvoiceStatus) -> InvoiceStatus:
    """Return ``to``.

    :raises IllegalMove: a document does not go from ``status`` to ``to``
    """
    return check_move(NEXT, status, to)
