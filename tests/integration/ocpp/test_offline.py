"""A station that was offline for 72 hours tells its past: in a burst, in disorder, without ids.

The charge record is that of the same story told live, to the byte.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from apps.ocpp.models import EventKind, Frame, StationEvent
from apps.sessions.models import Cdr, ChargingSession, WaitingStop
from apps.stations.services import set_station_key
from tests.factories import NOON, Site, make_site
from tests.integration.ocpp.conftest import Box, tell
from tests.integration.ocpp.telling import ACCEPTED, bill, start, state, stop, values, wh, wire

MINUTE = timedelta(minutes=1)
END = NOON + timedelta(hours=1)
BACK = NOON + timedelta(hours=72)
BY_DAY_AND_NIGHT = [
    {
        "price_components": [{"type": "ENERGY", "price": "0.60", "step_size": 1}],
        # 14:30 in Berlin is 12:30 UTC, in the middle of the session.
        "restrictions": {"start_time": "06:00", "end_time": "14:30"},
    },
    {"price_components": [{"type": "ENERGY", "price": "0.30", "step_size": 1}]},
]
ENERGY_WH = {10: 1_000, 20: 3_000, 30: 4_000, 40: 4_000, 50: 7_000}
Message = tuple[str, dict[str, Any]]


@pytest.fixture
def make_other_site(transactional_db) -> Callable[[], tuple[Site, Box]]:
    """Make a site at two prices with its box."""

    def make() -> tuple[Site, Box]:
        site = make_site(elements=BY_DAY_AND_NIGHT)
        return site, Box(station=site.station, key=set_station_key(station_id=site.station.pk))

    return make


def past(transaction_id: int, token: str) -> list[tuple[datetime, Message]]:
    """Return all that a station has to say of the session after its start, in order: (when it happened, message)."""
    readings = [
        (at, ("MeterValues", values(transaction_id, (at, wh(1_000_000 + energy)))))
        for at, energy in ((NOON + minute * MINUTE, energy) for minute, energy in ENERGY_WH.items())
    ]
    states = [
        (at, ("StatusNotification", state(status, at)))
        for at, status in [
            (NOON + MINUTE / 2, "Charging"),
            (NOON + 32 * MINUTE, "SuspendedEV"),
            (NOON + 41 * MINUTE, "Charging"),
        ]
    ]
    ended = [
        (END, ("StopTransaction", stop(transaction_id, END, idTag=token))),
        (END + MINUTE / 3, ("StatusNotification", state("Available", END + MINUTE / 3))),
    ]
    return [*sorted(readings + states, key=lambda said: said[0]), *ended]


def tell_live(url, site: Site, box: Box, clock) -> Cdr:
    async def story():
        async with wire(url, box) as line:
            clock.at = NOON
            begun = await line.say("0", "StartTransaction", start(site.token.uid, NOON))
            for number, (at, message) in enumerate(past(begun[2]["transactionId"], site.token.uid), 1):
                clock.at = at
                assert (await line.say(str(number), *message))[0] == 3

    tell(story)
    (record,) = [cdr for cdr in bill(END + 5 * MINUTE) if cdr.session.station_id == box.station.pk]
    return record


def same_as(live: Cdr, box: Box) -> ChargingSession:
    """Bill what a box told and check it against the live story; return its one session."""
    (session,) = ChargingSession.objects.filter(station=box.station)
    records = [cdr for cdr in bill(BACK + 5 * MINUTE) if cdr.session_id == session.pk]
    session.refresh_from_db()
    assert session.review_reasons == []
    assert [(cdr.revision, cdr.document) for cdr in records] == [(1, live.document)]
    assert records[0].content_hash == live.content_hash
    assert session.readings.count() == len(ENERGY_WH) + 2
    return session


class TestSeventyTwoHoursOffline:
    def test_told_in_order_in_one_burst_are_billed_as_live(self, url, make_other_site, clock):
        live = tell_live(url, *make_other_site(), clock)
        site, box = make_other_site()
        clock.at = BACK

        async def story():
            async with wire(url, box) as line:
                await line.say("b", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
                await line.say("s", "StatusNotification", state("Preparing", NOON - MINUTE))
                begun = await line.say("0", "StartTransaction", start(site.token.uid, NOON))
                queue = [message for _, message in past(begun[2]["transactionId"], site.token.uid)]
                # No waiting for answers: the whole queue is on the wire within milliseconds.
                for number, message in enumerate(queue, 1):
                    await line.socket.send(json.dumps([2, str(number), *message]))
                return [json.loads(await asyncio.wait_for(line.socket.recv(), 10)) for _ in queue]

        answers = tell(story)
        assert [answer[:2] for answer in answers] == [[3, str(number)] for number in range(1, len(answers) + 1)]
        same_as(live, box)
        # 4 kWh until 12:30 UTC at 0.60, 6 kWh after it at 0.30: 4.20 net, and 19 % of it.
        assert str(live.gross.amount) == "5.000000"

    @pytest.mark.parametrize("seed", range(4))
    def test_told_shuffled_and_twice_are_billed_as_live(self, url, make_other_site, clock, seed):
        live = tell_live(url, *make_other_site(), clock)
        site, box = make_other_site()
        clock.at = BACK
        begin = ("StartTransaction", start(site.token.uid, NOON))

        async def story():
            async with wire(url, box) as line:
                begun = await line.say("0", *begin)
                queue = [message for _, message in past(begun[2]["transactionId"], site.token.uid)]
                queue = [*queue, *queue, begin]
                Random(seed).shuffle(queue)
                return [await line.say(str(number), *message) for number, message in enumerate(queue, 1)]

        assert all(answer[0] == 3 for answer in tell(story))
        same_as(live, box)

    @pytest.mark.parametrize("unknown_id", [-1, 0])
    def test_told_without_an_id_from_first_to_last_are_billed_as_live(self, url, make_other_site, clock, unknown_id):
        live = tell_live(url, *make_other_site(), clock)
        site, box = make_other_site()
        clock.at = BACK

        async def story():
            async with wire(url, box) as line:
                queue = [message for _, message in past(unknown_id, site.token.uid)]
                return [
                    await line.say(str(number), *message)
                    for number, message in enumerate([("StartTransaction", start(site.token.uid, NOON)), *queue])
                ]

        assert all(answer[0] == 3 for answer in tell(story))
        same_as(live, box)


class TestAStopToldBeforeItsStart:
    """It names no transaction of ours: 0, −1 or a number that the station made itself."""

    @pytest.mark.parametrize("told_id", [-1, 0, 4711])
    def test_is_billed_as_live_once_its_start_has_come(self, url, make_other_site, clock, told_id):
        live = tell_live(url, *make_other_site(), clock)
        site, box = make_other_site()
        clock.at = BACK

        async def story():
            async with wire(url, box) as line:
                readings = values(None, *((NOON + m * MINUTE, wh(1_000_000 + e)) for m, e in ENERGY_WH.items()))
                stopped = stop(told_id, END, idTag=site.token.uid, transactionData=readings["meterValue"])
                heard = [await line.say("1", "StopTransaction", stopped)]
                heard.append(await line.say("2", "StartTransaction", start(site.token.uid, NOON)))
                queue = past(heard[1][2]["transactionId"], site.token.uid)
                states = [message for _, message in queue if message[0] == "StatusNotification"]
                for number, message in enumerate(states, 3):
                    await line.say(str(number), *message)
                heard.append(await line.say("9", "StopTransaction", stopped))
                return heard

        stopped, begun, again = tell(story)
        assert (stopped, again) == ([3, "1", ACCEPTED], [3, "9", ACCEPTED])
        assert begun[2]["idTagInfo"] == {"status": "Accepted"}
        same_as(live, box)

    def test_of_another_card_is_kept_for_a_person(self, url, make_other_site, clock):
        site, box = make_other_site()
        clock.at = BACK

        async def story():
            async with wire(url, box) as line:
                stopped = await line.say("1", "StopTransaction", stop(-1, END, idTag="04A1B2C3D4"))
                await line.say("2", "StartTransaction", start(site.token.uid, NOON))
                return stopped

        assert tell(story)[0] == 3
        assert bill(BACK + timedelta(hours=1)) == []
        event = StationEvent.objects.get(kind=EventKind.REVIEW)
        assert event.text == "stop of unknown transaction -1"
        assert '"meterStop":1010000' in Frame.objects.get(pk=event.frame_id).payload
        assert ChargingSession.objects.get().status == "live"
        assert WaitingStop.objects.get().session is None
