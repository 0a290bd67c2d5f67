"""Charge records made by the real engine from register values that a test states."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.core.clock import to_epoch_ms
from apps.invoices.models import Invoice
from apps.invoices.services.billing import run_billing
from apps.invoices.services.drafting import draft_contract
from apps.sessions.models import Cdr
from apps.sessions.services.rating import price, write_cdr
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts
from tests.factories import Site, make_grant, make_session, make_user

# Local day and night prices per kWh; midnight in Berlin is 22:00 UTC in summer.
NIGHT_AND_DAY: list[dict[str, Any]] = [
    {
        "price_components": [{"type": "ENERGY", "price": "0.29", "step_size": 1}],
        "restrictions": {"start_time": "22:00", "end_time": "06:00"},
    },
    {"price_components": [{"type": "ENERGY", "price": "0.49", "step_size": 1}]},
]
MARCH_EVENING = datetime(2026, 3, 10, 20, 0, tzinfo=UTC)  # 21:00 in Berlin
APRIL = datetime(2026, 4, 1, 6, 0, tzinfo=UTC)
END_OF_MARCH = date(2026, 3, 31)


def make_cdr(
    *,
    site: Site,
    started_at: datetime = MARCH_EVENING,
    kwh: str = "20",
    hours: int = 2,
    grant: GrantTerms | None = None,
    **session_fields: Any,
) -> Cdr:
    """Make a settled session that drew ``kwh`` evenly over ``hours``, and its charge record."""
    ended_at = started_at + timedelta(hours=hours)
    session = make_session(
        site=site,
        **{
            "status": "settled",
            "started_at": started_at,
            "start_received_at": started_at,
            "ended_at": ended_at,
            "end_received_at": ended_at,
            "settled_at": ended_at,
            **session_fields,
        },
    )
    return write_cdr(
        session, price(session, facts=facts_of(session, kwh=kwh), grant=grant or GrantTerms()), at=ended_at
    )


def make_paid_cdr(*, site: Site, language: str = "en", **fields: Any) -> Cdr:
    """Make a settled session on an anonymous driver's grant, and its charge record."""
    limits = {key: fields.pop(key) for key in ("limit_amount", "waive_below") if key in fields}
    cdr = make_cdr(
        site=site,
        contract=None,
        token=None,
        vehicle=None,
        id_token="K7P2M9X4Q1R8T5W3Z6Y0",
        grant=GrantTerms(**limits),
        **fields,
    )
    make_grant(
        site=site, used_by_session=cdr.session, granted_at=cdr.started_at, language=language, evse=site.evse, **limits
    )
    return cdr


def revise(cdr: Cdr, *, kwh: str, reason: str = "Meter was read again") -> Cdr:
    """Make the next revision of a charge record with another quantity."""
    return write_cdr(
        cdr.session,
        price(cdr.session, facts=facts_of(cdr.session, kwh=kwh), grant=GrantTerms()),
        at=cdr.rated_at,
        reason=reason,
        by=make_user(),
    )


def facts_of(session: Any, *, kwh: str) -> SessionFacts:
    begin = session.meter_start_milliwh
    return SessionFacts(
        started_at_ms=to_epoch_ms(session.started_at),
        ended_at_ms=to_epoch_ms(session.ended_at),
        time_zone=session.time_zone,
        register=(
            Reading(at_ms=to_epoch_ms(session.started_at), energy_milliwh=begin),
            Reading(at_ms=to_epoch_ms(session.ended_at), energy_milliwh=begin + int(Decimal(kwh) * 1_000_000)),
        ),
    )


def draft_next(**what: Any) -> Invoice | None:
    """Draft a contract; return the first of its drafts, if there is one."""
    return next(iter(draft_contract(**what)), None)


def bill(site: Site, *, until_date: date = END_OF_MARCH, at: datetime = APRIL) -> list[Invoice]:
    """Run billing for the site's owner; return what it issued."""
    run = run_billing(seller_id=site.owner.pk, until_date=until_date, at=at)
    return list(run.invoices.filter(status="issued").order_by("pk"))
