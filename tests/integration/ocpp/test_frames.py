"""What a station may send that is no transaction, and what is kept of it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.ocpp.models import Direction, EventKind, Frame, StationEvent
from apps.ocpp.simulator.charger import RefusedError
from tests.integration.ocpp.conftest import in_database, tell, until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def answer_to(charger, text: str | bytes, message_id: str) -> list:
    """Send anything and return the frame that answers it."""
    answer = asyncio.get_running_loop().create_future()
    charger._on_frame = lambda direction, told: (
        answer.set_result(json.loads(told)) if direction == "←" and not answer.done() else None
    )
    await charger.send_text(text)
    frame = await asyncio.wait_for(answer, 5)
    assert frame[1] == message_id
    return frame


class TestAFrameThatIsNoMessage:
    def test_is_kept_and_gets_an_error_and_the_socket_lives(self, url, box):
        unreadable = [
            ("hello", "-1", "FormationViolation"),
            (b"\x00\x01", "-1", "FormationViolation"),
            ('[2,"1","DataTransfer",{"data":"\\u0000"}]', "-1", "FormationViolation"),
            ('[2,"1","DataTransfer",{"vendorId":"\0"}]', "-1", "FormationViolation"),
            ("[" * 2_000, "-1", "FormationViolation"),
            ("x" * 65_537, "-1", "FormationViolation"),
            ('[2,"1","Heartbeat"]', "1", "FormationViolation"),
            ('[6,"1",{}]', "1", "ProtocolError"),
        ]

        async def story():
            async with box.at(url) as charger:
                errors = [await answer_to(charger, text, message_id) for text, message_id, _ in unreadable]
                return errors, await charger.boot()

        errors, registration = tell(story)
        assert [(error[0], error[2]) for error in errors] == [(4, code) for _, _, code in unreadable]
        assert registration == "Accepted"
        kept = Frame.objects.filter(action="", direction=Direction.IN).exclude(note="")
        assert kept.count() == len(unreadable)
        events = StationEvent.objects.filter(kind=EventKind.UNREADABLE).values_list("frame_id", flat=True)
        assert set(events) == set(kept.values_list("pk", flat=True))
        assert kept.latest("-pk").payload == "hello"

    def test_with_bytes_that_are_no_text_ends_the_socket(self, url, box):
        async def story():
            async with box.at(url) as charger:
                await charger._socket.send(b"\xff\xfe", text=True)
                await asyncio.wait_for(charger.closed.wait(), 5)
                return charger.close_code

        assert tell(story) == 1007


class TestARequest:
    @pytest.mark.parametrize(
        ("action", "code"),
        [("MakeCoffee", "NotImplemented"), ("RemoteStopTransaction", "NotSupported"), ("Reset", "NotSupported")],
    )
    def test_that_nobody_handles_is_refused_by_name(self, url, box, action, code):
        async def story():
            async with box.at(url) as charger:
                with pytest.raises(RefusedError) as refused:
                    await charger.call(action, {})
                return refused.value.code

        assert tell(story) == code
        assert Frame.objects.get(direction=Direction.IN).action == action

    def test_that_breaks_its_schema_is_refused(self, url, box):
        async def story():
            async with box.at(url) as charger:
                with pytest.raises(RefusedError) as refused:
                    await charger.call("BootNotification", {"chargePointVendor": "V"})
                return refused.value.code

        assert tell(story) == "OccurenceConstraintViolation"
        box.station.refresh_from_db()
        assert box.station.vendor == ""

    def test_is_kept_with_its_answer(self, url, box):
        async def story():
            async with box.at(url) as charger:
                return await charger.call(
                    "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}, message_id="b1"
                )

        answer = tell(story)
        received, sent = Frame.objects.order_by("pk")
        assert received.payload == '[2,"b1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'
        assert (received.direction, received.action, received.connection_no) == ("in", "BootNotification", 1)
        assert (sent.direction, json.loads(sent.payload)) == ("out", [3, "b1", answer])
        assert (answer["status"], answer["interval"]) == ("Accepted", 300)

    def test_of_the_lesser_kind_is_answered(self, url, box):
        lesser = [
            ("DataTransfer", {"vendorId": "org.example"}, {"status": "UnknownVendorId"}),
            ("FirmwareStatusNotification", {"status": "Installed"}, {}),
            ("DiagnosticsStatusNotification", {"status": "Idle"}, {}),
            ("LogStatusNotification", {"status": "Idle", "requestId": 1}, {}),
        ]

        async def story():
            async with box.at(url) as charger:
                return [await charger.call(action, payload) for action, payload, _ in lesser]

        assert tell(story) == [answer for _, _, answer in lesser]

    def test_for_the_time_touches_no_row_but_last_seen(self, url, box):
        async def story():
            async with box.at(url) as charger:
                at = await charger.heartbeat()
                await until(lambda: type(box.station).objects.get().last_seen_at is not None)
                return at

        at = datetime.fromisoformat(tell(story))
        assert abs(datetime.now(UTC) - at) < timedelta(seconds=10)
        assert not Frame.objects.exists()

    def test_is_not_needed_to_stay_seen_while_the_socket_is_open(self, url, box, settings):
        settings.OCPP_SEEN_INTERVAL_S = 0

        async def story():
            async with box.at(url):
                await until(lambda: type(box.station).objects.get().last_seen_at is not None)
                first = await in_database(lambda: type(box.station).objects.get().last_seen_at)
                await until(lambda: type(box.station).objects.get().last_seen_at > first)

        tell(story)
        assert not Frame.objects.exists()

    def test_of_a_security_event_is_shown(self, url, box):
        async def story():
            async with box.at(url) as charger:
                await charger.call("SecurityEventNotification", {"type": "Tamper", "timestamp": "2026-03-01T12:00:00Z"})

        tell(story)
        assert StationEvent.objects.get(kind=EventKind.SECURITY).text == "Tamper"


class TestAFloodOfFrames:
    def test_is_read_more_slowly_and_answered_whole(self, url, box, settings):
        settings.OCPP_MESSAGES_PER_SECOND = 5

        async def story():
            async with box.at(url) as charger:
                began = asyncio.get_running_loop().time()
                await asyncio.gather(*[charger.heartbeat() for _ in range(55)])
                return asyncio.get_running_loop().time() - began

        assert tell(story) > 0.9
        assert StationEvent.objects.filter(kind=EventKind.THROTTLED).count() == 1


class TestTheRawLog:
    @pytest.mark.parametrize("model", [Frame, StationEvent])
    def test_refuses_change_and_deletion(self, box, model):
        common = {"station": box.station}
        row = (
            Frame.objects.create(connection_no=1, direction="in", received_at=NOON, payload="[]", **common)
            if model is Frame
            else StationEvent.objects.create(at=NOON, kind=EventKind.BOOT, text="x", **common)
        )

        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            model.objects.filter(pk=row.pk).update(station_id=box.station.pk)
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            model.objects.filter(pk=row.pk).delete()
        assert model.objects.count() == 1
