"""The shipped charts answer for every role, and a seller's own numbers lie over them."""

import pytest

from apps.ledger.domain.chart import CHART, Role, role_of
from apps.ledger.domain.charts import CHARTS, BadNumber, ChartKind, NumberedAccount, Numbering, key_in_words, vat_keys
from apps.ledger.domain.vat import Vat

GERMAN = "DE|S|0.1900"


def skr03(**more) -> Numbering:
    return Numbering(kind=ChartKind.SKR03, home="DE", **more)


class TestShippedCharts:
    @pytest.mark.parametrize("kind", list(ChartKind))
    @pytest.mark.parametrize("role", list(Role))
    def test_have_an_account_for_every_role(self, kind, role):
        assert (role, "") in CHARTS[kind], f"{kind} has no account for the role {role}: add one to charts.py"

    @pytest.mark.parametrize("role", list(Role))
    def test_every_role_is_known_by_the_code_of_its_account(self, role):
        assert role_of(CHART[role].code) == role_of(f"{CHART[role].code}-17") == role

    @pytest.mark.parametrize("kind", [ChartKind.SKR03, ChartKind.SKR04])
    def test_have_four_digits_in_german_charts(self, kind):
        assert {len(row.number) for row in CHARTS[kind].values() if row.number.isdecimal()} == {4}

    def test_ask_the_same_of_both_german_charts(self):
        assert CHARTS[ChartKind.SKR03].keys() == CHARTS[ChartKind.SKR04].keys()


class TestNumbers:
    @pytest.mark.parametrize(
        ("role", "vat", "number"),
        [
            (Role.REVENUE_ENERGY, "DE|S|0.1900", "8400"),
            (Role.REVENUE_ENERGY, "DE|S|0.0700", "8300"),
            (Role.REVENUE_ENERGY, "FR|S|0.2000", "8320"),
            (Role.REVENUE_ENERGY, "DE|AE|0.0000", "8337"),
            (Role.REVENUE_ENERGY, "AT|AE|0.0000", "8339"),
            (Role.REVENUE_ENERGY, "DE|Z|0.0000", "8200"),
            (Role.REVENUE_ENERGY, "", "8200"),
            (Role.VAT_PAYABLE, "DE|S|0.1900", "1776"),
            (Role.VAT_PAYABLE, "DE|S|0.1600", "1770"),
            (Role.VAT_PAYABLE, "FR|S|0.2000", "1767"),
            (Role.BANK, "", "1200"),
            (Role.BANK, "DE|S|0.1900", "1200"),
        ],
    )
    def test_follow_the_vat_an_entry_stands_under(self, role, vat, number):
        assert skr03().account(role, vat).number == number

    def test_are_filled_with_zeros_where_accounts_are_longer(self):
        assert skr03(length=6).account(Role.REVENUE_ENERGY, GERMAN).number == "840000"

    def test_of_the_sellers_own_go_first(self):
        own = {(Role.REVENUE_ENERGY, GERMAN): NumberedAccount("8405", "Ladestrom", True)}

        assert skr03(own=own).account(Role.REVENUE_ENERGY, GERMAN) == ("8405", "Ladestrom", True)
        assert skr03(own=own).account(Role.REVENUE_ENERGY, "DE|S|0.0700").number == "8300"

    def test_of_the_plain_chart_are_the_ledgers_own_codes(self):
        plain = Numbering(kind=ChartKind.INTERNATIONAL, home="NL")

        assert plain.account(Role.REVENUE_ENERGY, "NL|S|0.2100").number == "4000"

    @pytest.mark.parametrize("number", ["84000", "84A0", "840", "", "٨٤٠٠"])
    def test_have_as_many_digits_as_the_charts_accounts(self, number):
        with pytest.raises(BadNumber):
            skr03().check(number)

    def test_may_be_anything_short_in_the_plain_chart(self):
        assert Numbering(kind=ChartKind.INTERNATIONAL, home="DE").check(" 200-EV ") == "200-EV"


class TestVatCodes:
    def test_are_read_back_as_they_were_written(self):
        vat = Vat.from_code("DE|S|0.1900")

        assert vat.code == "DE|S|0.1900"
        assert vat_keys(vat.code, home="DE") == (vat.code, "S", "")

    @pytest.mark.parametrize(
        ("key", "said"),
        [
            ("DE|S|0.0700", "VAT of DE, 7 %"),
            ("AE", "reverse charge"),
            ("abroad", "another country's VAT"),
            ("abroad AE", "another country: reverse charge"),
            ("", "all others"),
        ],
    )
    def test_are_told_in_words(self, key, said):
        assert key_in_words(key) == said
