"""Who pays for a session on an employer's card: kept as it begins, marked by the driver, corrected by a person."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import transaction

from apps.accounts.models import User
from apps.contracts.domain.payers import Origin, Payer
from apps.contracts.models import Contract
from apps.core.rows import insert_rows
from apps.sessions.accounts import judge_driver
from apps.sessions.models import ChargingSession, PayerDecision
from apps.sessions.services.lookup import locked_sessions
from apps.sessions.services.permission import Permission

# Whoever bills says why a session's payer cannot be marked any more; "" where it can. Filled by AppConfig.ready.
WhyFixed = Callable[[ChargingSession], str]
_why_fixed: list[WhyFixed] = []


class PayerRefused(Exception):
    """Who pays stays as it was; the message says why."""


def register_why_fixed(ask: WhyFixed) -> None:
    _why_fixed.append(ask)


def write_decisions(begun: Iterable[tuple[ChargingSession, Permission]]) -> None:
    """Keep what the rules said of sessions that begin; one that is refused runs on nobody's account."""
    insert_rows(
        [
            PayerDecision(
                session=session,
                number=1,
                payer=permission.payer.payer,
                contract_id=session.contract_id,
                origin=permission.payer.origin,
                facts=dict(permission.payer.facts),
                mark_days=permission.mark_days,
                decided_at=session.start_received_at,
            )
            for session, permission in begun
            if permission.payer is not None and session.contract_id is not None
        ]
    )


def decision_of(session: ChargingSession) -> PayerDecision | None:
    """Return who pays for a session and why; None: no rules were asked."""
    found: PayerDecision | None = session.payer_decisions.select_related("contract").order_by("-number").first()
    return found


def marks_until(session: ChargingSession, first: PayerDecision) -> datetime | None:
    """Return until when the driver may mark a session; None: as long as it runs."""
    return None if session.ended_at is None else session.ended_at + timedelta(days=first.mark_days)


@transaction.atomic
def mark_payer(*, session_id: int, payer: Payer, by: User, at: datetime) -> PayerDecision:
    """Let the driver say who pays: until the stated days after the end, and before it is billed. Again changes nothing.

    The price stays that of the start.

    :raises PayerRefused: no rules were asked, the time is over, it is billed, or the driver has no contract that runs
    """
    session = locked_sessions().get(pk=session_id)
    current, first = decision_of(session), session.payer_decisions.filter(number=1).first()
    if current is None or first is None or not first.mark_days:
        raise PayerRefused("Who pays for this session cannot be marked.")
    if current.payer == payer:
        return current
    if current.origin == Origin.CORRECTED:
        raise PayerRefused("Your charging provider has decided who pays for this session.")
    until = marks_until(session, first)
    if until is not None and at > until:
        raise PayerRefused(f"This session could be marked for {first.mark_days} days after its end.")
    if why := next((why for ask in _why_fixed if (why := ask(session))), ""):
        raise PayerRefused(why)
    return _decide(session, current, payer=payer, origin=Origin.MARKED, reason="", by=by, at=at)


@transaction.atomic
def change_payer(*, session_id: int, payer: Payer, reason: str, by: User, at: datetime) -> PayerDecision:
    """Change who pays by a person's word; whoever calls this has taken back what was billed.

    :raises PayerRefused: no rules were asked, it is so already, or the driver has no contract that runs
    """
    session = locked_sessions().get(pk=session_id)
    current = decision_of(session)
    if current is None:
        raise PayerRefused("No rule of employer or driver was asked when this session began.")
    if current.payer == payer:
        raise PayerRefused(f"{current}: it is so already.")
    return _decide(session, current, payer=payer, origin=Origin.CORRECTED, reason=reason, by=by, at=at)


def contract_of(session: ChargingSession, *, payer: Payer) -> Contract:
    """Return the contract of who is to pay.

    :raises PayerRefused: the driver has none that ran when the session began
    """
    token = session.token
    assert token is not None, "rules are asked of cards alone"
    if payer is Payer.EMPLOYER:
        return token.contract
    if why := judge_driver(token.driver_contract, at=session.started_at):
        raise PayerRefused(f"The driver cannot pay: {why}.")
    contract: Contract | None = token.driver_contract
    assert contract is not None, "judge_driver refuses a card without one"
    return contract


def _decide(
    session: ChargingSession,
    current: PayerDecision,
    *,
    payer: Payer,
    origin: Origin,
    reason: str,
    by: User,
    at: datetime,
) -> PayerDecision:
    contract = contract_of(session, payer=payer)
    token = session.token
    assert token is not None, "rules are asked of cards alone"
    is_employer = payer is Payer.EMPLOYER
    session.contract = contract
    # Nothing of a contract sticks to a session that it does not pay for.
    session.vehicle_id = token.vehicle_id if is_employer else None
    session.cost_centre_id = token.cost_centre_id if is_employer else None
    session.save(update_fields=["contract", "vehicle", "cost_centre"])
    return PayerDecision.objects.create(
        session=session,
        number=current.number + 1,
        payer=payer,
        contract=contract,
        origin=origin,
        facts={"reason": reason} if reason else {},
        decided_at=at,
        decided_by=by,
    )
