"""A driver's own price on a display: whose it is, and that it fits."""

import pytest

from apps.ocpp.price_words import MOST_CHARS, language_of, station_text
from apps.sessions.driver_prices import driver_prices
from apps.stations.models import ChargingStation
from tests.factories import (
    NOON,
    assign_tariff,
    make_evse,
    make_grant,
    make_site,
    make_tariff,
    make_tariff_version,
    make_tier,
)

pytestmark = pytest.mark.django_db


def gross(price: str) -> dict:
    return {"tax_included": True, "elements": [{"price_components": [{"type": "ENERGY", "price": price}]}]}


@pytest.fixture
def site():
    return make_site(**gross("0.50"))


def text(site, token: str) -> str:
    station = ChargingStation.objects.select_related("location").get(pk=site.station.pk)
    prices = driver_prices(token=token, station=station, at=NOON)
    return station_text(prices, language="en", at=NOON)


class TestADriversPrice:
    def test_is_that_of_the_tariff_for_their_card(self, site):
        own = make_tariff(owner=site.owner)
        make_tariff_version(tariff=own, **gross("0.40"))
        assign_tariff(tariff=own, contract=site.contract)

        assert text(site, site.token.uid) == "0.40 EUR/kWh; including VAT"

    def test_says_what_is_off_it(self, site):
        site.contract.tier = make_tier(seller=site.owner, discount_percent="10.5")
        site.contract.save()

        assert text(site, site.token.uid) == "0.50 EUR/kWh; including VAT; -10.5 %"

    def test_is_that_of_the_grant_where_one_was_written(self, site):
        version = make_tariff_version(tariff=make_tariff(owner=site.owner), **gross("0.70"))
        make_grant(site=site, token="PAID01", evse=site.evse, tariff_version=version)
        make_evse(station=site.station, number=2)

        assert text(site, "PAID01") == "0.70 EUR/kWh; including VAT"

    def test_is_not_told_of_a_card_that_may_not_charge_here(self, site):
        assert text(site, "STRANGER") == ""
        assert text(site, make_site(**gross("0.10")).token.uid) == ""


def add_evses(site, *numbers: int) -> None:
    """Add EVSEs with a long price each, all different."""
    for number in numbers:
        lines = [
            {
                "price_components": [{"type": "ENERGY", "price": f"0.{number:02d}{hour}"}],
                "restrictions": {"start_time": f"{hour:02d}:00", "end_time": f"{hour + 1:02d}:00"},
            }
            for hour in range(10, 20)
        ]
        tariff = make_tariff(owner=site.owner)
        make_tariff_version(tariff=tariff, tax_included=True, elements=lines)
        assign_tariff(tariff=tariff, evse=make_evse(station=site.station, number=number))


class TestAStationsText:
    def test_of_many_evses_with_prices_of_their_own_fits(self, site):
        add_evses(site, *range(2, 9))

        told = text(site, site.token.uid)

        assert len(told) <= MOST_CHARS
        assert [part.partition(":")[0] for part in told.split(" | ")] == [str(number) for number in range(1, 9)]

    def test_of_more_than_fit_is_not_told_at_all(self, site):
        add_evses(site, *range(2, 13))

        assert text(site, site.token.uid) == ""


class TestTheLanguage:
    @pytest.mark.parametrize(("own", "spoken"), [("nl", "nl"), ("pl", "de"), ("", "de")])
    def test_is_the_displays_own_if_we_speak_it_else_its_countrys(self, site, own, spoken):
        site.station.display_language = own

        assert language_of(site.station) == spoken
