"""The driver has enough: stop the charge, or give it up before it began."""

from datetime import datetime

from django.db import transaction

from apps.adhoc.domain.progress import CloseReason
from apps.adhoc.services.locks import lock_evse_and_attempt
from apps.payments.domain.status import RELEASABLE
from apps.payments.services.attempts import release_attempt
from apps.sessions.services import close_grant, request_stop


def stop_or_cancel(*, attempt_id: int, at: datetime) -> None:
    """Ask the station to stop the attempt's charge; before it has begun, give the hold back instead.

    Asking again, or when it is over already, changes nothing.
    """
    if _stop_or_close(attempt_id, at=at):
        release_attempt(attempt_id=attempt_id, reason=CloseReason.CANCELLED.value, at=at)


@transaction.atomic
def _stop_or_close(attempt_id: int, *, at: datetime) -> bool:
    """Request the stop; or return True if there is nothing to stop and the hold is to be released."""
    _, attempt = lock_evse_and_attempt(attempt_id)
    grant = attempt.grant
    if grant is not None and grant.used_by_session_id is not None:
        request_stop(session_id=grant.used_by_session_id, at=at, reason="The driver asked for it on the page.")
        return False
    if attempt.status not in RELEASABLE:
        return False
    return grant is None or close_grant(grant_id=grant.pk, at=at)
