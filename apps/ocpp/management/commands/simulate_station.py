"""``manage.py simulate_station``: a charger to play with, or a thousand (docs/simulator.md)."""

import asyncio
import random
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from websockets.exceptions import InvalidHandshake, InvalidStatus

from apps.ocpp.simulator.charger import SimulatedCharger, UnsupportedProtocolError
from apps.ocpp.simulator.csv_files import BadCsvError
from apps.ocpp.simulator.fleet import Tally, describe, identities, keys_of, together
from apps.ocpp.simulator.live import LiveCharger, fast_clock
from apps.ocpp.simulator.open_files import TooFewFilesError, allow_sockets
from apps.ocpp.simulator.profile import Profile, Spell, read_profile
from apps.ocpp.simulator.signing import SigningMeter
from apps.ocpp.simulator.told import ToldSession

TOLD_ENERGY_WH = 10_000


class Command(BaseCommand):
    help = (
        "Simulate a charging station. With --token it tells one whole session that ends now and leaves; without, it "
        "stays online, reacts to remote starts and charges in real time."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="ws://127.0.0.1:8000/ocpp", help="central system, without the identity")
        parser.add_argument("--identity", required=True, help="with --stations: what the identities begin with")
        parser.add_argument("--protocol", default="1.6", help="1.6 or 2.0.1")
        parser.add_argument("--connector", type=int, default=1)
        parser.add_argument("--token", help="id token (RFID uid): tell one session and leave")
        keys = parser.add_mutually_exclusive_group(required=True)
        keys.add_argument("--password", help="the station's key")
        keys.add_argument("--keys", type=Path, metavar="FILE", help="CSV of keys: station,key")
        self._add_car(parser)
        self._add_trouble(parser)
        parser.add_argument(
            "--stations", type=_whole(1, 9_999), metavar="N", help="so many, IDENTITY-0001 and on; prints one summary"
        )

    def _add_car(self, parser: ArgumentParser) -> None:
        parser.add_argument("--energy-wh", type=_whole(1, 10_000_000), help="what the car takes (with --token: 10000)")
        parser.add_argument("--power-w", type=_whole(1, 10_000_000), default=11_000)
        parser.add_argument("--profile", type=Path, metavar="FILE", help="CSV of its power: seconds,power_w")
        parser.add_argument("--meter-wh", type=int, default=0, help="what the register shows at first")
        parser.add_argument("--signed", action="store_true", help="the meter signs begin and end, with a key made now")
        parser.add_argument(
            "--speedup",
            type=_whole(1, 100_000),
            default=1,
            help="live: the charger's clock runs so many times too fast, ahead of ours",
        )

    def _add_trouble(self, parser: ArgumentParser) -> None:
        seconds = _whole(0, 30 * 24 * 3600)
        parser.add_argument("--offline-after", type=seconds, metavar="S", help="seconds of each charge until it is cut")
        parser.add_argument("--offline-for", type=seconds, metavar="S", help="seconds of the charge that it stays cut")
        parser.add_argument(
            "--lose-answers", type=_share, default=0.0, metavar="SHARE", help="of answers taken as lost, as 0.2"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with suppress(KeyboardInterrupt):
                asyncio.run(self._run(options))
        except (BadCsvError, TooFewFilesError, UnsupportedProtocolError) as error:
            raise CommandError(str(error)) from error
        except InvalidStatus as error:
            raise CommandError(describe(error)) from error
        except (InvalidHandshake, OSError) as error:
            raise CommandError(f"no central system at {options['url']}: {error}") from error

    async def _run(self, options: dict[str, Any]) -> None:
        count, prefix = options["stations"], options["identity"]
        names = [prefix] if count is None else identities(prefix, count)
        keys = keys_of(names, options["keys"]) if options["keys"] else dict.fromkeys(names, options["password"])
        work = self._tell if options["token"] else self._live
        car = {"profile": _profile(options), "spell": _spell(options)}
        if count is None:
            await work(prefix, keys[prefix], options, car, on_frame=self._show)
            return
        allow_sockets(count)
        tally = Tally()
        try:
            await together([work(name, keys[name], options, car, on_call=tally.note_call) for name in names], tally)
        finally:
            self.stdout.write(tally.summary(count))

    async def _live(self, name: str, key: str, options: dict[str, Any], car: dict[str, Any], **hooks: Any) -> None:
        charger = LiveCharger(
            options["url"],
            name,
            key,
            **self._station(name, options),
            **car,
            **hooks,
            clock=fast_clock(options["speedup"]),
            connector=options["connector"],
            meter_wh=options["meter_wh"],
        )
        await charger.run()

    async def _tell(self, name: str, key: str, options: dict[str, Any], car: dict[str, Any], **hooks: Any) -> None:
        charger = SimulatedCharger(options["url"], name, key, **self._station(name, options), **hooks)
        session = ToldSession(
            charger,
            **car,
            token=options["token"],
            started_at=datetime.now(UTC) - car["profile"].duration,
            meter_wh=options["meter_wh"],
            connector=options["connector"],
        )
        async with charger:
            transaction = await session.tell()
        if options["stations"] is None:
            self.stdout.write(f"transaction {transaction.transaction_id}: {transaction.status}")

    def _station(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        """Return what a station is made of, whether it lives or tells."""
        meter = SigningMeter(serial=f"SIM-{name}"[:25]) if options["signed"] else None
        if meter is not None:
            self.stdout.write(f"{name}: the meter's public key is {meter.public_key}")
        share, chance = options["lose_answers"], random.SystemRandom()
        return {"protocol": options["protocol"], "meter": meter, "loses": lambda: chance.random() < share}

    def _show(self, direction: str, text: str) -> None:
        self.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {direction} {text}")


def _profile(options: dict[str, Any]) -> Profile:
    most_wh = options["energy_wh"]
    if options["profile"] is not None:
        return read_profile(options["profile"], most_wh=most_wh)
    if most_wh is None and options["token"]:
        most_wh = TOLD_ENERGY_WH
    return Profile.steady(options["power_w"], most_wh=most_wh)


def _spell(options: dict[str, Any]) -> Spell | None:
    after, lasts = options["offline_after"], options["offline_for"]
    if after is None and lasts is None:
        return None
    if after is None or lasts is None:
        raise CommandError("--offline-after and --offline-for are given together")
    return Spell(after=timedelta(seconds=after), lasts=timedelta(seconds=lasts))


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
            raise ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return read


def _share(text: str) -> float:
    if not re.fullmatch(r"0(\.\d{1,6})?", text, re.ASCII):
        raise ArgumentTypeError(f"{text!r} is no share from 0 up to, but not, 1 (as 0.2)")
    return float(text)
