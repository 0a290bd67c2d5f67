import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.domain.money import round_half_up
from apps.invoices.domain.amounts import LineAmounts, line_amounts, total_up

GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("invoice_*.json"))
CENTS = st.integers(-(10**7), 10**7).map(lambda cents: Decimal(cents).scaleb(-2))
RATES = st.sampled_from([Decimal(rate) for rate in ("0", "0.07", "0.16", "0.19", "0.2", "0.255")])


def decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@st.composite
def documents(draw) -> list[LineAmounts]:
    """Draw the lines of a net or a gross document."""
    is_gross = draw(st.booleans())
    return [
        line_amounts(category="S", rate=rate, net=amount, gross=amount, amounts_are_gross=is_gross, currency="EUR")
        for amount, rate in draw(st.lists(st.tuples(CENTS, RATES), min_size=1, max_size=20))
    ]


class TestGoldenInvoices:
    @pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
    def test_add_up_as_worked_by_hand(self, path):
        case = json.loads(path.read_text())

        lines = [
            line_amounts(
                category=record["category"],
                rate=Decimal(record["rate"]),
                net=Decimal(record["net"]),
                gross=Decimal(record["gross"]),
                amounts_are_gross=case["amounts_are_gross"],
                currency=case["currency"],
            )
            for record in case["records"]
        ]
        totals = total_up(lines, currency=case["currency"])

        assert [(line.net, line.gross) for line in lines] == [
            (Decimal(line["net"]), decimal(line["gross"])) for line in case["lines"]
        ]
        assert [(row.category, row.rate, row.net, row.tax) for row in totals.categories] == [
            (row["category"], Decimal(row["rate"]), Decimal(row["net"]), Decimal(row["tax"]))
            for row in case["categories"]
        ]
        assert (totals.net, totals.tax, totals.gross) == tuple(
            Decimal(case["totals"][field]) for field in ("net", "tax", "gross")
        )


class TestTotalUp:
    @given(documents())
    def test_holds_en_16931_to_the_cent(self, lines):
        totals = total_up(lines, currency="EUR")

        assert totals.net == sum(line.net for line in lines)  # BR-CO-10, BR-CO-13
        assert totals.tax == sum(row.tax for row in totals.categories)  # BR-CO-14
        assert totals.gross == totals.net + totals.tax  # BR-CO-15

    @given(documents())
    def test_taxes_each_category_at_its_rate_within_half_a_cent_a_line(self, lines):
        for row in total_up(lines, currency="EUR").categories:
            of_row = sum(line.rate == row.rate for line in lines)
            assert abs(row.tax - row.net * row.rate) <= Decimal("0.01") * of_row + Decimal("0.005")  # BR-CO-17

    @given(documents())
    def test_of_gross_lines_is_what_was_shown(self, lines):
        gross = [line.gross for line in lines if line.gross is not None]

        if gross:
            assert total_up(lines, currency="EUR").gross == sum(gross)

    @given(documents())
    def test_of_the_mirror_image_is_the_mirror_image(self, lines):
        totals, mirror = total_up(lines, currency="EUR"), total_up([-line for line in lines], currency="EUR")

        assert (mirror.net, mirror.tax, mirror.gross) == (-totals.net, -totals.tax, -totals.gross)
        assert [(row.net, row.tax) for row in mirror.categories] == [(-row.net, -row.tax) for row in totals.categories]

    @given(documents())
    def test_does_not_hang_on_the_order_of_lines(self, lines):
        assert total_up(lines, currency="EUR") == total_up(lines[::-1], currency="EUR")

    def test_of_nothing_is_zero(self):
        totals = total_up([], currency="EUR")

        assert (totals.net, totals.tax, totals.gross, totals.categories) == (Decimal(0), Decimal(0), Decimal(0), ())

    def test_refuses_to_mix_net_and_gross_lines(self):
        net = LineAmounts(category="S", rate=Decimal("0.19"), net=Decimal("1.00"), gross=None)
        gross = LineAmounts(category="S", rate=Decimal("0.19"), net=Decimal("1.00"), gross=Decimal("1.19"))

        with pytest.raises(ValueError, match="either net or gross"):
            total_up([net, gross], currency="EUR")


class TestLineAmounts:
    @given(CENTS, RATES)
    def test_of_a_gross_document_take_the_net_out_of_the_gross(self, gross, rate):
        line = line_amounts(
            category="S", rate=rate, net=Decimal(0), gross=gross, amounts_are_gross=True, currency="EUR"
        )

        assert line.net == round_half_up(gross / (1 + rate), currency="EUR")
        assert line.gross == gross
