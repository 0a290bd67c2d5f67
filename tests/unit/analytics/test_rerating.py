from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from apps.analytics.domain.rerating import StoredRecord, Tried, add_to, rerate
from apps.analytics.domain.tally import AD_HOC, Gap, Tally
from apps.core.clock import to_epoch_ms
from apps.core.domain.tax import NoTaxRate, TaxCategory
from apps.tariffs.domain.facts import GrantTerms, Reading, SessionFacts
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.rating import inputs_as_document, inputs_from_document

BEGAN_AT = datetime(2026, 10, 5, 21, 30, tzinfo=UTC)  # 23:30 in Berlin
ENDED_AT = datetime(2026, 10, 5, 22, 30, tzinfo=UTC)


def terms_of(*components: dict, currency: str = "EUR"):
    return parse_tariff(
        {"currency": currency, "tax_included": "NO", "elements": [{"price_components": list(components)}]}
    )


PER_KWH = terms_of({"type": "ENERGY", "price": "0.60"})
WITH_REDUCED_FEE = terms_of(
    {"type": "ENERGY", "price": "0.60"}, {"type": "FLAT", "price": "1.00", "tax_category": "reduced"}
)


def record(*, grant: GrantTerms | None = None, currency: str = "EUR") -> StoredRecord:
    """Return 10 kWh in an hour across midnight, charged 5.00 net."""
    facts = SessionFacts(
        started_at_ms=to_epoch_ms(BEGAN_AT),
        ended_at_ms=to_epoch_ms(ENDED_AT),
        time_zone="Europe/Berlin",
        register=(
            Reading(at_ms=to_epoch_ms(BEGAN_AT), energy_milliwh=0),
            Reading(at_ms=to_epoch_ms(ENDED_AT), energy_milliwh=10_000_000),
        ),
    )
    inputs = {
        "facts": facts,
        "grant": grant or GrantTerms(),
        "tax_rates": {TaxCategory.STANDARD: Decimal("0.19")},
    }
    return StoredRecord(
        session_id=7,
        uid=str(UUID(int=7)),
        started_at=BEGAN_AT,
        time_zone="Europe/Berlin",
        location_id=3,
        country="DE",
        group=AD_HOC,
        tax_date=date(2026, 10, 6),
        energy_milliwh=10_000_000,
        currency=currency,
        net=Decimal("5.00"),
        gross=Decimal("5.95"),
        tells_idling=False,
        inputs=inputs_as_document(**inputs),
    )


def never(country: str, on: date, category: str) -> Decimal:
    raise AssertionError("no rate had to be asked for")


def rated(one: StoredRecord, terms, rate_of=never):
    return rerate(one, inputs_from_document(one.inputs), tried=Tried.of(terms), rate_of=rate_of)


class TestRerate:
    def test_prices_the_stored_facts_with_the_stored_rates(self):
        priced = rated(record(), PER_KWH)

        # 10 kWh × 0.60 = 6.00 net, 19 % of it 1.14
        assert (priced.net, priced.gross) == (Decimal("6.00"), Decimal("7.14"))

    def test_asks_for_the_rates_that_the_record_did_not_need(self):
        asked = []

        def reduced(country, on, category):
            asked.append((country, on, category))
            return Decimal("0.07")

        priced = rated(record(), WITH_REDUCED_FEE, reduced)

        # 6.00 + 1.14 and 1.00 + 0.07
        assert (priced.net, priced.gross) == (Decimal("7.00"), Decimal("8.21"))
        assert asked == [("DE", date(2026, 10, 6), "reduced")]

    def test_holds_to_the_grant_of_then(self):
        priced = rated(record(grant=GrantTerms(limit_amount=Decimal("6.50"))), PER_KWH)

        assert priced.gross == Decimal("6.50")


class TestAddTo:
    def add(self, one: StoredRecord, terms=PER_KWH, rate_of=never) -> Tally:
        tally = Tally()
        add_to(tally, one, tried=Tried.of(terms), rate_of=rate_of)
        return tally

    def test_counts_a_session_at_its_site_and_local_hour(self):
        tally = self.add(record())

        assert (tally.total.gross_before, tally.total.gross_after) == (Decimal("5.95"), Decimal("7.14"))
        assert (set(tally.sites), set(tally.hours), set(tally.groups)) == ({3}, {23}, {AD_HOC})
        assert [one.uid for one in tally.dearest] == [str(UUID(int=7))]

    def test_does_not_add_francs_to_euros(self):
        tally = self.add(record(currency="CHF"))

        assert tally.other_currencies == {"CHF": 1}
        assert tally.total.sessions == 0

    def test_names_what_cannot_be_taxed(self):
        def unknown(country, on, category):
            raise NoTaxRate(f"no {category} tax rate for {country}")

        tally = self.add(record(), WITH_REDUCED_FEE, unknown)

        assert tally.left_out == {"no reduced tax rate for DE": 1}
        assert tally.total.sessions == 0

    @pytest.mark.parametrize(
        ("damage", "named"),
        [
            ({"started_at_ms": None}, "TypeError"),
            ({"tax_rates": {"standard": "19 %"}}, "InvalidOperation"),
            ({"register": {}}, "KeyError"),
        ],
    )
    def test_names_inputs_that_are_damaged(self, damage, named):
        one = record()

        tally = self.add(one._replace(inputs={**one.inputs, **damage}))

        assert tally.left_out == {f"its stored inputs are damaged ({named})": 1}


def restricted(price: str, **restrictions):
    """Return terms of 0.10 per kWh, and more where the restrictions hold."""
    dear = {"price_components": [{"type": "ENERGY", "price": price}], "restrictions": restrictions}
    cheap = {"price_components": [{"type": "ENERGY", "price": "0.10"}]}
    return parse_tariff({"currency": "EUR", "tax_included": "NO", "elements": [dear, cheap]})


class TestGaps:
    IDLE_FEE = terms_of({"type": "ENERGY", "price": "0.60"}, {"type": "PARKING_TIME", "price": "6.00"})

    def gaps(self, terms, **fields) -> dict[str, int]:
        tally = Tally()
        add_to(tally, record()._replace(**fields), tried=Tried.of(terms), rate_of=never)
        return dict(tally.gaps)

    def test_are_none_where_the_terms_ask_for_nothing_more(self):
        assert self.gaps(PER_KWH) == {}

    def test_name_idling_that_nobody_asked_about(self):
        assert self.gaps(self.IDLE_FEE) == {Gap.IDLING: 1}
        assert self.gaps(self.IDLE_FEE, tells_idling=True) == {}

    def test_name_power_that_is_worked_out_from_the_register(self):
        # 10 kWh in an hour: 10 kW, so that the first element holds
        terms = restricted("0.80", min_power="9")

        assert self.gaps(terms) == {Gap.POWER: 1}
        assert rated(record(), terms).net == Decimal("8.00")

    def test_name_current_that_nobody_measured(self):
        terms = restricted("0.80", min_current="9")

        assert self.gaps(terms) == {Gap.CURRENT: 1}
        assert rated(record(), terms).net == Decimal("1.00")
