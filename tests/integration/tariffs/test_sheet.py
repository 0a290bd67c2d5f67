"""The editor's rows: any tariff goes into them and comes out as it was, and a problem stands where it belongs."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given

from apps.tariffs.admin.fields import in_unit, per_hour
from apps.tariffs.admin.sheet import Sheet
from apps.tariffs.domain.parse import TariffError, parse_tariff
from apps.tariffs.domain.terms import Dimension, PriceLimit, TariffTerms
from apps.tariffs.models import TariffVersion
from tests.unit.tariffs import drawn


def text(value: object) -> object:
    """Return a value of the terms as the tariff document has it."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        return [text(each) for each in value]
    if isinstance(value, bool | int | str):
        return value
    return value.isoformat(timespec="minutes") if hasattr(value, "hour") else value.isoformat()


def said(value: object) -> dict[str, object]:
    """Return what is set of a frozen value, by field."""
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: text(each) for name, each in found.items() if each not in (None, ())}


def document_of(terms: TariffTerms) -> dict[str, object]:
    document: dict[str, object] = {
        "currency": terms.currency,
        "tax_included": "YES" if terms.tax_included else "NO",
        "elements": [
            {
                "price_components": [
                    {("type" if name == "dimension" else name): each for name, each in said(component).items()}
                    for component in element.price_components
                ],
                "restrictions": said(element.restrictions),
            }
            for element in terms.elements
        ],
        "zero_energy": terms.zero_energy.value,
        "settle_after": terms.settle_after_s,
        "holidays": text(terms.holidays),
    }
    limits = {"min_price": terms.min_price, "max_price": terms.max_price}
    document |= {name: said(limit) for name, limit in limits.items() if isinstance(limit, PriceLimit)}
    return document | {"idle": said(terms.idle)} if said(terms.idle) else document


def in_order(terms: TariffTerms) -> TariffTerms:
    """Return the terms with each element's components as the rows have them; their order means nothing."""
    order = list(Dimension)
    elements = tuple(
        replace(
            element,
            price_components=tuple(
                replace(component, step_size=1 if component.dimension is Dimension.FLAT else component.step_size)
                for component in sorted(element.price_components, key=lambda each: order.index(each.dimension))
            ),
        )
        for element in terms.elements
    )
    return replace(terms, elements=elements)


def is_accepted(terms: TariffTerms) -> bool:
    """Whether the tariff can be stored: what is drawn for the engine may have an element that never holds."""
    try:
        return parse_tariff(document_of(terms)) == terms
    except TariffError:
        return False


def sheet_of(document: dict[str, object], texts: dict[str, str] | None = None) -> Sheet:
    version = TariffVersion()
    version.set_content(document=document, texts=texts or {})
    return Sheet.of_version(version)


def with_restrictions(**restrictions: object) -> dict[str, object]:
    element = {"price_components": [{"type": "ENERGY", "price": "0.39"}], "restrictions": restrictions}
    return {"currency": "EUR", "tax_included": "YES", "elements": [element]}


class TestRows:
    @given(drawn.tariffs().filter(is_accepted))
    def test_hold_any_tariff_and_give_it_back(self, terms):
        sheet = sheet_of(document_of(terms))

        assert sheet.is_good()
        assert in_order(parse_tariff(sheet.document())) == in_order(terms)

    def test_keep_the_texts_that_say_something(self):
        sheet = sheet_of(with_restrictions(), {"en": "Roof 2.10 m", "nl": "Dak 2,10 m"})

        assert sheet.texts() == {"en": "Roof 2.10 m", "nl": "Dak 2,10 m"}

    def test_name_the_last_day_where_the_document_names_the_day_after(self):
        document = with_restrictions(start_date="2026-07-01", end_date="2026-09-01")

        sheet = sheet_of(document)

        assert sheet.rows[0].form["end_date"].value() == "2026-08-31"
        assert sheet.document() == document


class TestAPriceOfTime:
    @pytest.mark.parametrize(
        ("hourly", "shown"),
        [("6.00", ("0.10", "min")), ("3", ("0.05", "min")), ("1.00", ("1.00", "h")), ("0.000001", ("0.000001", "h"))],
    )
    def test_is_told_by_the_minute_where_that_is_exact(self, hourly, shown):
        assert in_unit(hourly) == shown
        assert Decimal(per_hour(*shown)) == Decimal(hourly)

    def test_is_left_as_typed_where_it_is_no_number(self):
        assert per_hour("ten cents", "min") == "ten cents"


class TestProblems:
    @pytest.mark.parametrize(
        ("restrictions", "field"),
        [
            ({"start_time": "25:00"}, "start_time"),
            ({"start_date": "2026-13-01"}, "start_date"),
            ({"start_date": "2026-05-01", "end_date": "2026-05-01"}, "end_date"),
            ({"min_kwh": "-1"}, "min_kwh"),
            ({"max_power": "much"}, "max_power"),
            ({"min_idle_time": 600, "max_idle_time": 600}, "max_idle_time"),
        ],
    )
    def test_stand_at_the_field_that_their_path_names(self, restrictions, field):
        sheet = sheet_of(with_restrictions(**restrictions))

        assert not sheet.is_good()
        assert list(sheet.rows[0].form.errors) == [field]
        assert f"elements[0].restrictions.{field}" in sheet.rows[0].form.errors[field][0]

    def test_of_a_price_stand_at_that_price(self):
        document = with_restrictions()
        document["elements"][0]["price_components"].append({"type": "FLAT", "price": "1,5,0"})

        sheet = sheet_of(document)

        assert not sheet.is_good()
        assert list(sheet.rows[0].form.errors) == ["flat_price"]

    @pytest.mark.parametrize(
        ("rules", "field"),
        [
            ({"currency": "EURO"}, "currency"),
            ({"min_price": {"incl_vat": "x"}}, "min_price_incl_vat"),
            ({"idle": {"quiet_start": "22:00"}}, "quiet_end"),
            ({"holidays": ["2026-02-30"]}, "holidays"),
            ({"settle_after": 1}, "settle_after"),
        ],
    )
    def test_of_the_whole_tariff_stand_at_its_fields(self, rules, field):
        sheet = sheet_of(with_restrictions() | rules)

        assert not sheet.is_good()
        assert list(sheet.form.errors) == [field]

    def test_of_a_row_without_a_price_stand_at_the_row(self):
        document = with_restrictions()
        document["elements"].append({"price_components": []})

        sheet = sheet_of(document)

        assert not sheet.is_good()
        assert "elements[1].price_components" in sheet.rows[1].form.non_field_errors()[0]

    def test_without_a_row_stand_on_top(self):
        sheet = sheet_of({"currency": "EUR", "tax_included": "YES", "elements": []})

        assert not sheet.is_good()
        assert [problem.path for problem in sheet.unplaced] == ["elements"]
