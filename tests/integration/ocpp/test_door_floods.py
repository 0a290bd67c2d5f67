"""Who dawdles, guesses or hangs at the door: nobody else waits for it, and nothing grows without bound."""

import asyncio
import base64
import os
import socket
import time
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from apps.ocpp import door, server
from apps.ocpp.authentication import Brake
from apps.ocpp.models import EventKind, Frame, StationEvent
from apps.ocpp.pool import stop_pool
from apps.ocpp.writer import writer
from tests.integration.ocpp.conftest import in_database, process, serving, tell, until

HALF = b"GET /ocpp/BOX-1 HTTP/1.1\r\nHost: x\r\n"


def address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 0)


def handshake(identity: str, key: str) -> bytes:
    pair = base64.b64encode(f"{identity}:{key}".encode()).decode()
    return (
        f"GET /ocpp/{identity} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic {pair}\r\n\r\n"
    ).encode()


def frame(text: str) -> bytes:
    """Write a text as one masked websocket frame (mask zero) of fewer than 126 bytes."""
    raw = text.encode()
    return bytes([0x81, 0x80 | len(raw)]) + bytes(4) + raw


async def half_open(url: str, count: int, said: bytes) -> list[socket.socket]:
    """Open TCP connections that say something and no more."""
    loop = asyncio.get_running_loop()
    opened = []
    for _ in range(count):
        half = socket.socket()
        half.setblocking(False)
        await loop.sock_connect(half, address_of(url))
        if said:
            await loop.sock_sendall(half, said)
        opened.append(half)
    return opened


async def flood(deaf: socket.socket, *, patience_s: float) -> str:
    """Ask and ask and never read an answer; return how that ended."""
    asked = frame('[2,"m","Heartbeat",{}]') * 100
    try:
        while True:
            await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(deaf, asked), patience_s)
    except TimeoutError:
        return "not read"
    except ConnectionError:
        return "cut off"


async def is_cut_off(half: socket.socket, *, timeout_s: float) -> bool:
    """Wait until the other end is closed."""
    try:
        while await asyncio.wait_for(asyncio.get_running_loop().sock_recv(half, 65_536), timeout_s):
            continue
    except ConnectionError:
        return True
    return True


def resident_kib(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class TestHalfHandshakes:
    def test_two_thousand_keep_no_station_out_and_take_little_memory(self, url, box):
        async def story(base: str, pid: int):
            async with box.at(base) as charger:
                await charger.boot()
            before_kib = resident_kib(pid)
            silent = await half_open(base, 1_000, b"")
            partial = await half_open(base, 1_000, HALF)
            try:
                began = time.monotonic()
                async with box.at(base) as charger:
                    assert await charger.boot() == "Accepted"
                return time.monotonic() - began, resident_kib(pid) - before_kib
            finally:
                for half in (*silent, *partial):
                    half.close()

        with process() as (base, child):
            took_s, grown_kib = tell(lambda: story(base, child.pid))

        assert took_s < 2.0
        assert grown_kib < 2_000 * 16

    @pytest.mark.parametrize("said", [b"", HALF])
    def test_end_after_their_time(self, url, box, monkeypatch, said):
        monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)

        async def story():
            (half,) = await half_open(url, 1, said)
            with closing(half):
                return await is_cut_off(half, timeout_s=5)

        assert tell(story)

    def test_end_even_if_a_byte_comes_now_and_then(self, url, box, monkeypatch):
        monkeypatch.setattr(server, "HEAD_SECONDS", 0.5)

        async def story():
            (half,) = await half_open(url, 1, HALF)
            with closing(half):
                for _ in range(50):
                    try:
                        await asyncio.get_running_loop().sock_sendall(half, b"X: y\r\n")
                    except ConnectionError:
                        return True
                    await asyncio.sleep(0.05)
            return False

        assert tell(story)

    def test_end_when_their_head_has_no_end(self, url, box):
        async def story():
            (half,) = await half_open(url, 1, HALF)
            sent = 0
            with closing(half):
                try:
                    while sent < 10_000_000:
                        await asyncio.get_running_loop().sock_sendall(half, b"X-Long: " + b"y" * 4_000 + b"\r\n")
                        sent += 4_000
                except ConnectionError:
                    pass
            return sent

        # What stands in the sockets' buffers comes on top of the 64 KiB.
        assert tell(story) < 9_000_000

    def test_leave_alone_a_station_that_is_in(self, url, box, monkeypatch):
        monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)

        async def story():
            async with box.at(url) as charger:
                await asyncio.sleep(0.5)
                return await charger.boot()

        assert tell(story) == "Accepted"


class TestGuesses:
    COUNT = int(os.environ.get("WATTLEDGER_GUESSES", "500"))

    def test_never_lock_the_real_station_out_nor_slow_it_down(self, url, box, monkeypatch):
        monkeypatch.setattr(door, "brake", Brake(max_delay_s=0.2))
        statuses: dict[bytes, int] = {}

        async def guess(number: int, together: asyncio.Semaphore) -> None:
            # Eight attackers: some go for the one station, some through the alphabet.
            identity = "BOX-1" if number % 2 else f"CS-{number}"
            async with together:
                reader, sender = await asyncio.open_connection(
                    *address_of(url), local_addr=(f"127.0.1.{number % 8 + 1}", 0)
                )
                sender.write(handshake(identity, f"{number:040x}"))
                line = await reader.readline()
                statuses[line[9:12]] = statuses.get(line[9:12], 0) + 1
                sender.close()

        async def story():
            together = asyncio.Semaphore(100)
            guesses = [asyncio.create_task(guess(number, together)) for number in range(self.COUNT)]
            took_s = []
            while not all(one.done() for one in guesses):
                began = time.monotonic()
                async with box.at(url) as charger:
                    assert await charger.boot() == "Accepted"
                took_s.append(time.monotonic() - began)
                await asyncio.sleep(0.1)
            await asyncio.gather(*guesses)
            return took_s

        took_s = asyncio.run(story())

        assert statuses == {b"401": self.COUNT}
        assert max(took_s) < 2.0
        assert len(door.brake._failures) <= Brake.MAX_REMEMBERED
        assert not Frame.objects.exclude(station=box.station).exists()
        assert not StationEvent.objects.exclude(kind__in=[EventKind.BOOT, EventKind.SUPERSEDED]).exists()


class TestAReaderThatNeverReads:
    @pytest.fixture(autouse=True)
    def _soon_full(self, monkeypatch):
        """Let the kernel hold little and the pace be high, so that the server's own buffer is full within a second."""
        begin = server.DoorProtocol.connection_made

        def connection_made(protocol, transport):
            begin(protocol, transport)
            connected = transport.get_extra_info("socket")
            for side in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                connected.setsockopt(socket.SOL_SOCKET, side, 4_096)

        monkeypatch.setattr(server.DoorProtocol, "connection_made", connection_made)
        monkeypatch.setattr("apps.ocpp.conf.messages_per_second", lambda: 1_000_000.0)

    def test_is_cut_off(self, transactional_db, box, monkeypatch):
        monkeypatch.setattr(server, "UNREAD_MS", 1_000)

        async def story(url: str) -> float:
            loop = asyncio.get_running_loop()
            with closing(socket.socket()) as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
                deaf.setblocking(False)
                await loop.sock_connect(deaf, address_of(url))
                await loop.sock_sendall(deaf, handshake("BOX-1", box.key))
                assert b" 101 " in await loop.sock_recv(deaf, 512)
                began = time.monotonic()
                assert await flood(deaf, patience_s=20) == "cut off"
                took_s = time.monotonic() - began
            await until(lambda: box.station.refresh_from_db() or box.station.disconnected_at is not None)
            return took_s

        with serving() as url:
            took_s = tell(lambda: story(url))
        writer.stop()
        stop_pool()

        assert took_s < 20

    def test_does_not_hold_up_the_stations_next_connection(self, transactional_db, box):
        async def story(url: str):
            loop = asyncio.get_running_loop()
            with closing(socket.socket()) as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
                deaf.setblocking(False)
                await loop.sock_connect(deaf, address_of(url))
                await loop.sock_sendall(deaf, handshake("BOX-1", box.key))
                assert b" 101 " in await loop.sock_recv(deaf, 512)
                # The server no longer reads, for it cannot write.
                assert await flood(deaf, patience_s=0.5) == "not read"
                async with box.at(url) as charger:
                    return await asyncio.wait_for(charger.boot(), 3)

        with serving() as url:
            registration = tell(lambda: story(url))
        writer.stop()
        stop_pool()

        assert registration == "Accepted"


class TestAHalfOpenSocket:
    def test_is_found_by_pings_that_nobody_answers(self, transactional_db, box):
        """Run at a hundredth of the real pace (30 s and 30 s, so that it takes at most 60)."""

        async def story(url: str) -> float:
            loop = asyncio.get_running_loop()
            with closing(socket.socket()) as dead:
                dead.setblocking(False)
                await loop.sock_connect(dead, address_of(url))
                await loop.sock_sendall(dead, handshake("BOX-1", box.key))
                await until(lambda: box.station.refresh_from_db() or box.station.connection_no == 1)
                began = time.monotonic()
                await until(lambda: box.station.refresh_from_db() or box.station.disconnected_at is not None)
                return time.monotonic() - began

        with serving(ws_ping_interval=0.3, ws_ping_timeout=0.3) as url:
            took_s = tell(lambda: story(url))
        writer.stop()
        stop_pool()

        assert 0.3 < took_s < 2.0


class TestReplacingOneAnother:
    def test_raises_one_alarm_when_addresses_differ(self, url, box):
        async def story():
            loop = asyncio.get_running_loop()
            sockets = []
            for number in range(1, 6):
                twin = socket.socket()
                twin.bind((f"127.0.0.{number % 2 + 2}", 0))
                twin.setblocking(False)
                await loop.sock_connect(twin, address_of(url))
                await loop.sock_sendall(twin, handshake("BOX-1", box.key))
                sockets.append(twin)
                await until(
                    lambda number=number: (
                        StationEvent.objects.filter(kind=EventKind.SUPERSEDED).count() == number - 1
                        and box.station.refresh_from_db() is None
                        and box.station.connection_no == number
                    )
                )
            for twin in sockets:
                twin.close()
            return await in_database(lambda: list(StationEvent.objects.filter(kind=EventKind.REPLACED)))

        (alarm,) = tell(story)

        assert alarm.text.startswith("3 connections were replaced by newer ones within 10 minutes, from 127.0.0.2, 127")
        assert StationEvent.objects.filter(kind=EventKind.SUPERSEDED).count() == 4

    def test_raises_none_for_a_station_that_comes_back_now_and_then(self, url, box):
        async def story():
            for number in range(4):
                async with box.at(url) as older, box.at(url):
                    await asyncio.wait_for(older.closed.wait(), 5)
                await until(
                    lambda number=number: StationEvent.objects.filter(kind=EventKind.SUPERSEDED).count() == number + 1
                )

        tell(story)

        assert not StationEvent.objects.filter(kind=EventKind.REPLACED).exists()
