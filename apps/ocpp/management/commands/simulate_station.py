"""``manage.py simulate_station``: a charger to play with."""

import asyncio
from argparse import ArgumentParser
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from websockets.exceptions import InvalidHandshake, InvalidStatus

from apps.ocpp.simulator.charger import SimulatedCharger, UnsupportedProtocolError
from apps.ocpp.simulator.live import LiveCharger, fast_clock


class Command(BaseCommand):
    help = (
        "Simulate a charging station. With --token it tells one whole session that ends now and leaves; without, it "
        "stays online, reacts to remote starts and charges in real time."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="ws://127.0.0.1:8000/ocpp", help="central system, without the identity")
        parser.add_argument("--identity", required=True)
        parser.add_argument("--password", required=True, help="the station's key")
        parser.add_argument("--protocol", default="1.6", help="1.6 or 2.0.1")
        parser.add_argument("--connector", type=int, default=1)
        parser.add_argument("--token", help="id token (RFID uid): tell one session and leave")
        parser.add_argument("--energy-wh", type=int, help="what the car takes (with --token: 10000)")
        parser.add_argument("--power-w", type=int, default=11_000)
        parser.add_argument("--meter-wh", type=int, default=0, help="what the register shows at first")
        parser.add_argument(
            "--speedup",
            type=int,
            default=1,
            help="live: the charger's clock runs so many times too fast, ahead of ours",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        work = self._tell_session(options) if options["token"] else self._live(options)
        try:
            with suppress(KeyboardInterrupt):
                asyncio.run(work)
        except UnsupportedProtocolError as error:
            raise CommandError(str(error)) from error
        except InvalidStatus as error:
            raise CommandError(f"refused: HTTP {error.response.status_code} {error.response.body.decode()}") from error
        except (InvalidHandshake, OSError) as error:
            raise CommandError(f"no central system at {options['url']}: {error}") from error

    async def _live(self, options: dict[str, Any]) -> None:
        charger = LiveCharger(
            options["url"],
            options["identity"],
            options["password"],
            protocol=options["protocol"],
            power_w=options["power_w"],
            clock=fast_clock(options["speedup"]),
            on_frame=self._show,
            connector=options["connector"],
            energy_wh=options["energy_wh"],
            meter_wh=options["meter_wh"],
        )
        await charger.run()

    async def _tell_session(self, options: dict[str, Any]) -> None:
        charger = SimulatedCharger(
            options["url"],
            options["identity"],
            options["password"],
            protocol=options["protocol"],
            power_w=options["power_w"],
            on_frame=self._show,
        )
        energy_wh = options["energy_wh"] or 10_000
        async with charger:
            await charger.boot()
            started = await charger.charge(
                options["token"],
                started_at=datetime.now(UTC) - timedelta(hours=energy_wh / options["power_w"]),
                energy_wh=energy_wh,
                meter_start_wh=options["meter_wh"],
                connector=options["connector"],
            )
        self.stdout.write(f"transaction {started.transaction_id}: {started.status}")

    def _show(self, direction: str, text: str) -> None:
        self.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {direction} {text}")
