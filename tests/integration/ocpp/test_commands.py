"""Commands down to a station: each ends once, whatever becomes of its answer."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.core import clock
from apps.ocpp.models import Direction, EventKind, Frame, StationEvent
from apps.stations.models import StationCommand
from apps.stations.services import request_command, sweep_commands
from tests.integration.ocpp.conftest import in_database, tell, until


def request(box, action="RemoteStopTransaction", payload=None) -> StationCommand:
    at = clock.now()
    return request_command(
        station_id=box.station.pk,
        action=action,
        payload=payload if payload is not None else {"transactionId": 17},
        requested_at=at,
        deadline_at=at + timedelta(minutes=1),
    )


def ended(command: StationCommand) -> bool:
    command.refresh_from_db()
    return command.ended_at is not None


class TestACommand:
    @pytest.mark.parametrize(
        ("action", "payload", "reply", "status"),
        [
            ("RemoteStartTransaction", {"idTag": "T1", "connectorId": 1}, {"status": "Accepted"}, "accepted"),
            ("RemoteStartTransaction", {"idTag": "T1"}, {"status": "Rejected"}, "rejected"),
            ("RemoteStopTransaction", {"transactionId": 17}, {"status": "Accepted"}, "accepted"),
            ("UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"}, "accepted"),
            ("UnlockConnector", {"connectorId": 1}, {"status": "NotSupported"}, "rejected"),
            ("UnlockConnector", {"connectorId": 1}, {"nonsense": 1}, "rejected"),
        ],
    )
    def test_reaches_the_station_and_ends_by_its_answer(self, url, box, action, payload, reply, status):
        async def story():
            async with box.at(url) as charger:

                async def answer(_):
                    return reply

                charger.replies[action] = answer
                command = await in_database(lambda: request(box, action, payload))
                asked = await asyncio.wait_for(charger.requests.get(), 5)
                await until(lambda: ended(command))
                return command, asked

        command, asked = tell(story)
        assert asked == (action, payload)
        assert (command.status, command.answer) == (status, reply)
        assert Frame.objects.filter(message_id=command.message_id).count() == 2
        assert Frame.objects.get(direction=Direction.OUT).action == action

    def test_keeps_a_fraction_in_the_answer_to_the_digit(self, url, box):
        schedule = {"status": "Accepted", "chargingSchedule": {"chargingRateUnit": "A", "minChargingRate": 16.1}}

        async def story():
            async with box.at(url) as charger:

                async def answer(_):
                    return schedule

                charger.replies["GetCompositeSchedule"] = answer
                asked = {"connectorId": 1, "duration": 60}
                command = await in_database(lambda: request(box, "GetCompositeSchedule", asked))
                await until(lambda: ended(command))
                return command

        command = tell(story)
        assert command.status == "accepted"
        assert command.answer["chargingSchedule"]["minChargingRate"] == Decimal("16.1")

    def test_requested_while_the_station_was_away_is_sent_when_it_comes(self, url, box):
        command = request(box)

        async def story():
            async with box.at(url):
                await until(lambda: ended(command))

        tell(story)
        assert command.status == "accepted"

    def test_ends_rejected_when_the_station_answers_an_error(self, url, box):
        async def story():
            async with box.at(url) as charger:
                del charger.replies["RemoteStopTransaction"]
                command = await in_database(lambda: request(box))
                await until(lambda: ended(command))
                return command

        command = tell(story)
        assert (command.status, command.answer["error_code"]) == ("rejected", "NotImplemented")

    def test_that_is_nonsense_never_reaches_the_station(self, url, box):
        async def story():
            async with box.at(url) as charger:
                command = await in_database(lambda: request(box, "RemoteStopTransaction", {"transaction": 1}))
                await until(lambda: ended(command))
                assert charger.requests.empty()
                return command

        assert tell(story).status == "rejected"
        assert not Frame.objects.exists()

    def test_waits_until_the_one_before_it_is_answered(self, url, box):
        async def story():
            async with box.at(url) as charger:
                free = asyncio.Event()

                async def answer_later(_):
                    await free.wait()
                    return {"status": "Accepted"}

                charger.replies["RemoteStopTransaction"] = answer_later
                first, second = await in_database(
                    lambda: (request(box), request(box, "UnlockConnector", {"connectorId": 1}))
                )
                await until(lambda: Frame.objects.filter(direction=Direction.OUT).exists())
                await asyncio.sleep(0.1)
                assert await in_database(Frame.objects.filter(direction=Direction.OUT).count) == 1
                free.set()
                await until(lambda: ended(first) and ended(second))
                return [(await charger.requests.get())[0] for _ in range(2)]

        assert tell(story) == ["RemoteStopTransaction", "UnlockConnector"]


class TestACommandWithRedisAway:
    def test_is_a_second_late_and_nothing_else(self, url, box, monkeypatch):
        async def refuse(*_):
            raise ConnectionError("no broker")

        monkeypatch.setattr("channels_redis.pubsub.RedisPubSubLoopLayer.new_channel", refuse)
        monkeypatch.setattr("channels_redis.pubsub.RedisPubSubLoopLayer.group_send", refuse)

        async def story():
            async with box.at(url) as charger:
                assert await charger.boot() == "Accepted"
                command = await in_database(lambda: request(box))
                await until(lambda: ended(command))
                return command

        assert tell(story).status == "accepted"


class TestAnAnswer:
    def test_that_comes_late_changes_nothing_and_is_noted(self, url, box, settings):
        settings.OCPP_COMMAND_TIMEOUT_S = 0.1

        async def story():
            async with box.at(url) as charger:

                async def stay_silent(_):
                    return None

                charger.replies["RemoteStopTransaction"] = stay_silent
                command = await in_database(lambda: request(box))
                await asyncio.wait_for(charger.requests.get(), 5)
                await until(lambda: sweep_commands(at=clock.now() + timedelta(hours=1)))
                await in_database(command.refresh_from_db)
                await charger.send_text(f'[3,"{command.message_id}",{{"status":"Accepted"}}]')
                await until(lambda: StationEvent.objects.filter(kind=EventKind.UNSOLICITED).exists())
                await in_database(command.refresh_from_db)
                return command

        command = tell(story)
        assert (command.status, command.answer) == ("timed_out", None)

    def test_that_comes_twice_counts_once(self, url, box):
        async def story():
            async with box.at(url) as charger:
                command = await in_database(lambda: request(box))
                await until(lambda: ended(command))
                await charger.send_text(f'[3,"{command.message_id}",{{"status":"Rejected"}}]')
                await until(lambda: StationEvent.objects.filter(kind=EventKind.UNSOLICITED).exists())
                await in_database(command.refresh_from_db)
                return command

        assert tell(story).status == "accepted"

    def test_to_nothing_we_asked_is_kept_and_the_socket_lives(self, url, box):
        async def story():
            async with box.at(url) as charger:
                await charger.send_text('[3,"never-sent",{"status":"Accepted"}]')
                await charger.send_text('[4,"never-sent","GenericError","",{}]')
                return await charger.boot()

        assert tell(story) == "Accepted"
        assert Frame.objects.filter(message_id="never-sent").count() == 2
        assert StationEvent.objects.filter(kind=EventKind.UNSOLICITED).count() == 2

    def test_of_another_station_ends_nothing(self, url, box, make_box):
        other = make_box("BOX-2")

        async def story():
            async with box.at(url) as charger, other.at(url) as stranger:

                async def stay_silent(_):
                    return None

                charger.replies["RemoteStopTransaction"] = stay_silent
                command = await in_database(lambda: request(box))
                await asyncio.wait_for(charger.requests.get(), 5)
                await in_database(command.refresh_from_db)
                await stranger.send_text(f'[3,"{command.message_id}",{{"status":"Accepted"}}]')
                await until(lambda: StationEvent.objects.filter(kind=EventKind.UNSOLICITED).exists())
                await in_database(command.refresh_from_db)
                return command

        assert tell(story).status == "sent"
