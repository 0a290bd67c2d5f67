"""Reading a Basic header, and slowing down whoever guesses."""

import asyncio
import base64

import pytest

from apps.ocpp.authentication import Brake, read_key


def header(pair: str | bytes, scheme: str = "Basic") -> list[tuple[bytes, bytes]]:
    raw = pair.encode() if isinstance(pair, str) else pair
    return [(b"host", b"x"), (b"authorization", f"{scheme} ".encode() + base64.b64encode(raw))]


class Clock:
    """A clock that moves when told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestReadKey:
    @pytest.mark.parametrize(
        ("identity", "headers", "key"),
        [
            ("BOX", header("BOX:key"), b"key"),
            ("BOX", header("BOX:key", "bAsIc"), b"key"),
            ("BOX", header("BOX:k:e:y"), b"k:e:y"),
            ("A:B", header("A:B:key"), b"key"),
            ("A", header("A:B:key"), b"B:key"),
            ("BOX", header("BOX:"), b""),
            ("BOX", header("box:key"), None),
            ("BOX", header("BOXER:key"), None),
            ("BOX", header("BOX"), None),
            ("BOX", header(b"BOX:\xff\x00"), b"\xff\x00"),
            ("BOX", header("BOX:key", "Bearer"), None),
            ("BOX", header("BOX:key") + header("BOX:other"), None),
            ("BOX", [(b"authorization", b"Basic ***")], None),
            ("BOX", [(b"authorization", b"Basic")], None),
            ("BOX", [], None),
        ],
    )
    def test_takes_what_follows_the_identity_of_the_path(self, identity, headers, key):
        assert read_key(headers, identity) == key


class TestBrake:
    def test_lets_a_few_go_and_then_waits_longer_and_longer(self):
        brake = Brake(free=3, max_delay_s=1.0, clock=Clock())

        delays = [brake.delay_s("10.0.0.1", "BOX") for _ in range(8)]

        assert delays == [0, 0, 0, 0.2, 0.4, 0.8, 1.0, 1.0]

    def test_counts_an_identity_over_all_addresses_and_an_address_over_all_identities(self):
        brake = Brake(free=1, clock=Clock())
        brake.delay_s("10.0.0.1", "BOX")

        assert brake.delay_s("10.0.0.2", "BOX") > 0
        assert brake.delay_s("10.0.0.1", "OTHER") > 0
        assert brake.delay_s("10.0.0.3", "THIRD") == 0

    def test_forgets_after_a_quiet_minute(self):
        clock = Clock()
        brake = Brake(free=1, clock=clock)
        brake.delay_s("10.0.0.1", "BOX")
        clock.now += 61

        assert brake.delay_s("10.0.0.1", "BOX") == 0

    def test_remembers_a_bounded_number_of_strangers(self):
        brake = Brake(clock=Clock())

        for number in range(Brake.MAX_REMEMBERED):
            brake.delay_s(f"address {number}", f"identity {number}")

        assert len(brake._failures) == Brake.MAX_REMEMBERED

    def test_holds_a_bounded_number_of_sockets(self, monkeypatch):
        monkeypatch.setattr(Brake, "MAX_HELD", 2)
        brake = Brake(free=0, max_delay_s=0.05, clock=Clock())

        async def guess_ten_times() -> float:
            began = asyncio.get_running_loop().time()
            held = [asyncio.ensure_future(brake.hold("10.0.0.1", "BOX")) for _ in range(10)]
            await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
            assert sum(not one.done() for one in held) == 2
            await asyncio.gather(*held)
            return asyncio.get_running_loop().time() - began

        assert asyncio.run(guess_ten_times()) >= 0.05
