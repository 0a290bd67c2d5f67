"""Tell webhooks of sessions that are over and of what they cost."""

from collections.abc import Sequence
from datetime import datetime

from apps.contracts.models import Contract
from apps.core.domain.money import plain
from apps.documents.domain.events import EventType
from apps.documents.webhooks.announcing import Fact, announce, is_wanted
from apps.sessions.models import Cdr, ChargingSession


def tell_settled(sessions: Sequence[ChargingSession], *, at: datetime) -> None:
    """Tell sessions that are being settled, each once, however often it is settled after a review."""
    if not sessions or not is_wanted(EventType.SESSION_SETTLED):
        return
    buyers = _buyers(sessions)
    announce(
        *(
            Fact(
                event=EventType.SESSION_SETTLED,
                key=str(session.uid),
                seller_id=session.seller_id,
                customer_id=buyers.get(session.contract_id),
                at=at,
                data={
                    "uid": str(session.uid),
                    "station": session.station.identity,
                    "evse": session.evse.number,
                    "started_at": session.started_at.isoformat(),
                    "ended_at": session.ended_at.isoformat() if session.ended_at else None,
                    "energy_milliwh": _energy(session),
                },
                api_path=f"/api/v1/sessions/{session.uid}/",
            )
            for session in sessions
        )
    )


def tell_rated(cdr: Cdr, session: ChargingSession, *, at: datetime) -> None:
    """Tell a charge record that is being written; a correction is another revision. Not what is paid back."""
    if cdr.purpose != Cdr.Purpose.RETAIL or not is_wanted(EventType.CHARGE_RECORD_CREATED):
        return
    announce(
        Fact(
            event=EventType.CHARGE_RECORD_CREATED,
            key=f"{session.uid}.{cdr.revision}",
            seller_id=session.seller_id,
            customer_id=_buyers([session]).get(session.contract_id),
            at=at,
            data={
                "session": str(session.uid),
                "revision": cdr.revision,
                "energy_milliwh": cdr.energy_milliwh,
                "currency": cdr.currency,
                "net": plain(cdr.net.amount),
                "tax": plain(cdr.tax.amount),
                "gross": plain(cdr.gross.amount),
            },
            api_path=f"/api/v1/charge-records/{session.uid}.{cdr.revision}/",
        )
    )


def _buyers(sessions: Sequence[ChargingSession]) -> dict[int | None, int | None]:
    """Return the buying organisation of each contract that has one."""
    contracts = {session.contract_id for session in sessions} - {None}
    if not contracts:
        return {}
    return dict(Contract.objects.filter(pk__in=contracts).values_list("pk", "customer__organisation"))


def _energy(session: ChargingSession) -> int | None:
    if session.meter_start_milliwh is None or session.meter_stop_milliwh is None:
        return None
    return session.meter_stop_milliwh - session.meter_start_milliwh
