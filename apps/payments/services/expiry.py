"""The expiry guard: what a hold is for is billed before its bank lets it go (PAYMENTS.md, The driver's payment)."""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from apps.payments.domain.status import AttemptStatus
from apps.payments.models import PaymentAttempt
from apps.sessions.domain.status import SessionStatus
from apps.sessions.models import ChargingSession
from apps.sessions.services import bill_undisputed, end_session, settle_sessions

log = logging.getLogger(__name__)

GUARD_BEFORE: Final = timedelta(hours=12)
"""Before ``capture_before``: a night for whoever has to look at a capture that fails."""
REASON: Final = "The hold on the driver's card ends soon."


@transaction.atomic
def guard_hold(*, attempt_id: int, at: datetime) -> None:
    """Bring the session of a hold that ends within 12 hours on its way to a receipt; repeating it changes nothing.

    ===================  ===========================================================================
    session              what is done
    ===================  ===========================================================================
    live, unresolved     it is asked to stop and ends at its last reading, flagged
    ended                it settles with what is known, a vehicle that stands there until now
    review               the part that nothing contradicts is billed; if there is none, it is waived
    settled              nothing: rating, receipt and capture follow by themselves
    ===================  ===========================================================================
    """
    attempt = PaymentAttempt.objects.select_for_update().get(pk=attempt_id)
    if attempt.is_free or attempt.status != AttemptStatus.AUTHORISED or attempt.receipt_id or attempt.grant is None:
        return
    capture_before, session_id = attempt.payment.capture_before, attempt.grant.used_by_session_id
    if session_id is None or capture_before is None or capture_before - GUARD_BEFORE > at:
        return
    log.warning("%s holds until %s only: session %s is brought to its end", attempt, capture_before, session_id)
    end_session(session_id=session_id, reason=REASON, at=at)
    settle_sessions(session_ids=[session_id], at=at, is_urgent=True)
    if ChargingSession.objects.filter(pk=session_id, status=SessionStatus.REVIEW).exists():
        bill_undisputed(session_id=session_id, reason=REASON, at=at)
