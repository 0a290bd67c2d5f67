"""A station that was offline tells its past late, twice and in disorder; the charge record is that of a live story."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from apps.sessions import services
from apps.sessions.models import Cdr, MeterReading, StateChange
from tests.factories import NOON, make_site
from tests.integration.sessions.conftest import BEGIN, KWH, Wire, violations

pytestmark = pytest.mark.django_db

END = NOON + timedelta(hours=1)
BY_DAY_AND_NIGHT = [
    {
        "price_components": [{"type": "ENERGY", "price": "0.60", "step_size": 1}],
        # 14:30 in Berlin is 12:30 UTC, in the middle of the session.
        "restrictions": {"start_time": "06:00", "end_time": "14:30"},
    },
    {"price_components": [{"type": "ENERGY", "price": "0.30", "step_size": 1}]},
]


def messages(wire: Wire, transaction_id: int, received: Callable[[datetime], datetime]) -> list[Callable[[], Any]]:
    """Return all that the station says after the start, each message as a call of its service."""
    minutes = {10: 1, 20: 3, 30: 4, 40: 4, 50: 7}
    readings = [
        wire.readings(
            transaction_id,
            (NOON + timedelta(minutes=minute), BEGIN + energy * KWH),
            received_at=received(NOON + timedelta(minutes=minute)),
        )
        for minute, energy in minutes.items()
    ]
    states = [
        wire.status(status, at, received_at=received(at))
        for status, at in [
            ("Charging", NOON + timedelta(seconds=30)),
            ("SuspendedEV", NOON + timedelta(minutes=32)),
            ("Charging", NOON + timedelta(minutes=41)),
            ("Finishing", END),
            ("Available", END + timedelta(seconds=20)),
        ]
    ]
    end = wire.end(transaction_id, received_at=received(END))
    return [
        *[lambda command=command: services.record_readings((command,)) for command in readings],
        *[lambda command=command: services.record_connector_states((command,)) for command in states[:-1]],
        lambda: services.end_sessions((end,)),
        lambda: services.record_connector_states((states[-1],)),
    ]


def bill(site: Any, at: datetime) -> Cdr:
    services.sweep_unsettled(at=at)
    services.sweep_unrated(at=at)
    return Cdr.objects.get(session__seller=site.owner)


def told_live() -> Cdr:
    site = make_site(elements=BY_DAY_AND_NIGHT)
    wire = Wire(site)
    begun = wire.begin()
    for say in messages(wire, begun.transaction_id, received=lambda at: at):
        say()
    return bill(site, END + timedelta(minutes=2))


class TestReplay:
    def test_prices_the_live_story_at_both_prices(self):
        cdr = told_live()

        # 4 kWh until 12:30 UTC at 0.60, 6 kWh after it at 0.30: 4.20 net, 19 % of it 0.798.
        assert (cdr.net.amount, cdr.tax.amount, cdr.gross.amount) == (Decimal("4.20"), Decimal("0.80"), Decimal("5.00"))

    @pytest.mark.parametrize("seed", range(6))
    def test_leads_to_the_same_record_shuffled_and_twice_after_72_hours(self, seed):
        live = told_live()
        site = make_site(elements=BY_DAY_AND_NIGHT)
        wire = Wire(site)
        back_online = NOON + timedelta(hours=72)
        start = wire.start(received_at=back_online)

        (begun,) = services.start_sessions((start,))
        queue = messages(wire, begun.transaction_id, received=lambda at: back_online)
        queue = [*queue, *queue, lambda: services.start_sessions((start,))]
        Random(seed).shuffle(queue)
        for say in queue:
            say()
        replayed = bill(site, back_online + timedelta(minutes=2))

        assert replayed.document == live.document
        assert replayed.content_hash == live.content_hash
        assert MeterReading.objects.filter(session=replayed.session).count() == 7
        assert StateChange.objects.filter(session=replayed.session).count() == 5
        assert violations() == []
