"""From money to current: who has paid first gets the connector, and who gets no current gets the money back.

Hold first, grant second, remote start third (PAYMENTS.md, "The driver's payment"). Everything here may be repeated,
by the bell, the sweeper or two workers at once: the EVSE's lock lets one decide, the rows tell the next what was
decided.
"""

import secrets
import string
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from apps.adhoc.domain.progress import CloseReason
from apps.adhoc.selectors import FREE, OUT_OF_ORDER, attempts_to_watch, open_grants, start_command_of
from apps.adhoc.services.locks import lock_evse_and_attempt
from apps.payments.domain.minimums import least_charge
from apps.payments.domain.status import AttemptStatus
from apps.payments.models import PaymentAttempt
from apps.payments.services.attempts import release_attempt, set_grant
from apps.sessions.selectors import claimed_session
from apps.sessions.services import close_grant, write_grant
from apps.stations.domain.status import CommandStatus
from apps.stations.models import Evse
from apps.stations.services import request_start

START_TIMEOUT: Final = timedelta(seconds=180)
"""A station's usual connection timeout of 150 s and 30 s for the way."""
COMMAND_PATIENCE: Final = timedelta(seconds=60)
"""For a station that reconnects; after that the driver is better told to go to another connector."""
TOKEN_CHARS: Final = 20
"""The most that OCPP 1.6 takes (§7.15): 103 bit."""
_ALPHABET: Final = string.ascii_uppercase + string.digits


def start_charging(*, attempt_id: int, at: datetime) -> None:
    """Let the connector start for an attempt that is paid; release its hold if somebody else was first.

    Repeating it changes nothing: an attempt gets one grant and one start command.
    """
    refusal = _grant_and_command(attempt_id, at=at)
    if refusal is not None:
        # Outside the transaction: this asks Stripe. Killed in between, the attempt is found again as it was.
        release_attempt(attempt_id=attempt_id, reason=refusal.value, at=at)


@transaction.atomic
def _grant_and_command(attempt_id: int, *, at: datetime) -> CloseReason | None:
    """Write grant and command; or return why this attempt gets neither."""
    evse, attempt = lock_evse_and_attempt(attempt_id)
    if attempt.status != AttemptStatus.AUTHORISED or attempt.grant_id is not None:
        return None
    refusal = _obstacle(evse, attempt, at=at)
    if refusal is not None:
        return refusal
    token = "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_CHARS))
    grant = write_grant(
        seller_id=attempt.seller_id,
        station_id=evse.station_id,
        evse_id=evse.pk,
        token=token,
        tariff_version_id=attempt.tariff_version_id,
        currency=attempt.currency,
        # A free tariff cannot cost anything: a ceiling of zero would only stop it at once.
        limit_amount=None if attempt.is_free else attempt.hold_amount.amount,
        waive_below=None if attempt.is_free else least_charge(attempt.currency),
        granted_at=at,
        expires_at=at + START_TIMEOUT,
        language=attempt.language,
    )
    set_grant(attempt_id=attempt.pk, grant_id=grant.pk)
    request_start(
        station_id=evse.station_id,
        evse_number=evse.number,
        token=token,
        requested_at=at,
        deadline_at=at + COMMAND_PATIENCE,
        reason="A driver has paid at the charger.",
    )
    return None


def _obstacle(evse: Evse, attempt: PaymentAttempt, *, at: datetime) -> CloseReason | None:
    """Tell why this attempt cannot have the connector; its EVSE is locked."""
    statuses = set(evse.connectors.values_list("status", flat=True))
    if statuses and statuses <= OUT_OF_ORDER:
        return CloseReason.UNAVAILABLE
    is_charging = claimed_session(evse.pk) is not None
    if is_charging or not statuses & FREE or open_grants(evse, at=at).exists() or _is_second(attempt):
        return CloseReason.TAKEN
    return None


def _is_second(attempt: PaymentAttempt) -> bool:
    """Tell whether somebody else's hold for this EVSE stood earlier and waits to be started: the first one wins."""
    others = PaymentAttempt.objects.filter(
        evse=attempt.evse_id, status=AttemptStatus.AUTHORISED, grant__isnull=True
    ).exclude(pk=attempt.pk)
    mine = (attempt.authorised_at, attempt.pk)
    return any((other.authorised_at, other.pk) < mine for other in others)


def watch_start(*, attempt_id: int, at: datetime) -> None:
    """Start what is paid and not started, and release the hold of a start that failed or never came."""
    start_charging(attempt_id=attempt_id, at=at)
    failure = _give_up(attempt_id, at=at)
    if failure is not None:
        release_attempt(attempt_id=attempt_id, reason=failure.value, at=at)


def watch_starts(*, at: datetime) -> int:
    """Watch every start that is due or under way and return how many those are."""
    attempt_ids = attempts_to_watch()
    for attempt_id in attempt_ids:
        watch_start(attempt_id=attempt_id, at=at)
    return len(attempt_ids)


@transaction.atomic
def _give_up(attempt_id: int, *, at: datetime) -> CloseReason | None:
    """Close the grant of a start that failed, so that one that comes late is refused and stopped; say why."""
    _, attempt = lock_evse_and_attempt(attempt_id)
    grant = attempt.grant
    if attempt.status != AttemptStatus.AUTHORISED or grant is None or grant.used_by_session_id is not None:
        return None
    command = start_command_of(attempt)
    failure = None if command is None else _COMMAND_FAILURES.get(CommandStatus(command.status))
    if failure is None and at >= grant.expires_at:
        failure = CloseReason.NOT_STARTED
    # A session may have begun since the grant was read; then there is nothing to give up.
    return failure if failure is not None and close_grant(grant_id=grant.pk, at=at) else None


_COMMAND_FAILURES: Final = {
    CommandStatus.REJECTED: CloseReason.REJECTED,
    CommandStatus.TIMED_OUT: CloseReason.NO_ANSWER,
}
