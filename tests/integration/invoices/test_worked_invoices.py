"""Whole invoices, each number worked by hand; the arithmetic stands beside it.

Unless a test says otherwise the seller is in Germany with 19 % VAT and its tariff is net: 0.49 a kWh by day, 0.29 from
22:00 to 06:00 in Berlin. Net documents round each line half up and compute VAT once on the sum of a category.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from apps.contracts.domain.precedence import Rank
from apps.contracts.models import Customer
from apps.contracts.services import find_tariff
from apps.core import audit
from apps.invoices.models import Invoice
from apps.invoices.services.crediting import credit_lines
from apps.ledger.domain.chart import Role
from apps.ledger.selectors import balance
from apps.sessions.price_choice import why_this_tariff
from tests.factories import (
    Site,
    assign_tariff,
    give_plan,
    make_evse,
    make_group,
    make_location,
    make_owner,
    make_site,
    make_station,
    make_tariff_version,
    make_vehicle,
)
from tests.integration.invoices.world import APRIL, bill, make_cdr

MARCH_1 = date(2026, 3, 1)


def amounts(*figures: str) -> list[Decimal]:
    return [Decimal(figure) for figure in figures]


def nets(invoice: Invoice) -> list[Decimal]:
    return [line.net.amount for line in invoice.lines.all()]


def totals(invoice: Invoice) -> list[Decimal]:
    return [invoice.net.amount, invoice.tax.amount, invoice.gross.amount]


def vat(invoice: Invoice) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    rows = invoice.taxes.order_by("-rate", "category")
    return [(row.category, row.rate, row.net.amount, row.tax.amount) for row in rows]


def bands(invoice: Invoice, position: int) -> list[tuple[str, str, str]]:
    return [(band["quantity"], band["price"], band["amount"]) for band in invoice.lines.get(position=position).prices]


@pytest.fixture(autouse=True)
def whatever_happens_adds_up(db):
    yield
    assert [found for found in audit.find_violations() if found.invariant in {"I2", "I4", "I5", "I6", "I7"}] == []


def test_a_fleets_month_by_day_and_night_with_the_hour_that_is_missing(site):
    truck = make_vehicle(customer=site.customer, plate="B-WL 2")
    # 10 March, 20:30–22:30 in Berlin (19:30 UTC): 3/4 of the time by day. 16 kWh: 12 × 0.49 + 4 × 0.29
    make_cdr(site=site, kwh="16", started_at=datetime(2026, 3, 10, 19, 30, tzinfo=UTC))
    # 29 March, 01:00–07:00 in Berlin, where 02:00–03:00 does not exist: five hours from 00:00 UTC to 05:00 UTC.
    # Until 06:00 (04:00 UTC) it is night: 4 of 5 hours. 25 kWh: 20 × 0.29 + 5 × 0.49
    make_cdr(site=site, kwh="25", hours=5, started_at=datetime(2026, 3, 29, 0, 0, tzinfo=UTC), vehicle=truck)
    # 31 March, 22:30–23:30 UTC is 1 April in Berlin: not of this month.
    make_cdr(site=site, kwh="1", hours=1, started_at=datetime(2026, 3, 31, 22, 30, tzinfo=UTC))

    (invoice,) = bill(site)

    assert bands(invoice, 1) == [("12", "0.49", "5.88"), ("4", "0.29", "1.16")]
    assert bands(invoice, 2) == [("20", "0.29", "5.80"), ("5", "0.49", "2.45")]
    # 5.88 + 1.16 = 7.04; 5.80 + 2.45 = 8.25
    assert nets(invoice) == amounts("7.04", "8.25")
    # 15.29 × 0.19 = 2.9051
    assert totals(invoice) == amounts("15.29", "2.91", "18.20")
    assert [line.vehicle for line in invoice.lines.all()] == [str(site.vehicle), str(truck)]
    assert (invoice.period_from, invoice.period_to) == (date(2026, 3, 10), date(2026, 3, 29))


def test_an_allowance_that_is_crossed_within_a_session(site):
    give_plan(contract=site.contract, first_day=MARCH_1, name="Flex", base_fee="19.00", included_kwh="30")
    # 20 kWh by day, all included: 9.80 and −9.80.
    make_cdr(site=site, kwh="20", started_at=datetime(2026, 3, 10, 11, 0, tzinfo=UTC))
    # 20:00–24:00 in Berlin: 10 kWh by day (the 10 that are left) and 10 kWh by night (paid).
    make_cdr(site=site, kwh="20", hours=4, started_at=datetime(2026, 3, 11, 19, 0, tzinfo=UTC))

    (invoice,) = bill(site)

    # 20 × 0.49 = 9.80; 10 × 0.49 + 10 × 0.29 = 7.80; fee; −30 × 0.49 = −14.70
    assert nets(invoice) == amounts("9.80", "7.80", "19.00", "-14.70")
    # 21.90 × 0.19 = 4.161
    assert totals(invoice) == amounts("21.90", "4.16", "26.06")


def test_a_step_and_a_tariff_that_change_in_the_middle_of_the_month(site):
    give_plan(contract=site.contract, first_day=MARCH_1, end_day=date(2026, 3, 16), name="Small", base_fee="10.00")
    give_plan(
        contract=site.contract,
        first_day=date(2026, 3, 16),
        name="Large",
        base_fee="31.00",
        steps=[("50", "0"), (None, "-0.10")],
    )
    # At noon: 0.49 a kWh. 40 kWh belong to the first plan, 80 to the second.
    make_cdr(site=site, kwh="40", started_at=datetime(2026, 3, 10, 11, 0, tzinfo=UTC))
    make_cdr(site=site, kwh="80", hours=4, started_at=datetime(2026, 3, 20, 11, 0, tzinfo=UTC))

    (invoice,) = bill(site)

    # 40 × 0.49; 80 × 0.49; 10.00 × 15 ÷ 31 = 4.8387…; 31.00 × 16 ÷ 31 = 16.00; the first step ends at
    # 50 × 16 ÷ 31 = 25.806 kWh (down to a Wh), so (80 − 25.806) × −0.10 = −5.4194
    assert nets(invoice) == amounts("19.60", "39.20", "4.84", "16.00", "-5.42")
    # 74.22 × 0.19 = 14.1018
    assert totals(invoice) == amounts("74.22", "14.10", "88.32")


def test_a_base_fee_under_reverse_charge_beside_electricity_that_is_taxed_where_it_flowed(site):
    Customer.objects.filter(pk=site.customer.pk).update(
        country="AT", vat_id="ATU12345675", city="Wien", postcode="1010"
    )
    give_plan(contract=site.contract, first_day=MARCH_1, name="Fleet", base_fee="30.00")
    make_cdr(site=site, kwh="10", started_at=datetime(2026, 3, 10, 11, 0, tzinfo=UTC))

    (invoice,) = bill(site)

    # 10 × 0.49 in Germany: VAT 4.90 × 0.19 = 0.931; the fee is a service to a business in Austria: the buyer owes it.
    assert nets(invoice) == amounts("4.90", "30.00")
    assert vat(invoice) == [
        ("S", Decimal("0.1900"), Decimal("4.90"), Decimal("0.93")),
        ("AE", Decimal("0.0000"), Decimal("30.00"), Decimal("0.00")),
    ]
    assert totals(invoice) == amounts("34.90", "0.93", "35.83")
    assert invoice.taxes.get(category="AE").legal_text == "Reverse charge: the recipient owes the VAT."


def test_rates_that_change_between_two_sessions(db):
    """Germany had 16 % from 1 July 2020 on; each session bears the rate of the day on which it ended."""
    site = make_site(elements=[{"price_components": [{"type": "ENERGY", "price": "0.49"}]}])
    make_cdr(site=site, kwh="10", started_at=datetime(2020, 6, 30, 11, 0, tzinfo=UTC))
    make_cdr(site=site, kwh="10", started_at=datetime(2020, 7, 1, 11, 0, tzinfo=UTC))
    make_cdr(site=site, kwh="11", started_at=datetime(2020, 7, 2, 11, 0, tzinfo=UTC))

    (invoice,) = bill(site, until_date=date(2020, 7, 31), at=datetime(2020, 8, 1, 6, 0, tzinfo=UTC))

    # 4.90 × 0.19 = 0.931; 4.90 + 5.39 = 10.29, × 0.16 = 1.6464
    assert vat(invoice) == [
        ("S", Decimal("0.1900"), Decimal("4.90"), Decimal("0.93")),
        ("S", Decimal("0.1600"), Decimal("10.29"), Decimal("1.65")),
    ]
    assert totals(invoice) == amounts("15.19", "2.58", "17.77")


def test_a_minimum_that_two_vehicles_do_not_reach(site):
    give_plan(contract=site.contract, first_day=MARCH_1, name="Committed", minimum="100.00")
    make_cdr(site=site, kwh="50", hours=4, started_at=datetime(2026, 3, 10, 11, 0, tzinfo=UTC))
    make_cdr(site=site, kwh="31", hours=4, started_at=datetime(2026, 3, 11, 11, 0, tzinfo=UTC), vehicle=None)

    (invoice,) = bill(site)

    # 50 × 0.49 = 24.50; 31 × 0.49 = 15.19; 100.00 − 39.69
    assert nets(invoice) == amounts("24.50", "15.19", "60.31")
    assert totals(invoice) == amounts("100.00", "19.00", "119.00")


def test_a_contract_with_a_tariff_everywhere_and_another_by_time_of_use_at_its_depots(site):
    """Whoever has no contract pays the owner's default; the fleet 0.44 everywhere and by day and night at Depots."""
    everywhere = make_tariff_version(
        owner=site.owner, elements=[{"price_components": [{"type": "ENERGY", "price": "0.44"}]}]
    )
    by_time = [
        {
            "price_components": [{"type": "ENERGY", "price": "0.21"}],
            "restrictions": {"start_time": "21:00", "end_time": "05:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": "0.37"}]},
    ]
    at_depots = make_tariff_version(owner=site.owner, elements=by_time)
    depots = make_group(site.location, name="Depots")
    assign_tariff(tariff=everywhere.tariff, contract=site.contract)
    assign_tariff(tariff=at_depots.tariff, contract=site.contract, group=depots)
    away = make_evse(station=make_station(location=make_location(owner=site.owner)))
    starts = ((site.evse, datetime(2026, 3, 10, 19, 0, tzinfo=UTC)), (away, datetime(2026, 3, 11, 19, 0, tzinfo=UTC)))
    chosen = [find_tariff(token=site.token, evse=evse, at=at) for evse, at in starts]
    # 20:00–22:00 in Berlin: an hour by day and an hour by night of Depots; 18 kWh evenly: 9 × 0.37 + 9 × 0.21
    for (evse, at), choice in zip(starts, chosen, strict=True):
        place = replace(site, station=evse.station, evse=evse)
        make_cdr(site=place, kwh="18", hours=2, started_at=at, tariff_version=choice.version)

    (invoice,) = bill(site)

    number = site.contract.number
    assert [choice.reasons[0] for choice in chosen] == [
        f"“{at_depots.tariff}” is assigned to the contract {number} at sites of “Depots”.",
        f"“{everywhere.tariff}” is assigned to the contract {number}.",
    ]
    # 9 × 0.37 = 3.33; 9 × 0.21 = 1.89
    assert bands(invoice, 1) == [("9", "0.37", "3.33"), ("9", "0.21", "1.89")]
    # 18 × 0.44 = 7.92, by day and by night
    assert bands(invoice, 2) == [("18", "0.44", "7.92")]
    # 3.33 + 1.89 = 5.22
    assert nets(invoice) == amounts("5.22", "7.92")
    # 13.14 × 0.19 = 2.4966
    assert totals(invoice) == amounts("13.14", "2.50", "15.64")
    explained = [why_this_tariff(line.cdr.session) for line in invoice.lines.order_by("position")]
    assert [one.decided_by.rank for one in explained] == [Rank.CONTRACT_AT_GROUP, Rank.CONTRACT]


def test_a_credit_note_of_one_line_of_three(site):
    for day, kwh in ((10, "7"), (11, "9"), (12, "11")):
        make_cdr(site=site, kwh=kwh, started_at=datetime(2026, 3, day, 11, 0, tzinfo=UTC))
    (invoice,) = bill(site)
    wrong = invoice.lines.get(position=2)

    note = credit_lines(invoice_id=invoice.pk, line_ids=[wrong.pk], reason="Not our car", at=APRIL)

    # 3.43 + 4.41 + 5.39 = 13.23, × 0.19 = 2.5137
    assert nets(invoice) == amounts("3.43", "4.41", "5.39")
    assert totals(invoice) == amounts("13.23", "2.51", "15.74")
    # −9 × 0.49 = −4.41, × 0.19 = −0.8379: the note is a document of its own, with VAT on its own sum
    assert note is not None
    assert bands(note, 1) == [("-9", "0.49", "-4.41")]
    assert totals(note) == amounts("-4.41", "-0.84", "-5.25")
    # 15.74 − 5.25
    assert balance(entity_id=site.owner.pk, role=Role.RECEIVABLE, currency="EUR") == Decimal("10.49")


def test_yen_have_no_decimals(db):
    site = in_currency("JPY", price="39.5")
    # 7 × 39.5 = 276.5 → 277; 9 × 39.5 = 355.5 → 356 (half up, each line)
    make_cdr(site=site, kwh="7")
    make_cdr(site=site, kwh="9", hours=3)

    (invoice,) = bill(site)

    assert nets(invoice) == amounts("277", "356")
    # 633 × 0.19 = 120.27
    assert totals(invoice) == amounts("633", "120", "753")


def test_dinars_have_three_decimals(db):
    site = in_currency("KWD", price="0.0495")
    # 7 × 0.0495 = 0.3465 → 0.347; 9 × 0.0495 = 0.4455 → 0.446
    make_cdr(site=site, kwh="7")
    make_cdr(site=site, kwh="9", hours=3)

    (invoice,) = bill(site)

    assert nets(invoice) == amounts("0.347", "0.446")
    # 0.793 × 0.19 = 0.15067
    assert totals(invoice) == amounts("0.793", "0.151", "0.944")


def test_a_private_person_sees_gross_prices_that_add_up(db):
    site = make_site(tax_included=True, elements=[{"price_components": [{"type": "ENERGY", "price": "0.59"}]}])
    Customer.objects.filter(pk=site.customer.pk).update(kind=Customer.Kind.PRIVATE, vat_id="")
    # 7 × 0.59 = 4.13 gross, 4.13 ÷ 1.19 = 3.4705…; 9 × 0.59 = 5.31, ÷ 1.19 = 4.4621…
    make_cdr(site=site, kwh="7")
    make_cdr(site=site, kwh="9", hours=3)

    (invoice,) = bill(site)

    assert [line.gross.amount for line in invoice.lines.all()] == amounts("4.13", "5.31")
    assert nets(invoice) == amounts("3.47", "4.46")
    # The gross sum is what was shown; VAT is the difference: 9.44 − 7.93
    assert totals(invoice) == amounts("7.93", "1.51", "9.44")


def in_currency(currency: str, *, price: str) -> Site:
    """Make a site in Berlin whose owner sells in another currency."""
    owner = make_owner(currency=currency)
    return make_site(owner=owner, elements=[{"price_components": [{"type": "ENERGY", "price": price}]}])
