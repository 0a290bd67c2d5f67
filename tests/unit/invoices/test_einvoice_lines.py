"""Lines of ours as those of EN 16931; the sums are worked in the docstring of the module."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.invoices.domain.bands import PriceBand, mirrored
from apps.invoices.domain.einvoice.lines import LineFacts, en_lines


def band(quantity: str, unit: str, price: str, amount: str, *, text: str = "", basis: str = "net") -> PriceBand:
    return PriceBand(text=text, quantity=quantity, unit=unit, price=price, amount=amount, basis=basis)


DAY_AND_NIGHT = LineFacts(
    position=1,
    net=Decimal("8.49"),
    energy_milliwh=22_000_000,
    bands=[
        band("11", "kWh", "0.45", "4.95", text="at other times"),
        band("11", "kWh", "0.29", "3.19", text="22:00–06:00"),
        band("1", "session", "0.35", "0.35", text="per session"),
    ],
    category="S",
    rate=Decimal("0.19"),
    cost_centre="",
    start=None,
    end=None,
    name="Charging session",
    description="at the depot",
)


def stated(facts: LineFacts, *, currency: str = "EUR") -> list[tuple[str, ...]]:
    return [
        (line.bt126_id, f"{line.bt129_quantity:f}", line.bt130_unit, f"{line.bt146_price:f}", f"{line.bt131_amount:f}")
        for line in en_lines(facts, currency=currency)
    ]


class TestEnLines:
    def test_state_each_price_with_its_quantity_and_unit(self):
        assert stated(DAY_AND_NIGHT) == [
            ("1.1", "11", "KWH", "0.45", "4.95"),
            ("1.2", "11", "KWH", "0.29", "3.19"),
            ("1.3", "1", "C62", "0.35", "0.35"),
        ]

    def test_say_what_the_item_is_and_why_it_has_this_price(self):
        _, night, _ = en_lines(DAY_AND_NIGHT, currency="EUR")

        assert night.bt153_name == "Charging session: 22:00–06:00"
        assert (night.bt154_description, night.bt151_category, night.bt152_rate) == ("at the depot", "S", 19)

    def test_take_the_vat_out_of_prices_that_contain_it(self):
        # 5.90 ÷ 1.19 = 4.9580 → 4.96; 0.59 ÷ 1.19 = 0.495798, × 10 = 4.95798 → 4.96.
        facts = replace(DAY_AND_NIGHT, net=Decimal("4.96"), bands=[band("10", "kWh", "0.59", "5.90", basis="gross")])

        assert stated(facts) == [("1", "10", "KWH", "0.495798", "4.96")]

    def test_give_the_cent_that_bands_differ_by_to_the_largest(self):
        # 2.00 ÷ 1.19 = 1.6807 → 1.68 and 1.00 ÷ 1.19 = 0.8403 → 0.84 make 2.52; 3.00 ÷ 1.19 = 2.5210 is 2.52.
        # Of 3.01 gross it is 2.53 (2.5294), so that the larger has 1.69.
        bands = [band("4", "kWh", "0.50", "2.00", basis="gross"), band("1", "session", "1.00", "1.01", basis="gross")]
        facts = replace(DAY_AND_NIGHT, net=Decimal("2.54"), bands=bands)

        assert [line[-1] for line in stated(facts)] == ["1.69", "0.85"]

    def test_state_time_in_hours_or_minutes(self):
        bands = [band("30", "min", "0.10", "3.00"), band("1.5", "h", "1.70", "2.55")]
        facts = replace(DAY_AND_NIGHT, net=Decimal("5.55"), bands=bands)

        assert [line[1:4] for line in stated(facts)] == [("30", "MIN", "0.10"), ("1.5", "HUR", "1.70")]

    def test_state_a_discount_as_a_piece_taken_back_at_a_positive_price(self):
        facts = replace(
            DAY_AND_NIGHT, net=Decimal("4.46"), bands=[band("11", "kWh", "0.45", "4.95"), band("", "", "", "-0.49")]
        )

        assert stated(facts)[1] == ("1.2", "-1", "C62", "0.490000", "-0.49")

    def test_state_what_the_amount_comes_to_where_the_price_does_not_give_it(self):
        # A minimum price makes 4.00 of 10 kWh that would cost 2.90.
        facts = replace(DAY_AND_NIGHT, net=Decimal("4.00"), bands=[band("10", "kWh", "0.29", "4.00")])

        assert stated(facts) == [("1", "10", "KWH", "0.400000", "4.00")]

    def test_state_a_session_that_cost_nothing_by_its_energy(self):
        facts = replace(DAY_AND_NIGHT, net=Decimal("0.00"), energy_milliwh=7_500_000, bands=[])

        assert stated(facts) == [("1", "7.5", "KWH", "0", "0.00")]

    def test_state_a_line_of_a_plan_as_a_piece(self):
        facts = replace(DAY_AND_NIGHT, net=Decimal("-4.88"), energy_milliwh=0, bands=[], name="Included energy")

        (line,) = en_lines(facts, currency="EUR")

        assert (line.bt129_quantity, line.bt130_unit, line.bt146_price) == (-1, "C62", Decimal("4.88"))
        assert line.bt153_name == "Included energy"

    def test_state_no_rate_for_what_is_not_subject_to_vat(self):
        (line, *_) = en_lines(replace(DAY_AND_NIGHT, category="O", rate=Decimal(0)), currency="EUR")

        assert line.bt152_rate is None

    def test_of_what_is_taken_back_are_those_of_the_line_again(self):
        taken_back = mirrored(DAY_AND_NIGHT.bands)

        assert stated(replace(DAY_AND_NIGHT, bands=mirrored(taken_back))) == stated(DAY_AND_NIGHT)

    @given(
        amounts=st.lists(st.integers(-5_000, 50_000), min_size=1, max_size=8),
        quantities=st.lists(st.integers(0, 90_000), min_size=8, max_size=8),
        basis=st.sampled_from(["net", "gross"]),
        rate=st.sampled_from(["0.19", "0.07", "0.255", "0"]),
    )
    def test_always_add_up_and_never_have_a_negative_price(self, amounts, quantities, basis, rate):
        bands = [
            band(str(Decimal(quantity).scaleb(-3)), "kWh", "0.391", str(Decimal(amount).scaleb(-2)), basis=basis)
            for amount, quantity in zip(amounts, quantities, strict=False)
        ]
        total = sum((Decimal(one["amount"]) for one in bands), Decimal(0))
        net = round(total / (1 + Decimal(rate)), 2) if basis == "gross" else total

        lines = en_lines(replace(DAY_AND_NIGHT, net=net, bands=bands, rate=Decimal(rate)), currency="EUR")

        assert sum(line.bt131_amount for line in lines) == net
        assert all(line.bt146_price >= 0 for line in lines)
        # A price has six decimals: below a watt-hour's tenth they do not reach for the cent.
        assert all(abs(line.bt129_quantity * line.bt146_price - line.bt131_amount) <= Decimal("0.02") for line in lines)


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "120"), ("EUR", "1.20")])
def test_lines_keep_the_currencys_decimals(currency, amount):
    facts = replace(DAY_AND_NIGHT, net=Decimal(amount), bands=[band("3", "kWh", str(Decimal(amount) / 3), amount)])

    assert stated(facts, currency=currency)[0][-1] == amount
