"""One flush: what is committed when, who is answered, and who goes alone."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from apps.ocpp import services
from apps.ocpp.domain.frames import Call
from apps.ocpp.models import Direction, EventKind, Frame, StationEvent
from apps.ocpp.services import Arrival
from apps.ocpp.v16 import readings_in
from apps.ocpp.writer import NotWrittenError, Writer
from apps.sessions import services as sessions
from apps.sessions.models import ChargingSession, MeterReading
from tests.integration.ocpp.conftest import Box, in_database, tell

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def writer(transactional_db) -> Iterator[Writer]:
    writer = Writer()
    yield writer
    writer.stop()


@pytest.fixture
def boxes(make_box) -> list[Box]:
    return [make_box(f"BOX-{number}") for number in range(3)]


def start_of(box: Box, *, connection_no: int = 0) -> Arrival:
    """Return a start as it arrives; no socket was ever let in, so the connection's number is 0."""
    payload = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": "2026-11-22T12:00:00Z"}
    return arrival_of(box, "StartTransaction", payload, connection_no=connection_no)


def arrival_of(box: Box, action: str, payload: dict, *, connection_no: int = 0) -> Arrival:
    frame = Frame(
        station=box.station,
        connection_no=connection_no,
        direction=Direction.IN,
        received_at=NOON,
        message_id=f"{action}-{box.station.pk}",
        action=action,
        payload=json.dumps(payload),
    )
    call = Call(message_id=frame.message_id, action=action, payload=payload)
    return Arrival(frame=frame, call=call, values=readings_in(call))


def whole_sessions(boxes: list[Box]) -> None:
    """Let each station authorise, start, meter and stop, in a flush for each kind of message."""
    card = {"idTag": "CARD"}
    carry_out([arrival_of(box, "Authorize", card) for box in boxes])
    carry_out([start_of(box) for box in boxes])
    ids = dict(ChargingSession.objects.values_list("station_id", "transaction_id"))
    sample = {"timestamp": "2026-11-22T12:00:05Z", "sampledValue": [{"value": "7"}]}
    for action, told in (
        ("MeterValues", {"connectorId": 1, "meterValue": [sample]}),
        ("StopTransaction", {"meterStop": 9, "timestamp": "2026-11-22T12:00:10Z"}),
    ):
        carry_out([arrival_of(box, action, {"transactionId": ids[box.station.pk], **told}) for box in boxes])


def carry_out(arrivals: list[Arrival]) -> None:
    services.keep_frames(arrivals)
    services.act_together(arrivals)


def breaking_at(station_id: int, start_sessions):
    def start(commands):
        if any(command.station_id == station_id for command in commands):
            raise ZeroDivisionError
        return start_sessions(commands)

    return start


def in_one_flush(writer: Writer, arrivals: list[Arrival]) -> list:
    """Write all of them at once: they gather while the writer is busy with something else."""

    async def story() -> list:
        free = threading.Event()
        busy = asyncio.ensure_future(writer.run(free.wait))
        written = [asyncio.ensure_future(writer.write(arrival)) for arrival in arrivals]
        await asyncio.sleep(0.05)
        free.set()
        await busy
        return await asyncio.gather(*written, return_exceptions=True)

    return tell(story)


class TestAFlush:
    def test_answers_each_in_order_and_keeps_what_it_said(self, writer, boxes):
        answers = in_one_flush(writer, [start_of(box) for box in boxes])

        told = [json.loads(answer) for answer in answers]
        assert [message[:2] for message in told] == [[3, f"StartTransaction-{box.station.pk}"] for box in boxes]
        sessions = {session.station_id: session.transaction_id for session in ChargingSession.objects.all()}
        assert [message[2]["transactionId"] for message in told] == [sessions[box.station.pk] for box in boxes]
        sent = Frame.objects.filter(direction=Direction.OUT).order_by("pk").values_list("payload", flat=True)
        assert list(sent) == answers

    def test_asks_the_database_as_often_for_three_stations_as_for_one(self, boxes, make_box):
        alone = make_box("ALONE")
        with CaptureQueriesContext(connection) as of_one:
            whole_sessions([alone])

        with CaptureQueriesContext(connection) as of_three:
            whole_sessions(boxes)

        assert MeterReading.objects.count() == 4 * 3
        assert len(of_three) == len(of_one)

    def test_with_a_poison_message_goes_on_message_by_message(self, writer, boxes, monkeypatch):
        # What breaks a service is not known in advance; whatever it is, it looks like this.
        monkeypatch.setattr(sessions, "start_sessions", breaking_at(boxes[1].station.pk, sessions.start_sessions))
        arrivals = [start_of(box) for box in boxes]

        answers = in_one_flush(writer, arrivals)

        statuses = [json.loads(answer)[2]["idTagInfo"]["status"] for answer in answers]
        assert statuses == ["Invalid"] * 3
        stations = ChargingSession.objects.order_by("station").values_list("station_id", flat=True)
        assert list(stations) == [boxes[0].station.pk, boxes[2].station.pk]
        event = StationEvent.objects.get(kind=EventKind.REVIEW)
        assert (event.station, event.frame_id) == (boxes[1].station, arrivals[1].frame.pk)
        assert event.text == "StartTransaction could not be acted on (ZeroDivisionError)"

    def test_leaves_a_superseded_connection_unanswered_and_its_frame_kept(self, writer, boxes):
        type(boxes[0].station).objects.filter(pk=boxes[0].station.pk).update(connection_no=2)

        answers = in_one_flush(writer, [start_of(boxes[0], connection_no=1), start_of(boxes[1])])

        assert answers[0] is None
        assert answers[1] is not None
        assert ChargingSession.objects.get().station == boxes[1].station
        assert Frame.objects.filter(direction=Direction.IN).count() == 2

    def test_is_done_again_after_a_deadlock(self, writer, boxes, monkeypatch):
        def deadlock(_):
            raise OperationalError("deadlock detected")

        monkeypatch.setattr(services, "act_together", deadlock)

        answers = in_one_flush(writer, [start_of(box) for box in boxes])

        assert all(isinstance(answer, str) for answer in answers)
        assert ChargingSession.objects.count() == 3
        assert not StationEvent.objects.exists()

    def test_answers_nobody_when_the_database_is_away_but_keeps_what_it_kept(self, writer, boxes, monkeypatch):
        def away(_):
            raise OperationalError("the server closed the connection")

        monkeypatch.setattr(services, "act_together", away)
        monkeypatch.setattr(services, "act_alone", away)

        answers = in_one_flush(writer, [start_of(box) for box in boxes])

        assert all(isinstance(answer, NotWrittenError) for answer in answers)
        assert Frame.objects.count() == 3
        assert not ChargingSession.objects.exists()

    def test_is_answered_only_after_the_commit(self, writer, box):
        async def story() -> int:
            answer = await writer.write(start_of(box))
            assert answer is not None
            return await in_database(ChargingSession.objects.count)

        assert tell(story) == 1
