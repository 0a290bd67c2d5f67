"""What a sticker's code leads to."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.payments.models import PaymentAttempt, PaymentOperation
from apps.stations.models import Connector
from apps.stations.services import new_pay_code, revoke_pay_code
from tests.factories import make_session

from .conftest import MINUTE, NOW, hidden_field, phone, sell_under, set_station, text_of


class TestThePage:
    def test_says_where_what_it_costs_and_what_is_held(self, driver, site, pay_code):
        page = driver.look()

        for said in (
            site.location.name,
            "Parkweg 5, 10115 Berlin",
            f"{site.station.identity} / 1",
            "Type 2, 22 kW",
            pay_code.short_code,
            "0.50 €/kWh",
            "€60.00",
            "Pay and charge",
        ):
            assert said in page

    @pytest.mark.parametrize(
        ("asked", "language", "most", "button"),
        [
            ("de-DE,de;q=0.9", "de", "60,00\xa0€", "Bezahlen und laden"),
            ("fr-BE,fr;q=0.9,en;q=0.5", "fr", "60,00\xa0€", "Payer et charger"),
            ("nl-NL,nl;q=0.9,en;q=0.5", "nl", "€\xa060,00", "Betalen en laden"),
        ],
    )
    def test_speaks_the_browsers_language(self, driver, asked, language, most, button):
        page = driver.look(**{"accept-language": asked})

        assert f'lang="{language}"' in page
        assert "0,50 €/kWh" in page
        assert most in page
        assert button in page

    def test_offers_the_other_languages(self, driver):
        page = driver.look(**{"accept-language": "fr"})

        assert [code for code in ("en", "de", "fr", "nl") if f'value="{code}"' in page] == ["en", "de", "nl"]

    def test_is_kept_by_nobody_and_runs_no_foreign_script(self, driver):
        response = driver.client.get(driver.address)

        assert "no-store" in response["Cache-Control"]
        assert "script-src" not in response["Content-Security-Policy"]
        assert "default-src 'self'" in response["Content-Security-Policy"]

    def test_works_without_a_script(self, driver):
        assert "<script" not in driver.look()


class TestTheOwnersNote:
    NOTES = {"en": "Roof of 2.10 m <here>", "de": "Durchfahrtshöhe 2,10 m"}

    def test_stands_below_the_prices_in_the_drivers_language(self, driver, site):
        sell_under(site, texts=self.NOTES)

        assert "Roof of 2.10 m &lt;here&gt;" in driver.client.get(driver.address).content.decode()
        assert "Durchfahrtshöhe 2,10 m" in driver.look(**{"accept-language": "de"})

    def test_is_english_where_the_drivers_language_has_none(self, driver, site):
        sell_under(site, texts={"en": "Roof of 2.10 m"})

        assert "Roof of 2.10 m" in driver.look(**{"accept-language": "de"})


WHOLE = [
    {"price_components": [{"type": "FLAT", "price": "2.00"}], "restrictions": {"reservation": "RESERVATION"}},
    {"price_components": [{"type": "FLAT", "price": "0.35"}]},
    {"price_components": [{"type": "PARKING_TIME", "price": "6.00"}], "restrictions": {"min_idle_time": 1800}},
    {"price_components": [{"type": "ENERGY", "price": "0.39"}], "restrictions": {"max_kwh": "10"}},
    {"price_components": [{"type": "ENERGY", "price": "0.49"}, {"type": "TIME", "price": "1.20"}]},
]


class TestTheWholePrice:
    def sell(self, site) -> None:
        rules = {"idle": {"max_amount": "12.00"}, "max_price": {"incl_vat": "45.00"}}
        sell_under(site, elements=WHOLE, rules=rules)

    def told(self, page: str) -> list[str]:
        card = page[page.index('class="wd-price"') : page.index("</section>")]
        return [re.sub(r"\d\d:\d\d", "hh:mm", said) for said in re.findall(r"<(?:p|li)[^>]*>([^<]+)</", card)]

    def test_is_told_in_afir_s_order(self, driver, site):
        self.sell(site)

        assert self.told(driver.look()) == [
            "0.39 €/kWh",
            "now, including VAT",
            "0.02 €/min while charging",
            "after 30 min idle: 0.10 €/min",
            "idle fee: at most 12 € per session",
            "0.35 € per session",
            "at most 45 € per session",
            "nothing to pay if no energy was delivered",
            "If the car is full at hh:mm and stays plugged in, standing here costs 0.10 €/min from hh:mm.",
            "first 10 kWh: 0.39 €/kWh",
            "otherwise: 0.49 €/kWh",
        ]

    def test_at_a_fast_charger_has_the_occupancy_fee_second(self, driver, site):
        self.sell(site)
        Connector.objects.filter(evse=site.evse).update(max_power_w=150_000)

        assert self.told(driver.look())[2:4] == [
            "after 30 min idle: 0.10 €/min",
            "idle fee: at most 12 € per session",
        ]

    def test_that_changes_with_what_was_used_stands_open(self, driver, site):
        self.sell(site)

        assert "<details open>" in driver.look()

    def test_is_told_in_german(self, driver, site):
        self.sell(site)

        page = driver.look(**{"accept-language": "de"})

        for said in ("0,39 €/kWh", "0,02 €/min Ladezeit", "nach 30 min Standzeit: 0,10 €/min", "sonst: 0,49 €/kWh"):
            assert said in page

    def test_is_never_more_held_than_the_charge_can_cost(self, driver, site):
        self.sell(site)

        assert "€45.00" in driver.look()

    def test_of_a_tariff_for_times_is_that_of_now_and_all_of_them_below(self, driver, site):
        always = [{"price_components": [{"type": "ENERGY", "price": price}]} for price in ("0.29", "0.49")]
        always[0]["restrictions"] = {"start_date": "2020-01-01", "end_date": "2099-01-01"}
        sell_under(site, elements=always)

        page = driver.look()

        assert "<details>" in page
        assert self.told(page) == [
            "0.29 €/kWh",
            "now, including VAT",
            "2020-01-01–2098-12-31: 0.29 €/kWh",
            "at other times: 0.49 €/kWh",
        ]


class TestACodeThatLeadsNowhere:
    def test_is_told_so(self, db):
        response = phone().get("/c/0000000000000000000000/")

        assert response.status_code == 404
        assert "This code is not known" in text_of(response)

    def test_is_a_revoked_one_too(self, driver, pay_code):
        page = driver.look()
        revoke_pay_code(pay_code_id=pay_code.pk, at=NOW)

        assert driver.client.get(driver.address).status_code == 404
        assert driver.press(page).status_code == 404
        assert not PaymentAttempt.objects.exists()


HINDRANCES = [
    ("offline", "This charger is offline."),
    ("faulted", "This connector is out of order."),
    ("unavailable", "This connector is out of order."),
    ("occupied", "This connector is in use."),
    ("charging", "This connector is in use since"),
    ("net", "No card payment here."),
    ("no tariff", "No card payment here."),
    ("yen", "No card payment here."),
]


def hinder(what: str, site) -> None:
    if what == "offline":
        set_station(site, seen_at=NOW - timedelta(hours=1))
    elif what in ("faulted", "unavailable"):
        set_station(site, status=what.title())
    elif what == "occupied":
        set_station(site, status="Charging")
    elif what == "charging":
        make_session(site=site, started_at=NOW - MINUTE)
    elif what == "net":
        sell_under(site, tax_included=False)
    elif what == "yen":
        sell_under(site, currency="JPY")
    else:
        sell_under(site, valid_to=NOW - MINUTE)


class TestAHindrance:
    @pytest.mark.parametrize(("what", "said"), HINDRANCES, ids=[what for what, _ in HINDRANCES])
    def test_is_said_before_paying(self, driver, site, what, said):
        hinder(what, site)

        page = driver.look()

        assert said in page
        assert 'name="shown"' not in page

    @pytest.mark.parametrize(("what", "said"), HINDRANCES, ids=[what for what, _ in HINDRANCES])
    def test_that_came_since_is_said_instead_of_paying(self, driver, site, what, said):
        page = driver.look()
        hinder(what, site)

        response = driver.press(page)

        assert response.status_code == 409
        assert said in text_of(response)
        assert not PaymentAttempt.objects.exists()


class TestTheButton:
    def test_leads_to_the_hosted_page_with_all_that_was_shown(self, driver, site, pay_code, sandbox):
        response = driver.press(driver.look())

        assert response.status_code == 302
        assert response["Location"].startswith(sandbox.url)
        attempt = PaymentAttempt.objects.get()
        assert (attempt.evse, attempt.seller, attempt.tariff_version) == (site.evse, site.owner, site.version)
        assert (attempt.hold_amount.amount, attempt.currency) == (Decimal("60.00"), "EUR")
        assert (attempt.pay_code, attempt.language, attempt.status) == (pay_code.code, "en", "checkout_open")

    def test_pressed_twice_leads_to_the_same_page(self, driver):
        page = driver.look()

        first, second = driver.press(page), driver.press(page)

        assert first["Location"] == second["Location"]
        assert PaymentAttempt.objects.count() == 1

    def test_of_a_second_tab_leads_to_the_same_page(self, driver):
        tab, another_tab = driver.look(), driver.look()

        first, second = driver.press(tab), driver.press(another_tab)

        assert first["Location"] == second["Location"]
        assert PaymentAttempt.objects.count() == 1

    def test_of_another_phone_leads_to_another_page(self, driver, another_driver):
        first, second = driver.press(driver.look()), another_driver.press(another_driver.look())

        assert first["Location"] != second["Location"]
        assert PaymentAttempt.objects.count() == 2

    def test_after_paying_leads_to_the_charge(self, driver):
        page = driver.look()
        attempt = driver.pay()

        response = driver.press(page)

        assert response["Location"] == f"/s/{attempt.token}/"
        assert PaymentAttempt.objects.count() == 1

    def test_of_a_free_tariff_asks_for_no_card(self, driver, site):
        sell_under(site, elements=[{"price_components": [{"type": "ENERGY", "price": "0.00"}]}])
        page = driver.look()

        response = driver.press(page)

        attempt = PaymentAttempt.objects.get()
        assert "free of charge" in page
        assert response["Location"] == f"/s/{attempt.token}/"
        assert (attempt.status, attempt.hold_amount.amount) == ("authorised", 0)
        assert not PaymentOperation.objects.exists()

    def test_without_our_token_against_forgery_does_nothing(self, driver):
        page = driver.look()
        forged = phone(enforce_csrf_checks=True)

        assert forged.post(driver.address, {"shown": hidden_field(page)}).status_code == 403
        assert not PaymentAttempt.objects.exists()


class TestAPriceThatChanged:
    def test_is_shown_again_before_paying(self, driver, site):
        page = driver.look()
        sell_under(site, elements=[{"price_components": [{"type": "ENERGY", "price": "0.60"}]}])

        response = driver.press(page)

        assert response.status_code == 409
        assert "The price has changed" in text_of(response)
        assert "0.60 €/kWh" in text_of(response)
        assert not PaymentAttempt.objects.exists()
        assert driver.press(text_of(response)).status_code == 302

    @pytest.mark.parametrize("field", ["", "made up", None])
    def test_is_what_a_broken_hidden_field_is_taken_for(self, driver, field):
        fields = {} if field is None else {"shown": field}

        response = driver.client.post(driver.address, fields)

        assert response.status_code == 409
        assert not PaymentAttempt.objects.exists()

    def test_is_not_made_by_fields_that_somebody_adds(self, driver):
        driver.press(driver.look(), hold="1.00", hold_amount="1.00", price="0.01", currency="JPY")

        assert PaymentAttempt.objects.get().hold_amount.amount == Decimal("60.00")

    def test_is_what_another_connector_s_field_is_taken_for(self, driver, site, pay_code):
        other = new_pay_code(connector_id=pay_code.connector_id, at=NOW)
        page = text_of(driver.client.get(f"/c/{other.code}/"))

        assert driver.press(page).status_code == 409
        assert not PaymentAttempt.objects.exists()


class TestStripeOutOfReach:
    def test_is_said_and_the_page_can_be_tried_again(self, driver, sandbox, settings):
        page = driver.look()
        settings.STRIPE_API_BASE = "http://127.0.0.1:1"

        response = driver.press(page)

        assert response.status_code == 503
        assert "The payment page cannot be opened just now." in text_of(response)


class TestAskingTooOften:
    def test_is_answered_with_words(self, driver):
        page = driver.look()

        answers = [driver.press(page) for _ in range(21)]

        assert answers[-1].status_code == 429
        assert "Please wait a minute" in text_of(answers[-1])
        assert PaymentAttempt.objects.count() == 1
