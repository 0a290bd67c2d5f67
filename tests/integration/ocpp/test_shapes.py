"""What an attacker with a station's key may put on the wire besides OCPP: sizes, fragments, shapes, compression."""

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from apps.ocpp.models import Frame, StationEvent
from apps.sessions.models import ChargingSession, MeterReading
from apps.stations.models import ChargingStation
from tests.factories import NOON
from tests.integration.ocpp.conftest import tell
from tests.integration.ocpp.telling import bill, start, wire

HEARTBEAT = '[2,"h","Heartbeat",{}]'


def sized(size: int, action: str) -> str:
    """Return a CALL of exactly so many bytes."""
    head, tail = f'[2,"big","{action}",{{"filler":"', '"}]'
    return head + "x" * (size - len(head) - len(tail)) + tail


def nested(depth: int, action: str) -> str:
    """Return a CALL whose brackets nest so deep; the frame and its payload are two of them."""
    return f'[2,"deep","{action}",{{"data":{"[" * (depth - 2)}{"]" * (depth - 2)}}}]'


def same_as_before() -> tuple:
    return (
        ChargingSession.objects.count(),
        MeterReading.objects.count(),
        *ChargingStation.objects.values_list("vendor"),
    )


class TestSize:
    def test_is_64_kib_until_the_first_valid_frame_and_then_depends_on_the_action(self, url, box):
        over = 64 * 1024 + 1

        async def story():
            async with wire(url, box) as line:
                return [
                    await line.ask(text)
                    for text in (
                        sized(over, "MeterValues"),
                        HEARTBEAT,
                        sized(over, "MeterValues"),
                        sized(over, "DataTransfer"),
                        sized(1024 * 1024, "StopTransaction"),
                        HEARTBEAT,
                    )
                ]

        heard = tell(story)
        assert [(answer[0], answer[1]) for answer in heard] == [
            (4, "-1"),
            (3, "h"),
            (3, "big"),
            (4, "big"),
            (3, "big"),
            (3, "h"),
        ]
        assert bill(NOON) == []

    def test_of_a_mebibyte_and_one_ends_the_socket_and_leaves_nothing(self, url, box):
        async def story():
            async with wire(url, box) as line:
                await line.ask(HEARTBEAT)
                with pytest.raises(ConnectionClosed) as closed:
                    await line.ask(sized(1024 * 1024 + 1, "StopTransaction"))
                return closed.value.rcvd.code

        assert tell(story) == 1009
        assert not Frame.objects.exists()

    def test_of_a_hundred_megabytes_ends_the_socket_before_it_is_read(self, url, box):
        chunk, announced = b"x" * 64 * 1024, 100 * 1024 * 1024
        # FIN and text, masked, a length of eight bytes, a mask of zeros (RFC 6455 §5.2).
        head = b"\x81\xff" + announced.to_bytes(8, "big") + bytes(4)

        async def story():
            async with wire(url, box) as line:
                await line.ask(HEARTBEAT)
                closing = asyncio.ensure_future(line.socket.wait_closed())
                line.socket.transport.write(head)
                sent = 0
                while not closing.done() and sent < announced:
                    line.socket.transport.write(chunk)
                    sent += len(chunk)
                    await asyncio.wait({closing}, timeout=0.001)
                async with wire(url, box) as again:
                    return line.socket.close_code, sent, await again.ask(HEARTBEAT)

        code, sent, heard = tell(story)
        assert (code, heard[0]) == (1009, 3)
        assert sent < announced // 4
        assert not Frame.objects.exists()


class TestFragments:
    def test_make_one_message(self, url, site, site_box, clock):
        text = json.dumps([2, "1", "StartTransaction", start(site.token.uid, NOON)])

        async def story():
            async with wire(url, site_box) as line:
                await line.socket.send(list(text))
                return json.loads(await asyncio.wait_for(line.socket.recv(), 10))

        answer = tell(story)
        assert answer[2]["idTagInfo"] == {"status": "Accepted"}
        assert Frame.objects.get(action="StartTransaction").payload == text
        assert ChargingSession.objects.count() == 1

    def test_without_an_end_are_cut_off_at_a_mebibyte(self, url, box):
        async def fragments():
            for _ in range(64):
                yield "x" * 64 * 1024

        async def flood(line):
            await line.socket.send(fragments())
            await line.socket.recv()

        async def story():
            async with wire(url, box) as line:
                with pytest.raises(ConnectionClosed) as closed:
                    await flood(line)
                # With fragments still on the way TCP may cut the line before the close frame is read.
                return closed.value.rcvd.code if closed.value.rcvd else 1009

        assert tell(story) == 1009
        assert not Frame.objects.exists()


class TestCompression:
    def test_is_not_accepted_when_offered(self, url, box):
        async def story():
            async with wire(url, box, compression="deflate") as line:
                return line.socket.protocol.extensions, await line.ask(HEARTBEAT)

        extensions, answer = tell(story)
        assert extensions == []
        assert answer[0] == 3

    def test_ends_the_socket_when_sent_all_the_same(self, url, box):
        bomb = ClientPerMessageDeflateFactory()

        async def story():
            async with wire(url, box) as line:
                # As if it had been agreed: a mebibyte of zeros in a kilobyte.
                extension = bomb.process_response_params([], [])
                line.socket.protocol.extensions = [extension]
                with pytest.raises(ConnectionClosed) as closed:
                    await line.ask(sized(1024 * 1024, "StopTransaction"))
                return closed.value.rcvd.code

        assert tell(story) == 1002
        assert not Frame.objects.exists()


class TestShapes:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            (nested(33, "DataTransfer"), "FormationViolation"),
            (nested(33, "StartTransaction"), "FormationViolation"),
            ("{" * 2_000, "FormationViolation"),
            ('[2,"1","BootNotification",{"chargePointVendor":"A","chargePointVendor":"B"}]', "FormationViolation"),
            ('{"2":"1"}', "FormationViolation"),
            ('[[2,"1","Heartbeat",{}]]', "FormationViolation"),
            ("null", "FormationViolation"),
            ("17", "FormationViolation"),
            ('"[2]"', "FormationViolation"),
            ('[2,1,"Heartbeat",{}]', "FormationViolation"),
            ('[2,"","Heartbeat",{}]', "FormationViolation"),
            ('[2,"' + "i" * 37 + '","Heartbeat",{}]', "FormationViolation"),
            ('[2.0,"1","Heartbeat",{}]', "ProtocolError"),
            ('[true,"1","Heartbeat",{}]', "ProtocolError"),
            ('[2,"1",{"a":1},{}]', "FormationViolation"),
            ('[2,"1","Heartbeat",[]]', "FormationViolation"),
            ('[2,"1","Heartbeat",{},{}]', "FormationViolation"),
            ('[2,"1","BootNotification",{"chargePointVendor":NaN}]', "FormationViolation"),
            ('[2,"1","Authorize",{"idTag":"\\ud800"}]', "FormationViolation"),
            ('[2,"1","Authorize",{"idTag":"a\\u0000b"}]', "FormationViolation"),
            (b"\x00\xff\xfe", "FormationViolation"),
            (b'[2,"1","Heartbeat",{}]', "FormationViolation"),
            ("\ufeff" + HEARTBEAT, "FormationViolation"),
        ],
    )
    def test_that_are_none_are_refused_and_the_next_frame_is_heard(self, url, box, text, code):
        before = same_as_before()

        async def story():
            async with wire(url, box) as line:
                return await line.ask(text), await line.ask(HEARTBEAT)

        refused, heard = tell(story)
        assert (refused[0], refused[2]) == (4, code)
        assert heard[:2] == [3, "h"]
        assert same_as_before() == before
        assert Frame.objects.exclude(note="").count() == 1
        assert bill(NOON) == []


class TestAConnectorThatNoRowCanHold:
    @pytest.mark.parametrize("connector", [2**31, 2**63, 10**30, -(2**31), -1])
    def test_is_no_connector_and_no_fault_of_ours(self, url, box, connector):
        status = {"connectorId": connector, "errorCode": "NoError", "status": "Available"}

        async def story():
            async with wire(url, box) as line:
                return await line.say("1", "StatusNotification", status)

        assert tell(story) == [3, "1", {}]
        assert not StationEvent.objects.exists()
