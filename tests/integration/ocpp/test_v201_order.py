"""The events of a transaction in every order, live and 72 hours late: one session, one charge record, the same bill."""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from apps.core.audit import find_violations
from apps.ocpp.domain.frames import Call
from apps.ocpp.handling import Request
from apps.ocpp.models import Direction, Frame
from apps.ocpp.v201 import HANDLERS, readings_in
from apps.sessions import services as sessions
from apps.sessions.models import Cdr, ChargingSession
from tests.factories import NOON, make_evse, make_site, make_token
from tests.integration.ocpp.events import event, meter, sample

MINUTE = timedelta(minutes=1)
LATE = timedelta(hours=72)


class Teller:
    """Hands events to the handler as the writer does, each with its raw frame."""

    def __init__(self, station_id: int) -> None:
        self._station_id = station_id

    def tell(self, payload: dict[str, Any], *, received_at: datetime) -> Any:
        frame = Frame.objects.create(
            station_id=self._station_id,
            connection_no=1,
            direction=Direction.IN,
            received_at=received_at,
            action="TransactionEvent",
            payload="",
        )
        call = Call(message_id="1", action="TransactionEvent", payload=payload)
        request = Request(
            station_id=self._station_id,
            frame_id=frame.pk,
            received_at=received_at,
            call=call,
            values=readings_in(call),
        )
        (answer,) = HANDLERS["TransactionEvent"]([request])
        return answer


def begun_with_the_cable(uid: str) -> list[dict[str, Any]]:
    """Plugged in, authorised a minute later, one reading, stopped by the same card; only the first two say where."""
    return [
        event(
            "Started", NOON, trigger="CablePluggedIn", values=[meter(NOON, sample(1_000, context="Transaction.Begin"))]
        ),
        event("Updated", NOON + MINUTE, trigger="Authorized", token=uid, info={"chargingState": "Charging"}),
        event("Updated", NOON + 30 * MINUTE, evse=None, values=[meter(NOON + 30 * MINUTE, sample(6_000))]),
        event(
            "Ended",
            NOON + 60 * MINUTE,
            evse=None,
            token=uid,
            trigger="StopAuthorized",
            values=[meter(NOON + 60 * MINUTE, sample(11_000, context="Transaction.End"))],
        ),
    ]


def begun_with_the_card(uid: str) -> list[dict[str, Any]]:
    """Authorised before the cable went in; the register is told only at begin and end."""
    return [
        event("Started", NOON, token=uid, values=[meter(NOON, sample(1_000, context=None))]),
        event("Updated", NOON + MINUTE, info={"chargingState": "Charging"}),
        event("Updated", NOON + 40 * MINUTE, info={"chargingState": "SuspendedEV"}),
        event("Ended", NOON + 60 * MINUTE, values=[meter(NOON + 60 * MINUTE, sample(11_000, context=None))]),
    ]


@pytest.fixture
def site(db):
    # Two prices, so that the bill shows what was charged when.
    return make_site(
        elements=[
            {"price_components": [{"type": "ENERGY", "price": "0.50"}, {"type": "TIME", "price": "3.00"}]},
        ]
    )


def bill(session: ChargingSession) -> dict[str, Any]:
    """Let the session settle, price it, and return its charge record's document."""
    sessions.sweep_unsettled(at=NOON + LATE + 10 * MINUTE)
    sessions.sweep_unrated(at=NOON + LATE + 10 * MINUTE)
    session.refresh_from_db()
    assert (session.status, session.review_reasons) == ("settled", [])
    return Cdr.objects.get(session=session).document


@pytest.mark.parametrize("story", [begun_with_the_cable, begun_with_the_card])
class TestEventsInEveryOrder:
    def test_told_late_make_the_bill_that_they_make_live(self, site, story):
        evses = {None: site.evse}
        live = Teller(site.station.pk)
        for payload in story(site.token.uid):
            live.tell(payload, received_at=datetime.fromisoformat(payload["timestamp"]))
        expected = bill(ChargingSession.objects.get())

        for number, order in enumerate(permutations(range(4)), start=2):
            # Each order has a connector and a card of its own, so that none meets another's session.
            evses[order] = make_evse(station=site.station, number=number)
            token = make_token(contract=site.contract, vehicle=site.vehicle)
            events = story(token.uid)
            for payload in events:
                payload["transactionInfo"]["transactionId"] = f"T-{order}"
                payload["offline"] = True
                if "evse" in payload:
                    payload["evse"]["id"] = number
            for step in order:
                live.tell(events[step], received_at=NOON + LATE)
            session = ChargingSession.objects.get(transaction_ref=f"T-{order}")
            assert bill(session) == expected, order
            assert session.evse == evses[order], order

        assert ChargingSession.objects.count() == Cdr.objects.count() == 25
        assert list(find_violations()) == []


class TestACardThatEndsWhatAnotherBegan:
    def test_told_first_is_left_to_a_person(self, site):
        other = make_token(contract=site.contract)
        teller = Teller(site.station.pk)
        started, *_, ended = begun_with_the_card(site.token.uid)
        ended["idToken"] = {"idToken": other.uid, "type": "ISO14443"}

        teller.tell(ended, received_at=NOON + LATE)
        teller.tell(started, received_at=NOON + LATE)

        sessions.sweep_unsettled(at=NOON + LATE + 10 * MINUTE)
        session = ChargingSession.objects.get()
        assert session.status == "review"
        assert session.review_reasons == [
            f"Card …{site.token.uid[-4:]} began it and card …{other.uid[-4:]} ended it.",
        ]
