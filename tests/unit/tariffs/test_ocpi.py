"""OCPI tariffs in and out: nothing is lost in silence, and what OCPI carries comes back as it went."""

from copy import deepcopy
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.json_text import JsonError, dump_json, load_json
from apps.tariffs.domain.ocpi import Envelope, TariffType, import_tariff, tax_rates_of
from apps.tariffs.domain.ocpi_export import NotInOcpi, OcpiVersion, export_tariff
from apps.tariffs.domain.parse import TariffError, parse_tariff
from apps.tariffs.domain.terms import (
    WEEK,
    Dimension,
    PriceComponent,
    PriceLimit,
    ReservationRestriction,
    Restrictions,
)

GERMAN_RATES = {
    TaxCategory.STANDARD: Decimal("0.19"),
    TaxCategory.REDUCED: Decimal("0.07"),
    TaxCategory.ZERO: Decimal(0),
    TaxCategory.EXEMPT: Decimal(0),
}

COMPONENT = "elements[0].price_components[0]"
INEXACT = "must be a decimal number as a string, since a binary fraction is not exact"

# After OCPI 2.2.1 mod_tariffs, "Complex Tariff example", with German percentages.
COMPLEX = """
{
  "country_code": "DE", "party_id": "ALL", "id": "14", "currency": "EUR", "type": "REGULAR",
  "tariff_alt_text": [{"language": "de", "text": "Parken wochentags"},
                      {"language": "en", "text": "Parking on weekdays"}],
  "tariff_alt_url": "https://company.com/tariffs/14",
  "elements": [
    {"price_components": [{"type": "FLAT", "price": 2.50, "vat": 19.0, "step_size": 1}]},
    {"price_components": [{"type": "TIME", "price": 1.00, "vat": 7.0, "step_size": 900}],
     "restrictions": {"max_current": 32.00}},
    {"price_components": [{"type": "TIME", "price": 2.00, "vat": 7.0, "step_size": 600}],
     "restrictions": {"min_current": 32.00, "day_of_week": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]}},
    {"price_components": [{"type": "PARKING_TIME", "price": 5.00, "vat": 0, "step_size": 300}],
     "restrictions": {"start_time": "09:00", "end_time": "18:00", "day_of_week": ["SATURDAY", "SUNDAY"]}},
    {"price_components": [{"type": "TIME", "price": 5.0, "step_size": 60}],
     "restrictions": {"reservation": "RESERVATION"}}
  ],
  "min_price": {"excl_vat": 0.50, "incl_vat": 0.55},
  "max_price": {"excl_vat": 10.00},
  "start_date_time": "2026-01-01T00:00:00Z",
  "end_date_time": "2026-06-30T23:59:59.500Z",
  "last_updated": "2025-12-16T19:00:00Z"
}
"""


def simple(**fields: object) -> dict:
    component = {"type": "ENERGY", "price": Decimal("0.25"), "vat": Decimal("19.0"), "step_size": 1}
    return {"id": "8", "currency": "EUR", "elements": [{"price_components": [component]}], **fields}


def with_component(**component: object) -> dict:
    document = simple()
    document["elements"][0]["price_components"][0].update(component)
    return document


def with_restrictions(**restrictions: object) -> dict:
    document = simple()
    document["elements"][0]["restrictions"] = restrictions
    return document


def problems_of(document: object) -> list[str]:
    with pytest.raises(TariffError) as refused:
        import_tariff(document, tax_rates=GERMAN_RATES)
    return [str(problem) for problem in refused.value.problems]


def notes_of(document: object) -> list[str]:
    return [str(note) for note in import_tariff(document, tax_rates=GERMAN_RATES).notes]


def terms_of(**fields: object):
    element = {"price_components": [{"type": "ENERGY", "price": "0.39"}]}
    return parse_tariff({"currency": "EUR", "tax_included": "NO", "elements": [element], **fields})


def exported(terms, version: OcpiVersion = OcpiVersion.V2_2_1):
    return export_tariff(terms, envelope=Envelope(id="T"), tax_rates=GERMAN_RATES, version=version)


class TestImportTariff:
    def test_reads_the_envelope(self):
        imported = import_tariff(load_json(COMPLEX), tax_rates=GERMAN_RATES)

        assert imported.envelope == Envelope(
            id="14",
            country_code="DE",
            party_id="ALL",
            type=TariffType.REGULAR,
            texts={"de": "Parken wochentags", "en": "Parking on weekdays"},
            url="https://company.com/tariffs/14",
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            valid_to=datetime(2026, 6, 30, 23, 59, 59, 500_000, tzinfo=UTC),
            last_updated=datetime(2025, 12, 16, 19, tzinfo=UTC),
        )

    def test_reads_the_prices_into_a_document_of_ours(self):
        imported = import_tariff(load_json(COMPLEX), tax_rates=GERMAN_RATES)

        assert imported.document["elements"][1] == {
            "price_components": [{"type": "TIME", "price": "1.00", "step_size": 900, "tax_category": "reduced"}],
            "restrictions": {"max_current": "32.00"},
        }
        assert imported.document["min_price"] == {"excl_vat": "0.50", "incl_vat": "0.55"}
        assert imported.terms == parse_tariff(imported.document)
        assert not imported.terms.tax_included
        assert imported.terms.elements[3].price_components == (
            PriceComponent(
                dimension=Dimension.PARKING_TIME, price=Decimal(5), tax_category=TaxCategory.ZERO, step_size=300
            ),
        )
        assert imported.terms.elements[3].restrictions == Restrictions(
            start_time=time(9), end_time=time(18), day_of_week=WEEK[5:]
        )
        assert imported.terms.elements[4].restrictions.reservation is ReservationRestriction.RESERVATION
        assert imported.terms.max_price == PriceLimit(excl_vat=Decimal(10))

    def test_says_once_how_each_percentage_was_read(self):
        assert notes_of(load_json(COMPLEX)) == [
            "elements[0].price_components[0].vat: 19 % is read as the tax category standard",
            "elements[1].price_components[0].vat: 7 % is read as the tax category reduced",
            "elements[3].price_components[0].vat: 0 % is read as the tax category zero",
            "elements[4].price_components[0].vat: no vat: read as exempt from tax; choose its category if it is taxed",
        ]

    def test_refuses_a_percentage_that_is_no_rate_of_the_country(self):
        assert problems_of(with_component(vat=Decimal("5.2"))) == [
            "elements[0].price_components[0].vat: 5.2 % is no rate here; known are 19 % (standard), 7 % (reduced)"
        ]

    def test_refuses_any_percentage_where_no_rate_is_known(self):
        with pytest.raises(TariffError) as refused:
            import_tariff(simple(), tax_rates={})

        assert str(refused.value) == "elements[0].price_components[0].vat: 19.0 % is no rate here; known are none"

    def test_reads_tax_included_and_limits_of_ocpi_2_3_0(self):
        document = simple(
            tax_included="YES",
            min_price={"before_taxes": 1, "after_taxes": Decimal("1.19")},
            preauthorize_amount=Decimal("40.00"),
        )

        imported = import_tariff(document, tax_rates=GERMAN_RATES)

        assert imported.terms.tax_included
        assert imported.terms.min_price == PriceLimit(excl_vat=Decimal(1), incl_vat=Decimal("1.19"))
        assert imported.notes[0].path == "preauthorize_amount"

    def test_reads_a_tariff_without_any_tax(self):
        document = with_component(vat=None)
        document["tax_included"] = "N/A"

        imported = import_tariff(document, tax_rates=GERMAN_RATES)

        assert not imported.terms.tax_included
        assert imported.terms.elements[0].price_components[0].tax_category == TaxCategory.EXEMPT

    def test_counts_null_as_not_given(self):
        document = simple(type=None, min_price=None, tariff_alt_text=None, end_date_time=None)
        document["elements"][0]["restrictions"] = None

        imported = import_tariff(document, tax_rates=GERMAN_RATES)

        assert imported.terms.elements[0].restrictions == Restrictions()
        assert imported.envelope == Envelope(id="8")

    def test_reads_24_00_as_the_end_of_the_day_and_says_so(self):
        imported = import_tariff(with_restrictions(start_time="17:00", end_time="24:00"), tax_rates=GERMAN_RATES)

        assert imported.terms.elements[0].restrictions == Restrictions(start_time=time(17), end_time=time(0))
        assert str(imported.notes[1]) == "elements[0].restrictions.end_time: 24:00 is read as 00:00, the end of the day"

    @pytest.mark.parametrize(
        ("document", "problem"),
        [
            (simple(colour="green"), "colour: unknown field"),
            (simple(id=None), "id: required"),
            (simple(id="x" * 37), "id: longer than 36 characters"),
            (simple(idle={"max_amount": "1"}), "idle: unknown field"),
            (simple(currency="gbp"), "currency: 'gbp' is no ISO 4217 currency code"),
            (
                simple(type="NIGHT"),
                "type: 'NIGHT' is none of AD_HOC_PAYMENT, PROFILE_CHEAP, PROFILE_FAST, PROFILE_GREEN, REGULAR",
            ),
            (simple(tax_included="MAYBE"), "tax_included: 'MAYBE' is none of YES, NO, N/A"),
            (simple(elements=None), "elements: required"),
            (simple(elements="x"), "elements: must be a list"),
            (simple(elements=[]), "elements: must not be empty"),
            (simple(min_price={"excl_vat": 1, "gross": 1}), "min_price.gross: unknown field"),
            (
                simple(tariff_alt_text=[{"language": "deu", "text": "x"}]),
                "tariff_alt_text[0].language: 'deu' is no ISO 639-1 language of two letters",
            ),
            (
                simple(tariff_alt_text=[{"language": "de", "text": "x"}, {"language": "DE", "text": "y"}]),
                "tariff_alt_text[1].language: a second text in 'DE'",
            ),
            (simple(tariff_alt_text=[{"language": "de"}]), "tariff_alt_text[0].text: required"),
            (
                simple(tariff_alt_text=[{"language": "de", "text": "x" * 513}]),
                "tariff_alt_text[0].text: longer than 512 characters",
            ),
            (
                simple(start_date_time="2026-01-01"),
                "start_date_time: '2026-01-01' is no UTC instant YYYY-MM-DDTHH:MM:SSZ",
            ),
            (
                simple(start_date_time="2026-02-30T00:00:00Z"),
                "start_date_time: '2026-02-30T00:00:00Z' is no UTC instant YYYY-MM-DDTHH:MM:SSZ",
            ),
            (
                simple(start_date_time="2026-01-01T00:00:00Z", end_date_time="2026-01-01T00:00:00"),
                "end_date_time: is not after start_date_time",
            ),
            (with_component(tax_category="standard"), f"{COMPONENT}.tax_category: unknown field"),
            (with_component(price=0.25), f"{COMPONENT}.price: {INEXACT}"),
            (
                with_component(vat="x"),
                f"{COMPONENT}.vat: 'x' is no number of at most 10 digits before and 6 after the point",
            ),
            (with_restrictions(dayOfWeek=["MONDAY"]), "elements[0].restrictions.dayOfWeek: unknown field"),
            (with_restrictions(min_idle_time=60), "elements[0].restrictions.min_idle_time: unknown field"),
            (
                with_restrictions(start_time="7:00"),
                "elements[0].restrictions.start_time: '7:00' is no time of day HH:MM; the end of the day is 00:00",
            ),
        ],
    )
    def test_refuses_what_it_does_not_understand(self, document, problem):
        assert problems_of(document) == [problem]

    def test_finds_all_problems_at_once(self):
        document = with_component(vat=33, price=-1, colour="green")
        document["start_date_time"] = 5

        assert problems_of(document) == [
            "start_date_time: must be a text",
            "elements[0].price_components[0].colour: unknown field",
            "elements[0].price_components[0].vat: 33 % is no rate here; known are 19 % (standard), 7 % (reduced)",
            "elements[0].price_components[0].price: -1 is negative",
        ]

    @pytest.mark.parametrize("document", [None, [], "x", 5])
    def test_refuses_what_is_no_object(self, document):
        assert problems_of(document)[0] == "must be an object"


class TestExportTariff:
    def test_writes_what_was_read(self):
        source = load_json(COMPLEX)
        imported = import_tariff(source, tax_rates=GERMAN_RATES)

        result = export_tariff(imported.terms, envelope=imported.envelope, tax_rates=GERMAN_RATES)

        assert result.document == source

    def test_writes_gross_prices_net_for_ocpi_2_2_1(self):
        terms = terms_of(tax_included="YES")

        result = exported(terms)

        component = result.document["elements"][0]["price_components"][0]
        assert component == {"type": "ENERGY", "price": Decimal("0.327731"), "vat": Decimal(19), "step_size": 1}
        assert [str(loss) for loss in result.losses] == [
            "elements[0].price_components[0].price: 0.39 with tax is 0.327731 without, rounded; "
            "a partner's total may differ by a cent"
        ]

    def test_writes_gross_prices_that_divide_evenly_without_loss(self):
        element = {"price_components": [{"type": "ENERGY", "price": "1.19"}]}

        result = exported(terms_of(tax_included="YES", elements=[element]))

        assert result.document["elements"][0]["price_components"][0]["price"] == Decimal("1.000000")
        assert result.losses == ()

    def test_writes_gross_prices_as_they_are_for_ocpi_2_3_0(self):
        terms = terms_of(tax_included="YES", max_price={"excl_vat": "10", "incl_vat": "11.90"})

        result = exported(terms, OcpiVersion.V2_3_0)

        assert result.document["tax_included"] == "YES"
        assert result.document["elements"][0]["price_components"][0]["price"] == Decimal("0.39")
        assert result.document["max_price"] == {"before_taxes": Decimal(10), "after_taxes": Decimal("11.90")}
        assert result.losses == ()

    def test_adds_the_limit_before_tax_that_ocpi_requires_where_it_never_binds_first(self):
        components = [
            {"type": "ENERGY", "price": "0.39"},
            {"type": "FLAT", "price": "1", "tax_category": "reduced"},
        ]
        terms = terms_of(
            elements=[{"price_components": components}],
            min_price={"incl_vat": "2"},
            max_price={"incl_vat": "20"},
            zero_energy="full",
        )

        result = exported(terms)

        # 2 ÷ 1.19 = 1.6806722… rounded down; 20 ÷ 1.07 = 18.6915887… rounded up.
        assert result.document["min_price"] == {"excl_vat": Decimal("1.680672"), "incl_vat": Decimal(2)}
        assert result.document["max_price"] == {"excl_vat": Decimal("18.691589"), "incl_vat": Decimal(20)}
        assert [loss.path for loss in result.losses] == ["min_price", "max_price"]

    def test_says_which_rules_it_leaves_out(self):
        element = {"price_components": [{"type": "PARKING_TIME", "price": "6"}]}
        idle = {"max_amount": "12", "quiet_start": "22:00", "quiet_end": "06:00"}

        result = exported(terms_of(elements=[element], idle=idle))

        assert [str(loss) for loss in result.losses] == [
            "idle.max_amount: OCPI has no cap on idle time: partners see a price that may be higher",
            "idle.quiet_start: OCPI has no quiet hours: partners see idle time priced in them",
            "zero_energy: OCPI prices sessions without energy in full: partners may expect a price",
        ]

    def test_refuses_restrictions_that_ocpi_does_not_have(self):
        restrictions = {"holiday": False, "min_idle_time": 1800, "max_charging_time": 60, "min_charging_time": 0}
        element = {"price_components": [{"type": "TIME", "price": "6"}], "restrictions": restrictions}

        with pytest.raises(NotInOcpi) as refused:
            exported(terms_of(elements=[element]))

        assert [str(problem) for problem in refused.value.problems] == [
            "elements[0].restrictions.max_charging_time: OCPI has no max_charging_time",
            "elements[0].restrictions.min_idle_time: OCPI has no min_idle_time",
            "elements[0].restrictions.holiday: OCPI has no holidays",
        ]

    def test_refuses_a_category_without_a_rate(self):
        with pytest.raises(NotInOcpi) as refused:
            export_tariff(terms_of(), envelope=Envelope(id="T"), tax_rates={})

        assert str(refused.value) == (
            "elements[0].price_components[0].tax_category: no standard tax rate is known here"
        )

    def test_cuts_texts_that_ocpi_has_no_room_for(self):
        envelope = Envelope(id="T", texts={"en": "x" * 600})

        result = export_tariff(terms_of(), envelope=envelope, tax_rates=GERMAN_RATES)

        assert result.document["tariff_alt_text"] == [{"language": "en", "text": "x" * 512}]
        assert result.losses[0].path == "tariff_alt_text.en"


def amounts(most: int = 10**9) -> st.SearchStrategy[Decimal]:
    return st.integers(0, most).map(lambda micro: Decimal(micro).scaleb(-6))


def spans(what: str, values: st.SearchStrategy) -> st.SearchStrategy[dict]:
    """None, one or both of a min and a max between which some value lies."""
    both = st.lists(values.filter(bool), min_size=2, max_size=2, unique=True).map(sorted)
    return st.one_of(
        st.just({}),
        values.map(lambda value: {f"min_{what}": value}),
        values.filter(bool).map(lambda value: {f"max_{what}": value}),
        both.map(lambda pair: {f"min_{what}": pair[0], f"max_{what}": pair[1]}),
    )


APRIL = {"start_date": "2026-04-01", "end_date": "2026-05-01"}


@st.composite
def ocpi_elements(draw: st.DrawFn) -> dict:
    reservation = draw(st.sampled_from((None, *ReservationRestriction)))
    kinds = [dimension for dimension in Dimension if reservation is None or dimension in ("TIME", "FLAT")]
    components = [
        {"type": kind.value, "price": draw(amounts()), "step_size": draw(st.integers(1, 10_000))}
        | draw(st.sampled_from(({}, {"vat": 0}, {"vat": 7}, {"vat": Decimal("19.0")})))
        for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, unique=True))
    ]
    clock = st.times().map(lambda value: f"{value:%H:%M}")
    restrictions = (
        draw(st.fixed_dictionaries({}, optional={"start_time": clock, "end_time": clock}))
        | draw(st.sampled_from(({}, {"start_date": "2026-03-01"}, APRIL)))
        | draw(spans("kwh", amounts()))
        | draw(spans("current", amounts()))
        | draw(spans("power", amounts()))
        | draw(spans("duration", st.integers(0, 10**6)))
    )
    days = draw(st.sets(st.sampled_from(WEEK)))
    if days:
        restrictions["day_of_week"] = [day.value for day in WEEK if day in days]
    if reservation:
        restrictions["reservation"] = reservation.value
    return {"price_components": components} | ({"restrictions": restrictions} if restrictions else {})


class TestRoundTrip:
    @given(elements=st.lists(ocpi_elements(), min_size=1, max_size=4), least=amounts(), more=amounts())
    def test_exports_what_it_imported(self, elements, least, more):
        source = {
            "id": "T",
            "currency": "EUR",
            "elements": elements,
            "min_price": {"excl_vat": least},
            "max_price": {"excl_vat": least + more, "incl_vat": least},
            "start_date_time": "2026-01-01T00:00:00Z",
        }
        before = deepcopy(source)

        imported = import_tariff(load_json(dump_json(source)), tax_rates=GERMAN_RATES)
        result = export_tariff(imported.terms, envelope=imported.envelope, tax_rates=GERMAN_RATES)

        assert load_json(dump_json(result.document)) == load_json(dump_json(source))
        assert source == before


class TestTaxRatesOf:
    def test_returns_the_rates_of_the_day(self):
        assert tax_rates_of(country="DE", on=date(2026, 11, 22)) == GERMAN_RATES

    def test_leaves_out_what_the_rule_book_does_not_have(self):
        assert tax_rates_of(country="DK", on=date(2026, 11, 22)) == {
            TaxCategory.STANDARD: Decimal("0.25"),
            TaxCategory.ZERO: Decimal(0),
            TaxCategory.EXEMPT: Decimal(0),
        }
        assert tax_rates_of(country="US", on=date(2026, 11, 22)) == {}


class TestLoadJson:
    def test_returns_exact_fractions(self):
        assert load_json('{"price": 0.10, "step_size": 1, "text": "ü"}') == {
            "price": Decimal("0.10"),
            "step_size": 1,
            "text": "ü",
        }

    def test_reads_utf_8_with_a_byte_order_mark(self):
        assert load_json('{"a": "ü"}'.encode("utf-8-sig")) == {"a": "ü"}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "no JSON: Expecting value in line 1, column 1"),
            ("{'a': 1}", "no JSON: Expecting property name enclosed in double quotes in line 1, column 2"),
            ('{"price": NaN}', "NaN is no JSON number"),
            ("[-Infinity]", "-Infinity is no JSON number"),
            ('{"price": 1, "price": 2}', "the key 'price' stands twice in one object"),
            ("[" * 33 + "]" * 33, "nested deeper than 32 levels"),
            ("[" * 100_000, "nested deeper than 32 levels"),
            ('"' + " " * 1_000_000 + '"', "longer than 1000000 bytes"),
            (b"\xff", "not UTF-8 at byte 0"),
            ('{"a": ["x\\u0000"]}', "a text holds the character U+0000"),
            ('{"\\ud800": 1}', "a text holds the character U+D800"),
            ("1e99999999999999999999", "no number: 1e99999999999999999999"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_refuses(self, text, message):
        with pytest.raises(JsonError) as refused:
            load_json(text)

        assert str(refused.value) == message

    def test_refuses_a_number_too_long_to_read(self):
        with pytest.raises(JsonError, match="a number is too long"):
            load_json("9" * 5_000)

    def test_takes_what_is_just_deep_enough(self):
        assert load_json("[" * 31 + "1" + "]" * 31)


class TestDumpJson:
    def test_writes_decimals_as_the_numbers_they_are(self):
        document = {"a": Decimal("0.390000"), "b": [Decimal("1E+3"), 2, True, None, "ü\n"], "c": [], "d": {}}

        text = dump_json(document)

        assert text == (
            '{\n  "a": 0.39,\n  "b": [\n    1000,\n    2,\n    true,\n    null,\n    "ü\\n"\n  ],\n'
            '  "c": [],\n  "d": {}\n}'
        )
