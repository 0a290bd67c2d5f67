"""Starts, meter values and stops over real sockets: told twice, told wrong, told late, they are one session."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from apps.ocpp import services, v16
from apps.ocpp.models import Direction, EventKind, Frame, StationEvent
from apps.ocpp.simulator.charger import ConnectionLostError
from apps.sessions import services as sessions
from apps.sessions.models import ChargingSession, MeterReading
from tests.integration.ocpp.conftest import in_database, process, tell


def just_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


async def started(charger, token: str) -> int:
    """Start on connector 1 at 1,000 Wh, now, and return the transaction's id."""
    return (await charger.start(token, at=just_now(), meter_wh=1_000)).transaction_id


class TestAWholeSession:
    def test_is_told_by_the_simulator_and_kept(self, url, site, site_box):
        at = just_now() - timedelta(hours=2)

        async def story():
            async with site_box.at(url, power_w=10_000) as charger:
                await charger.boot()
                return await charger.charge(site.token.uid, started_at=at, energy_wh=10_000, meter_start_wh=500)

        answer = tell(story)
        session = ChargingSession.objects.get()
        assert (answer.transaction_id, answer.status) == (session.transaction_id, "Accepted")
        assert (session.started_at, session.ended_at) == (at, at + timedelta(hours=1))
        assert (session.meter_start_milliwh, session.meter_stop_milliwh) == (500_000, 10_500_000)
        assert session.review_reasons == []
        readings = MeterReading.objects.order_by("at").values_list("energy_milliwh", flat=True)
        assert list(readings) == [500_000, 3_000_000, 5_500_000, 8_000_000, 10_500_000]
        site.station.refresh_from_db()
        assert site.station.evses.get().connectors.get().status == "Available"

    def test_of_an_unknown_card_is_refused_and_yet_kept(self, url, site, site_box):
        async def story():
            async with site_box.at(url) as charger:
                return await charger.authorize("STRANGER"), await charger.start("STRANGER", at=just_now(), meter_wh=0)

        status, answer = tell(story)
        assert (status, answer.status) == ("Invalid", "Invalid")
        assert ChargingSession.objects.get().transaction_id == answer.transaction_id


class TestAStartToldAgain:
    @pytest.mark.parametrize("same_id", [True, False])
    @pytest.mark.parametrize("same_socket", [True, False])
    def test_gets_the_same_answer_and_begins_nothing_new(self, url, site, site_box, same_id, same_socket):
        payload = {"connectorId": 1, "idTag": site.token.uid, "meterStart": 5, "timestamp": "2026-11-22T12:00:00Z"}
        message_id = "start-1"

        async def story():
            charger = site_box.at(url)
            await charger.connect()
            first = await charger.call("StartTransaction", payload, message_id=message_id)
            if not same_socket:
                await charger.drop()
                await charger.connect()
            again = await charger.call("StartTransaction", payload, message_id=message_id if same_id else None)
            await charger.disconnect()
            return first, again

        first, again = tell(story)
        assert first == again
        assert first["idTagInfo"] == {"status": "Accepted"}
        assert ChargingSession.objects.get().transaction_id == first["transactionId"]

    def test_on_two_processes_at_once_is_one_session(self, url, second_url, site, site_box):
        # Two boxes cannot hold one identity, so the older socket's frame is kept and only the newer one is answered.
        payload = {"connectorId": 1, "idTag": site.token.uid, "meterStart": 5, "timestamp": "2026-11-22T12:00:00Z"}

        async def story():
            older, newer = site_box.at(url), site_box.at(second_url)
            await older.connect()
            await newer.connect()
            answers = await asyncio.gather(
                older.call("StartTransaction", payload),
                newer.call("StartTransaction", payload),
                return_exceptions=True,
            )
            await older.drop()
            await newer.disconnect()
            return answers

        lost, answer = tell(story)
        assert isinstance(lost, ConnectionLostError)
        assert ChargingSession.objects.get().transaction_id == answer["transactionId"]


class TestAStopToldAgain:
    @pytest.mark.parametrize("same_id", [True, False])
    @pytest.mark.parametrize("same_socket", [True, False])
    def test_gets_the_same_answer_and_changes_nothing(self, url, site, site_box, same_id, same_socket):
        async def story():
            charger = site_box.at(url)
            await charger.connect()
            payload = {
                "transactionId": await started(charger, site.token.uid),
                "meterStop": 2_000,
                "timestamp": just_now().isoformat(),
                "idTag": site.token.uid,
            }
            first = await charger.call("StopTransaction", payload, message_id="stop-1")
            before = await in_database(lambda: ChargingSession.objects.values().get())
            if not same_socket:
                await charger.drop()
                await charger.connect()
            again = await charger.call("StopTransaction", payload, message_id="stop-1" if same_id else None)
            await charger.disconnect()
            return first, again, before

        first, again, before = tell(story)
        assert first == again == {"idTagInfo": {"status": "Accepted"}}
        assert ChargingSession.objects.values().get() == before
        assert not StationEvent.objects.filter(kind=EventKind.REVIEW).exists()

    def test_with_another_register_is_shown_to_a_person_and_changes_nothing(self, url, site, site_box):
        async def story():
            async with site_box.at(url) as charger:
                stop = {
                    "transactionId": await started(charger, site.token.uid),
                    "meterStop": 2_000,
                    "timestamp": just_now().isoformat(),
                }
                return [await charger.call("StopTransaction", stop | {"meterStop": wh}) for wh in (2_000, 2_500)]

        assert tell(story) == [{}, {}]
        session = ChargingSession.objects.get()
        assert session.meter_stop_milliwh == 2_000_000
        assert StationEvent.objects.get(kind=EventKind.REVIEW).text == (
            f"transaction {session.transaction_id} ends a second time, with another register; the first stands"
        )

    def test_on_two_sockets_at_once_ends_the_session_once(self, url, second_url, site, site_box):
        # The older socket's frame is kept and only the newer one is answered; whichever is carried out first.
        async def story():
            older, newer = site_box.at(url), site_box.at(second_url)
            await older.connect()
            stop = {
                "transactionId": await started(older, site.token.uid),
                "meterStop": 1_050,
                "timestamp": just_now().isoformat(),
                "idTag": site.token.uid,
            }
            await newer.connect()
            answers = await asyncio.gather(
                older.call("StopTransaction", stop), newer.call("StopTransaction", stop), return_exceptions=True
            )
            await older.drop()
            await newer.disconnect()
            return answers

        lost, answer = tell(story)
        assert isinstance(lost, ConnectionLostError)
        assert answer == {"idTagInfo": {"status": "Accepted"}}
        session = ChargingSession.objects.get()
        assert (session.meter_stop_milliwh, session.readings.count()) == (1_050_000, 2)
        assert not StationEvent.objects.filter(kind=EventKind.REVIEW).exists()

    def test_without_the_starts_answer_ends_the_session_all_the_same(self, url, site, site_box):
        async def story():
            async with site_box.at(url) as charger:
                at = just_now()
                await started(charger, site.token.uid)
                await charger.meter_values(-1, [(at + timedelta(seconds=1), 1_050)])
                return await charger.stop(-1, at=at + timedelta(seconds=2), meter_wh=1_100)

        assert tell(story) == {}
        session = ChargingSession.objects.get()
        assert session.meter_stop_milliwh == 1_100_000
        assert session.readings.filter(energy_milliwh=1_050_000).exists()

    def test_of_another_station_ends_nothing_and_asks_for_a_person(self, url, site, site_box, make_box):
        other = make_box("STRANGER")

        async def story():
            async with site_box.at(url) as charger, other.at(url) as stranger:
                transaction_id = await started(charger, site.token.uid)
                return await stranger.stop(transaction_id, at=just_now(), meter_wh=9_000)

        assert tell(story) == {}
        assert ChargingSession.objects.get().ended_at is None
        event = StationEvent.objects.get(kind=EventKind.REVIEW)
        assert event.station == other.station
        assert Frame.objects.get(pk=event.frame_id).action == "StopTransaction"


class TestATransactionMessageThatIsOdd:
    @pytest.mark.parametrize(
        ("meter_stop", "meter_stop_milliwh"),
        [
            ("12345", 12_345_000),
            (12.5, 12_500),
            ("12.5", 12_500),
            ("NaN", None),
            ("1e9", None),
            (None, None),
            ([], None),
            (True, None),
        ],
    )
    def test_is_answered_and_kept_with_a_note(self, url, site, site_box, meter_stop, meter_stop_milliwh):
        async def story():
            async with site_box.at(url) as charger:
                transaction_id = await started(charger, site.token.uid)
                return await charger.call(
                    "StopTransaction",
                    {"transactionId": transaction_id, "meterStop": meter_stop, "timestamp": "yesterday"},
                )

        assert tell(story) == {}
        assert ChargingSession.objects.get().meter_stop_milliwh == meter_stop_milliwh
        assert Frame.objects.get(action="StopTransaction").note.startswith("schema: meterStop: ")

    def test_of_any_shape_is_answered_as_valid(self, url, site_box):
        odd = [
            ("MeterValues", "{}"),
            ("MeterValues", "[]"),
            ("MeterValues", '{"connectorId":{},"transactionId":[],"meterValue":17}'),
            ("StopTransaction", "null"),
            ("StopTransaction", '{"transactionId":"x","meterStop":{},"timestamp":5,"idTag":7,"reason":[]}'),
            ("StopTransaction", '{"transactionId":99999999999999999999,"transactionData":{}}'),
            ("StartTransaction", '{"connectorId":"1","idTag":{},"meterStart":"x"}'),
            ("StartTransaction", '{"connectorId":1,"idTag":"A","idTag":"B","meterStart":5}'),
        ]
        texts = [f'[2,"{number}","{action}",{payload}]' for number, (action, payload) in enumerate(odd)]

        async def story():
            async with site_box.at(url) as charger:
                heard = asyncio.Queue()
                charger._on_frame = lambda direction, text: heard.put_nowait(text) if direction == "←" else None
                for text in texts:
                    await charger.send_text(text)
                return [json.loads(await asyncio.wait_for(heard.get(), 5)) for _ in texts]

        assert [answer[:2] for answer in tell(story)] == [[3, str(number)] for number in range(len(odd))]
        kept = Frame.objects.filter(direction=Direction.IN).order_by("pk")
        assert [frame.payload for frame in kept] == texts
        assert all(frame.note for frame in kept)

    def test_takes_a_stop_of_half_a_mebibyte(self, url, site, site_box):
        async def story():
            async with site_box.at(url) as charger:
                at = just_now()
                transaction_id = await started(charger, site.token.uid)
                data = [
                    {"timestamp": (at + timedelta(seconds=n)).isoformat(), "sampledValue": [{"value": str(1_000 + n)}]}
                    for n in range(6_000)
                ]
                return await charger.call(
                    "StopTransaction",
                    {
                        "transactionId": transaction_id,
                        "meterStop": 7_000,
                        "timestamp": (at + timedelta(seconds=6_000)).isoformat(),
                        "transactionData": data,
                    },
                )

        assert tell(story) == {}
        assert MeterReading.objects.count() >= 6_000


class TestAPoisonMessage:
    def test_goes_alone_is_answered_and_shown_to_a_person(self, url, site, site_box, make_box, monkeypatch):
        poisoned = make_box("POISON")
        start_sessions = sessions.start_sessions

        def break_at_the_poison(commands):
            assert all(command.station_id != poisoned.station.pk for command in commands)
            return start_sessions(commands)

        monkeypatch.setattr(sessions, "start_sessions", break_at_the_poison)

        async def story():
            async with site_box.at(url) as charger, poisoned.at(url) as poison:
                return await asyncio.gather(
                    charger.start(site.token.uid, at=just_now(), meter_wh=0),
                    poison.start("CARD", at=just_now(), meter_wh=0, connector=9),
                )

        good, bad = tell(story)
        assert good.status == "Accepted"
        assert bad.status == "Invalid"
        assert ChargingSession.objects.get().transaction_id == good.transaction_id
        event = StationEvent.objects.get(kind=EventKind.REVIEW)
        assert event.station == poisoned.station
        assert Frame.objects.get(pk=event.frame_id).payload.count('"connectorId":9') == 1

    def test_of_the_lesser_kind_gets_an_error_and_the_socket_lives(self, url, box, monkeypatch):
        def break_down(requests):
            raise ValueError("poison")

        monkeypatch.setitem(v16.HANDLERS, "DataTransfer", break_down)

        async def story():
            async with box.at(url) as charger:
                answer = asyncio.get_running_loop().create_future()
                charger._on_frame = lambda direction, text: (
                    answer.set_result(json.loads(text)) if direction == "←" and not answer.done() else None
                )
                await charger.send_text('[2,"p","DataTransfer",{"vendorId":"x"}]')
                return await asyncio.wait_for(answer, 5), await charger.boot()

        answer, registration = tell(story)
        assert (answer[0], answer[2]) == (4, "InternalError")
        assert registration == "Accepted"
        assert StationEvent.objects.filter(kind=EventKind.REVIEW).count() == 1


class TestADatabaseThatFails:
    def test_makes_a_stop_silent_so_that_the_station_repeats_it(self, url, site, site_box, monkeypatch):
        async def story():
            async with site_box.at(url) as charger:
                transaction_id = await started(charger, site.token.uid)
                with monkeypatch.context() as broken:
                    broken.setattr(services, "keep_frames", out_of_order)
                    with pytest.raises(ConnectionLostError):
                        await charger.stop(transaction_id, at=just_now(), meter_wh=2_000)
                code = charger.close_code
                await charger.connect()
                (unanswered,) = charger.unanswered
                return code, await charger.resend(unanswered)

        assert tell(story) == (1011, {})
        assert ChargingSession.objects.get().meter_stop_milliwh == 2_000_000


def out_of_order(*_: object) -> None:
    raise OperationalError("the server closed the connection")


class TestAKill:
    @pytest.mark.parametrize("failpoint", ["ocpp.stop.received", "ocpp.stop.committed", "ocpp.stop.before_send"])
    def test_between_receipt_and_answer_of_a_stop_costs_a_retry(self, url, site, site_box, failpoint):
        async def story():
            with process(failpoint=failpoint) as (doomed_url, server):
                charger = site_box.at(doomed_url)
                await charger.connect()
                transaction_id = await started(charger, site.token.uid)
                with pytest.raises(ConnectionLostError):
                    await charger.stop(transaction_id, at=just_now(), meter_wh=2_000)
                exit_code = await asyncio.to_thread(server.wait)
            charger.url = url
            await charger.connect()
            (unanswered,) = charger.unanswered
            answer = await charger.resend(unanswered)
            await charger.disconnect()
            return exit_code, answer

        assert tell(story) == (-9, {})
        session = ChargingSession.objects.get()
        assert (session.meter_stop_milliwh, session.status in ("ended", "settled")) == (2_000_000, True)
        assert session.readings.filter(context="Transaction.End").count() == 1


class TestManyStations:
    def test_starting_at_once_are_all_answered(self, url, make_box):
        boxes = [make_box(f"BOX-{number}") for number in range(30)]

        async def story():
            chargers = [box.at(url) for box in boxes]
            await asyncio.gather(*[charger.connect() for charger in chargers])
            answers = await asyncio.gather(*[charger.start("CARD", at=just_now(), meter_wh=0) for charger in chargers])
            await asyncio.gather(*[charger.disconnect() for charger in chargers])
            return answers

        answers = tell(story)
        assert len({answer.transaction_id for answer in answers}) == 30
        assert ChargingSession.objects.count() == 30
