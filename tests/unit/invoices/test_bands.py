from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.invoices.domain.bands import mirrored, price_bands, prices_energy


def part(
    dimension: str, quantity: int, price: str, amount: str, *, element: int = 0, category: str = "standard"
) -> dict[str, object]:
    return {
        "element_index": element,
        "dimension": dimension,
        "tax_category": category,
        "quantity": quantity,
        "price": price,
        "amount": amount,
        "reason": "at all times",
    }


def document(*periods: list[dict[str, object]], net: str, adjustments: tuple = ()) -> dict[str, object]:
    return {
        "currency": "EUR",
        "periods": [{"parts": parts} for parts in periods],
        "adjustments": list(adjustments),
        "totals": [total("standard", net)],
    }


def total(category: str, net: str) -> dict[str, str]:
    return {"tax_category": category, "net": net, "gross": net}


def bands_of(rated: dict[str, object], *categories: str) -> list[dict[str, str]]:
    return price_bands(
        rated,
        tax_included=False,
        categories=categories or ("standard",),
        describe_element=lambda index, dimension: f"{dimension.value} by element {index}",
        describe_adjustment=lambda kind: f"because of {kind}",
    )


class TestPriceBands:
    def test_gather_the_parts_of_an_element_over_periods(self):
        rated = document(
            [part("ENERGY", 7_500_000, "0.29", "2.175")], [part("ENERGY", 5_000_000, "0.29", "1.45")], net="3.63"
        )

        (band,) = bands_of(rated)

        assert band == {
            "text": "ENERGY by element 0",
            "quantity": "12.5",
            "unit": "kWh",
            "price": "0.29",
            "amount": "3.63",
            "basis": "net",
        }

    def test_state_time_per_minute_where_that_price_is_exact(self):
        rated = document([part("TIME", 5_400_000, "3", "4.5")], net="4.50")

        (band,) = bands_of(rated)

        assert (band["quantity"], band["unit"], band["price"]) == ("90", "min", "0.05")

    def test_state_time_per_hour_where_a_minutes_price_is_no_decimal(self):
        rated = document([part("TIME", 5_400_000, "1", "1.5")], net="1.50")

        (band,) = bands_of(rated)

        assert (band["quantity"], band["unit"], band["price"]) == ("1.5", "h", "1")

    def test_state_a_flat_fee_per_session(self):
        (band,) = bands_of(document([part("FLAT", 1, "1.00", "1")], net="1.00"))

        assert (band["quantity"], band["unit"], band["amount"]) == ("1", "session", "1.00")

    def test_give_an_adjustment_a_row_of_its_own(self):
        rated = document(
            [part("ENERGY", 20_000_000, "0.5", "10")],
            net="6.00",
            adjustments=({"kind": "ceiling", "split": [total("standard", "-4.00")]},),
        )

        energy, ceiling = bands_of(rated)

        assert energy["amount"] == "10.00"
        assert (ceiling["text"], ceiling["quantity"], ceiling["amount"]) == ("because of ceiling", "", "-4.00")

    def test_keep_to_the_tax_categories_of_the_line(self):
        rated = document(
            [part("ENERGY", 20_000_000, "0.5", "10"), part("FLAT", 1, "1", "1", category="reduced")],
            net="8.00",
            adjustments=({"kind": "ceiling", "split": [total("standard", "-2.00"), total("reduced", "-0.20")]},),
        )
        rated["totals"].append(total("reduced", "0.80"))

        assert [band["amount"] for band in bands_of(rated)] == ["10.00", "-2.00"]
        assert [band["amount"] for band in bands_of(rated, "reduced")] == ["1.00", "-0.20"]
        assert [band["amount"] for band in bands_of(rated, "standard", "reduced")] == ["10.00", "1.00", "-2.20"]

    def test_leave_out_an_adjustment_that_takes_nothing_from_the_line(self):
        rated = document(
            [part("ENERGY", 20_000_000, "0.5", "10")],
            net="10.00",
            adjustments=({"kind": "idle_cap", "split": [total("standard", "0.00"), total("reduced", "-1.00")]},),
        )

        assert [band["amount"] for band in bands_of(rated)] == ["10.00"]

    def test_of_a_session_that_cost_nothing_are_none(self):
        assert bands_of(document(net="0.00")) == []

    def test_know_under_which_category_energy_is_priced(self):
        rated = document(
            [part("FLAT", 1, "1", "1"), part("ENERGY", 20_000_000, "0.5", "10", category="reduced")], net="1.00"
        )

        assert prices_energy(rated, categories=("reduced",))
        assert not prices_energy(rated, categories=("standard",))

    @given(st.lists(st.integers(1, 10**8), min_size=1, max_size=6))
    def test_add_up_to_the_line_whatever_the_quantities(self, quantities):
        amounts = [Decimal(quantity) * Decimal("0.317") / 1_000_000 for quantity in quantities]
        parts = [
            part("ENERGY", quantity, "0.317", str(amount), element=index)
            for index, (quantity, amount) in enumerate(zip(quantities, amounts, strict=True))
        ]
        net = sum(amounts).quantize(Decimal("0.01"))

        bands = bands_of(document(parts, net=str(net)))

        assert sum(Decimal(band["amount"]) for band in bands) == net


class TestMirrored:
    def test_negates_quantities_and_amounts_and_keeps_prices(self):
        bands = bands_of(
            document(
                [part("ENERGY", 20_000_000, "0.5", "10")],
                net="6.00",
                adjustments=({"kind": "ceiling", "split": [total("standard", "-4.00")]},),
            )
        )

        assert [(band["quantity"], band["price"], band["amount"]) for band in mirrored(bands)] == [
            ("-20", "0.5", "-10.00"),
            ("", "", "4.00"),
        ]
        assert mirrored(mirrored(bands)) == bands
