import re
from datetime import timedelta

import pytest

from apps.stations import services
from apps.stations.models import Connector, PayCode
from apps.stations.selectors import codes_to_print, find_pay_code
from apps.stations.stickers import pay_address, qr_code, sticker_sheet_html
from tests.factories import NOON, make_evse, make_location, make_station
from tests.refusals import refused_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector() -> Connector:
    location = make_location(name="Hafen <Süd>", street="Am Kai 3", postcode="20457", city="Hamburg")
    return make_evse(station=make_station(location=location, identity="HAM-07")).connectors.get()


@pytest.fixture
def pay_code(connector) -> PayCode:
    return services.new_pay_code(connector_id=connector.pk, at=NOON)


class TestNewPayCode:
    def test_draws_22_random_characters_whose_first_six_people_compare(self, connector, pay_code):
        other = services.new_pay_code(connector_id=connector.pk, at=NOON)

        assert re.fullmatch(r"[0-9A-Za-z]{22}", pay_code.code)
        assert pay_code.short_code == pay_code.code[:6].upper()
        assert pay_code.code != other.code
        assert (pay_code.connector, pay_code.created_at, pay_code.revoked_at) == (connector, NOON, None)

    def test_lets_the_older_ones_stand(self, connector, pay_code):
        services.new_pay_code(connector_id=connector.pk, at=NOON)

        assert find_pay_code(pay_code.code) == pay_code


class TestRevokePayCode:
    def test_lets_it_lead_nowhere_and_keeps_the_first_instant(self, pay_code):
        services.revoke_pay_code(pay_code_id=pay_code.pk, at=NOON + timedelta(hours=1))
        again = services.revoke_pay_code(pay_code_id=pay_code.pk, at=NOON + timedelta(hours=2))

        assert again.revoked_at == NOON + timedelta(hours=1)
        assert find_pay_code(pay_code.code) is None


class TestFindPayCode:
    @pytest.mark.parametrize(
        "spoil", [str.swapcase, lambda code: code[:6].upper(), lambda code: code + "x", lambda _: ""]
    )
    def test_knows_only_the_whole_code_as_it_is(self, pay_code, spoil):
        assert find_pay_code(pay_code.code) == pay_code
        assert find_pay_code(spoil(pay_code.code)) is None


class TestAddMissingPayCodes:
    def test_gives_one_to_each_connector_of_the_site_that_has_no_good_one(self, connector, pay_code):
        station = connector.evse.station
        bare, revoked = (make_evse(station=station, number=number).connectors.get() for number in (2, 3))
        old = services.new_pay_code(connector_id=revoked.pk, at=NOON)
        services.revoke_pay_code(pay_code_id=old.pk, at=NOON)
        make_evse()

        added = services.add_missing_pay_codes(location_id=station.location_id, at=NOON)
        again = services.add_missing_pay_codes(location_id=station.location_id, at=NOON)

        assert [code.connector for code in added] == [bare, revoked]
        assert again == ()
        assert PayCode.objects.count() == 4


class TestAddMissingPayCodesAtOnce:
    @pytest.mark.django_db(transaction=True)
    def test_gives_each_connector_one(self, at_once):
        location = make_evse().station.location

        at_once(*[lambda: services.add_missing_pay_codes(location_id=location.pk, at=NOON)] * 3)

        assert PayCode.objects.count() == 1


class TestWhatTheDatabaseRefuses:
    def test_is_a_code_twice(self, connector, pay_code):
        with refused_by("code", PayCode):
            PayCode.objects.create(connector=connector, code=pay_code.code, created_at=NOON)

    @pytest.mark.parametrize("code", ["", "short", "x" * 21 + "-", "ä" * 22])
    def test_is_a_code_that_could_be_guessed_or_does_not_fit_an_address(self, connector, code):
        with refused_by("pay_code_is_22_of_base62", PayCode):
            PayCode.objects.create(connector=connector, code=code, created_at=NOON)

    def test_is_a_revocation_before_the_code_was_made(self, pay_code):
        with refused_by("pay_code_is_revoked_after_it_is_made", PayCode):
            PayCode.objects.update(revoked_at=NOON - timedelta(seconds=1))


class TestStickerSheet:
    def test_shows_site_address_connector_short_code_and_host(self, pay_code):
        html = sticker_sheet_html(codes_to_print(PayCode.objects.all()), base_url="https://pay.example")

        for words in ("Hafen &lt;Süd&gt;", "Am Kai 3", "20457 Hamburg", "HAM-07 / 1", "Type 2 · 22 kW", "pay.example"):
            assert words in html
        assert pay_code.short_code in html
        # The address itself is in the QR code alone: nobody types 22 characters, and a photo of the words is no use.
        assert pay_code.code not in html

    def test_leaves_out_revoked_codes(self, pay_code):
        services.revoke_pay_code(pay_code_id=pay_code.pk, at=NOON)

        assert not codes_to_print(PayCode.objects.all()).exists()

    def test_holds_the_address_of_the_page_in_a_full_qr_code_with_its_quiet_zone(self, pay_code):
        address = pay_address(pay_code, base_url="https://pay.example")

        svg = qr_code(address)

        assert address == f"https://pay.example/c/{pay_code.code}/"
        # Version 4 has 33 modules a side, and four of quiet zone on each.
        assert svg.startswith('<svg viewBox="0 0 41 41" class="qr">')
        assert svg == qr_code(address)
