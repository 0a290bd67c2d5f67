"""What sessions have cost, as somebody at the charger may be told: the bill's own engine, and when it is final."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from apps.core.clock import from_epoch_ms
from apps.core.domain.money import round_half_up
from apps.sessions.domain.settling import is_late
from apps.sessions.domain.states import VEHICLE_STATE
from apps.sessions.domain.status import SessionStatus
from apps.sessions.evidence import Evidence, end_of, gather
from apps.sessions.granted import grant_terms, running_terms
from apps.sessions.models import Cdr, ChargingSession
from apps.sessions.running import CannotBePriced, gross_so_far, register_so_far
from apps.tariffs.domain.facts import VehicleState


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCost:
    """What a session has cost as of its last reading.

    gross              rounded, with the decimals of its currency
    energy_milliwh     delivered · register_milliwh: what the register showed at ``at``
    is_final           nothing can be added any more: it is what the charge record says, or will say
    """

    session: ChargingSession
    gross: Decimal
    currency: str
    at: datetime
    energy_milliwh: int
    register_milliwh: int
    is_idle: bool
    is_final: bool


def costs_of(sessions: Sequence[ChargingSession]) -> list[SessionCost | None]:
    """Price sessions, in order; None: nobody pays, or it cannot be priced yet.

    sessions  with grant, tariff version, and EVSE up to its location loaded
    """
    billable = [session for session in sessions if session.is_billable]
    records = _records(billable)
    told = {e.session.pk: _cost(e, records.get(e.session.pk)) for e in gather(billable)} if billable else {}
    return [told.get(session.pk) for session in sessions]


def _records(sessions: Sequence[ChargingSession]) -> dict[int, Cdr]:
    ended = [session.pk for session in sessions if session.ended_at is not None]
    if not ended:
        return {}
    records = Cdr.objects.filter(session_id__in=ended, purpose=Cdr.Purpose.RETAIL).order_by("revision")
    return {record.session_id: record for record in records}


def _cost(evidence: Evidence, record: Cdr | None) -> SessionCost | None:
    session = evidence.session
    assert session.tariff_version is not None
    currency = session.tariff_version.currency
    is_final = record is not None or _is_complete(evidence)
    terms = grant_terms(session) if is_final else running_terms(session)
    try:
        register = register_so_far(evidence)
        gross = gross_so_far(evidence, grant=terms) if record is None else record.gross.amount
    except CannotBePriced:
        return None
    return SessionCost(
        session=session,
        # It is rounded already; the column of a charge record has six decimals.
        gross=round_half_up(gross, currency=currency),
        currency=currency,
        at=from_epoch_ms(register[-1].at_ms),
        energy_milliwh=register[-1].energy_milliwh - register[0].energy_milliwh,
        register_milliwh=register[-1].energy_milliwh,
        is_idle=bool(evidence.said) and VEHICLE_STATE.get(evidence.said[-1][1]) is VehicleState.IDLE,
        is_final=is_final,
    )


def _is_complete(evidence: Evidence) -> bool:
    """Tell whether all that will be billed is known although the session is not rated yet.

    Its stop was told in time and with the register, idling after it costs nothing or is over, and no person has to
    look. Under calibration law the amount is known only when the signatures are verified.
    """
    session = evidence.session
    if session.ended_at is None or session.end_received_at is None or end_of(session) is None:
        return False
    is_open = session.status in (SessionStatus.ENDED, SessionStatus.SETTLED) and not session.review_reasons
    is_prompt = not is_late(told_of=session.ended_at, received_at=session.end_received_at)
    idles_on = evidence.prices_idle and not evidence.occupancy().is_gone
    return is_open and is_prompt and not idles_on and not session.is_under_calibration_law
