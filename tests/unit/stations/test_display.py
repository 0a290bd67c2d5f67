"""What a station says of its display, and how it is told in each version, to the letter."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.ocpp.wire import SCHEMAS_16, SCHEMAS_201
from apps.stations.domain.display import (
    ASKED,
    NOTHING,
    Amount,
    Display,
    ask_call,
    clear_idle_text_call,
    final_cost_call,
    idle_text_call,
    idle_text_in_call,
    in_turn,
    languages_taken,
    message_content,
    reported_display,
    running_cost_call,
    shown_by,
    time_offset_call,
    user_price_call,
)

AT = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
PRICE = "0.50 EUR/kWh; prices with VAT"
A_16 = Amount(transaction_id=17, transaction_ref=None, cost=Decimal("4.20"), at=AT, energy_milliwh=1_008_400_999)
A_201 = Amount(transaction_id=17, transaction_ref="T-1", cost=Decimal("4.20"), at=AT, energy_milliwh=1_008_400_999)
ALL_201 = {
    "TariffCostCtrlr.Available[Cost]": "true",
    "TariffCostCtrlr.Available[Tariff]": "true",
    "DisplayMessageCtrlr.Available": "true",
}


class TestReportedDisplay:
    def test_of_a_station_that_says_nothing_shows_nothing(self):
        assert reported_display("1.6", {}) == reported_display("2.0.1", {}) == NOTHING

    @pytest.mark.parametrize(("value", "shows"), [("true", True), (" True ", True), ("false", False), ("1", False)])
    def test_of_one_six_hangs_on_one_key(self, value, shows):
        display = reported_display("1.6", {"CustomDisplayCostAndPrice": value, "Language": "de_DE"})

        assert (display.cost, display.tariff, display.messages) == (shows, shows, shows)
        assert display.language == "de"

    def test_of_two_zero_one_counts_part_by_part(self):
        said = {**ALL_201, "TariffCostCtrlr.Enabled[Cost]": "false", "TariffCostCtrlr.Currency": "eur"}

        assert reported_display("2.0.1", said) == Display(tariff=True, messages=True, currency="EUR")

    def test_reads_no_setting_that_it_does_not_ask_for(self):
        asked = dict.fromkeys(ASKED["2.0.1"], "true")

        assert reported_display("2.0.1", asked).cost
        assert not reported_display("1.6", asked).cost

    @pytest.mark.parametrize("tag", ["", "x", "12", "deutsch", "🙂🙂"])
    def test_takes_what_is_no_language_for_none(self, tag):
        assert reported_display("1.6", {"Language": tag}).language == ""

    def test_shows_amounts_of_its_own_currency_alone(self):
        display = Display(cost=True, currency="USD")

        assert display.shows_cost_in("USD")
        assert not display.shows_cost_in("EUR")
        assert Display(cost=True).shows_cost_in("EUR")


class TestLanguagesTaken:
    def test_are_those_it_names_where_it_takes_several(self):
        said = {"CustomMultiLanguageMessages": "true", "SupportedLanguages": "en, nb_NO,,de," + "x" * 21}

        assert languages_taken(said) == ("en", "nb_NO", "de")
        assert languages_taken({**said, "CustomMultiLanguageMessages": "false"}) == ()


class TestOneSix:
    def test_running_cost(self):
        assert running_cost_call(A_16) == (
            "DataTransfer",
            {
                "vendorId": "org.openchargealliance.costmsg",
                "messageId": "RunningCost",
                "data": '{"transactionId":17,"timestamp":"2026-06-01T12:30:00Z","meterValue":1008400,"cost":4.20,'
                '"state":"Charging","chargingPrice":{}}',
            },
        )

    def test_final_cost(self):
        assert final_cost_call(A_16, text="8.400 kWh: 4.20 EUR") == (
            "DataTransfer",
            {
                "vendorId": "org.openchargealliance.costmsg",
                "messageId": "FinalCost",
                "data": '{"transactionId":17,"cost":4.20,"priceText":"8.400 kWh: 4.20 EUR"}',
            },
        )

    def test_user_price(self):
        assert user_price_call(id_token="CARD1", text=PRICE) == (
            "DataTransfer",
            {
                "vendorId": "org.openchargealliance.costmsg",
                "messageId": "SetUserPrice",
                "data": '{"idToken":"CARD1","priceText":"0.50 EUR/kWh; prices with VAT"}',
            },
        )

    def test_default_price(self):
        assert idle_text_call("1.6", text=PRICE, language="en") == (
            "ChangeConfiguration",
            {"key": "DefaultPrice", "value": '{"priceText":"0.50 EUR/kWh; prices with VAT"}'},
        )

    def test_default_price_in_a_language(self):
        assert idle_text_in_call(language="nb_NO", text="x") == (
            "ChangeConfiguration",
            {"key": "DefaultPriceText,nb_NO", "value": '{"priceText":"x"}'},
        )

    def test_time_offset(self):
        assert time_offset_call("+02:00") == ("ChangeConfiguration", {"key": "TimeOffset", "value": "+02:00"})

    @pytest.mark.parametrize(
        "call",
        [
            running_cost_call(A_16),
            final_cost_call(A_16, text=PRICE),
            user_price_call(id_token="CARD1", text=PRICE),
            idle_text_call("1.6", text="x" * 480, language="en"),
            ask_call("1.6"),
        ],
    )
    def test_keeps_to_the_schemas(self, call):
        assert SCHEMAS_16.request_verdict(*call) is None


class TestTwoZeroOne:
    def test_cost_is_told_alike_while_it_runs_and_in_the_end(self):
        assert running_cost_call(A_201) == ("CostUpdated", {"totalCost": Decimal("4.20"), "transactionId": "T-1"})
        assert final_cost_call(A_201, text="…") == running_cost_call(A_201)

    def test_a_price_while_idle(self):
        assert idle_text_call("2.0.1", text=PRICE, language="en") == (
            "SetDisplayMessage",
            {
                "message": {
                    "id": 710_001,
                    "priority": "NormalCycle",
                    "state": "Idle",
                    "message": {"format": "ASCII", "language": "en", "content": PRICE},
                }
            },
        )
        assert clear_idle_text_call() == ("ClearDisplayMessage", {"id": 710_001})

    def test_a_text_is_no_longer_than_a_message_may_be(self):
        assert message_content("x" * 600, language="en")["content"] == "x" * 512

    @pytest.mark.parametrize(
        "call",
        [
            running_cost_call(A_201),
            idle_text_call("2.0.1", text="x" * 600, language="en"),
            clear_idle_text_call(),
            ask_call("2.0.1"),
        ],
    )
    def test_keeps_to_the_schemas(self, call):
        assert SCHEMAS_201.request_verdict(*call) is None


class TestShownBy:
    @pytest.mark.parametrize(
        ("call", "text"),
        [
            (running_cost_call(A_16), "4.20"),
            (running_cost_call(A_201), "4.20"),
            (final_cost_call(A_16, text="8.400 kWh: 4.20 EUR"), "8.400 kWh: 4.20 EUR"),
            (user_price_call(id_token="CARD1", text=PRICE), PRICE),
            (idle_text_call("1.6", text=PRICE, language="en"), PRICE),
            (idle_text_call("2.0.1", text=PRICE, language="en"), PRICE),
            (idle_text_in_call(language="de", text=PRICE), PRICE),
            (time_offset_call("+02:00"), "+02:00"),
            (clear_idle_text_call(), ""),
        ],
    )
    def test_reads_what_the_driver_reads(self, call, text):
        assert shown_by(*call) == text


class TestInTurn:
    def test_says_once_what_all_say(self):
        assert in_turn([(1, "a"), (2, "a")]) == "a"

    def test_names_the_place_where_they_differ(self):
        assert in_turn([(1, "a"), (2, "b")]) == "1: a | 2: b"
