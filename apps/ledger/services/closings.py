"""Close a month of the books, and take a closing back."""

from datetime import date, datetime, timedelta
from time import sleep
from typing import Final

from django.db import OperationalError, transaction

from apps.accounts.models import Organisation, User
from apps.core.domain.zones import zone
from apps.ledger.models import Closing

_TRIES: Final = 20
_PAUSE: Final = timedelta(milliseconds=100)


class NotClosable(Exception):
    """The month cannot be closed or reopened now; the message says why, and nothing was changed."""


def close_month(*, entity_id: int, month: date, by: User, at: datetime) -> Closing:
    """Close a month and with it all before; closing it again returns the first closing.

    month  its first day

    :raises NotClosable: it is not over, a later one is closed, or somebody kept posting
    """
    entity = Organisation.objects.get(pk=entity_id)
    if following(month) > at.astimezone(zone(entity.time_zone)).date():
        raise NotClosable(f"{month:%B %Y} is not over yet.")
    for _ in range(_TRIES):
        try:
            return _close(entity, month=month, by=by, at=at)
        except OperationalError as error:
            # The lock is not waited for: who waits for it would hold up every posting behind it.
            if getattr(error.__cause__, "sqlstate", "") != "55P03":
                raise
            sleep(_PAUSE.total_seconds())
    raise NotClosable("Something is being posted all the time. Please try again in a minute.")


@transaction.atomic
def _close(entity: Organisation, *, month: date, by: User, at: datetime) -> Closing:
    # Whoever closes at the same moment waits here, and then finds the month closed.
    Organisation.objects.select_for_update(no_key=True).get(pk=entity.pk)
    closed = Closing.objects.select_for_update().filter(entity=entity, reopened_at__isnull=True)
    known = {row.month: row for row in closed}
    if month in known:
        return known[month]
    if any(later > month for later in known):
        raise NotClosable(f"{max(known):%B %Y} is closed, and with it all before.")
    closing: Closing = Closing.objects.create(entity=entity, month=month, closed_by=by, closed_at=at)
    return closing


@transaction.atomic
def reopen_month(*, closing_id: int, reason: str, by: User, at: datetime) -> Closing:
    """Take a closing back; the months before it stay closed as far as they were closed before.

    :raises NotClosable: a later month is closed, or the reason is empty
    """
    closing: Closing = Closing.objects.select_for_update().get(pk=closing_id)
    if closing.reopened_at is not None:
        return closing
    if not reason.strip():
        raise NotClosable("Opening a closed month needs a reason.")
    later = Closing.objects.filter(entity=closing.entity_id, reopened_at__isnull=True, month__gt=closing.month)
    if later.exists():
        raise NotClosable(f"{later.latest('month')} is closed too. Reopen the later month first.")
    closing.reopened_by, closing.reopened_at, closing.reason = by, at, reason.strip()[:200]
    closing.save()
    return closing


def following(month: date) -> date:
    """Return the first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
