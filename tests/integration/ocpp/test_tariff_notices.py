"""What displays show while nobody charges, kept up with the tariff in force."""

import json
from datetime import timedelta

import pytest

from apps.ocpp.tariff_notices import tell_tariffs
from apps.stations.models import ChargingStation, ConfigurationKey, StationCommand
from apps.stations.services import finish_command, take_commands
from apps.tariffs.models import TariffVersion
from tests.factories import NOON, assign_tariff, make_evse, make_site, make_tariff, make_tariff_version

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
GROSS = {"tax_included": True, "elements": [{"price_components": [{"type": "ENERGY", "price": "0.50"}]}]}
OTHER = {"tax_included": True, "elements": [{"price_components": [{"type": "ENERGY", "price": "0.60"}]}]}


def make_shown(**station):
    site = make_site(**GROSS)
    shown = {"shows_messages": True, "last_seen_at": NOON + timedelta(hours=1), "connected_at": NOON, **station}
    ChargingStation.objects.filter(pk=site.station.pk).update(**shown)
    return site


def calls(site, at=NOON) -> list[tuple[str, dict]]:
    """Return what the station is told, in turn; it takes all of it."""
    told = []
    while sent := take_commands(station_ids=[site.station.pk], at=at):
        for command in sent:
            finish_command(station_id=site.station.pk, message_id=command.message_id, accepted=True, answer={}, at=at)
            told.append((command.action, command.payload))
    return told


def content(call) -> str:
    return call[1]["message"]["message"]["content"]


class TestTwoZeroOne:
    def test_shows_the_price_in_its_countrys_language_once(self):
        site = make_shown(protocol="2.0.1")

        assert [tell_tariffs(at=NOON), tell_tariffs(at=NOON + MINUTE)] == [1, 0]

        (told,) = calls(site)
        assert told == (
            "SetDisplayMessage",
            {
                "message": {
                    "id": 710_001,
                    "priority": "NormalCycle",
                    "state": "Idle",
                    "message": {
                        "format": "ASCII",
                        "language": "de",
                        "content": "0,50 EUR/kWh; inkl. USt.",
                    },
                }
            },
        )

    def test_shows_another_when_the_tariff_changes(self):
        site = make_shown(protocol="2.0.1", display_language="en")
        tell_tariffs(at=NOON)
        calls(site)
        TariffVersion.objects.filter(pk=site.version.pk).update(valid_to=NOON + 10 * MINUTE)
        make_tariff_version(tariff=site.tariff, valid_from=NOON + 10 * MINUTE, **OTHER)

        assert tell_tariffs(at=NOON + 9 * MINUTE) == 0
        assert tell_tariffs(at=NOON + 10 * MINUTE) == 1

        (told,) = calls(site, NOON + 10 * MINUTE)
        assert content(told).startswith("0.60 EUR/kWh")

    def test_takes_it_off_where_none_is_in_force_or_its_owner_does_not_want_it(self):
        site = make_shown(protocol="2.0.1")
        tell_tariffs(at=NOON)
        calls(site)
        ChargingStation.objects.update(price_display="off")

        assert [tell_tariffs(at=NOON + MINUTE), tell_tariffs(at=NOON + MINUTE)] == [1, 0]
        assert calls(site, NOON + MINUTE) == [("ClearDisplayMessage", {"id": 710_001})]
        assert tell_tariffs(at=NOON + 2 * MINUTE) == 0

    def test_names_the_evse_where_prices_differ(self):
        site = make_shown(protocol="2.0.1", display_language="en")
        second = make_evse(station=site.station, number=2)
        dear = make_tariff(owner=site.owner)
        make_tariff_version(tariff=dear, **OTHER)
        assign_tariff(tariff=dear, evse=second)

        tell_tariffs(at=NOON)

        (told,) = calls(site)
        one, two = content(told).split(" | ")
        assert one.startswith("1: 0.50 EUR/kWh")
        assert two.startswith("2: 0.60 EUR/kWh")

    @pytest.mark.parametrize(
        "station",
        [{"shows_messages": False}, {"price_display": "off"}, {"last_seen_at": NOON - timedelta(hours=1)}],
        ids=lambda fields: next(iter(fields)),
    )
    def test_is_not_told_where_it_cannot_show_it(self, station):
        make_shown(protocol="2.0.1", **station)

        assert tell_tariffs(at=NOON) == 0
        assert not StationCommand.objects.exists()


class TestOneSix:
    def test_is_told_by_settings(self):
        site = make_shown()
        says = {
            "CustomMultiLanguageMessages": "true",
            "SupportedLanguages": ",".join(["nb", *(f"de-{n}" for n in range(500)), "de_DE"]),
            "TimeOffset": "+01:00",
        }
        for name, value in says.items():
            ConfigurationKey.objects.create(station=site.station, name=name, value=value, reported_at=NOON)

        assert tell_tariffs(at=NOON) == 3

        price, in_german, offset = calls(site)
        text = "0,50 EUR/kWh; inkl. USt."
        assert price == (
            "ChangeConfiguration",
            {"key": "DefaultPrice", "value": json.dumps({"priceText": text}, separators=(",", ":"))},
        )
        assert in_german == ("ChangeConfiguration", {"key": "DefaultPriceText,de_DE", "value": price[1]["value"]})
        # Berlin in summer.
        assert offset == ("ChangeConfiguration", {"key": "TimeOffset", "value": "+02:00"})
