"""What the linter finds, and that it finds nothing in tariffs that are right."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.domain.tax import TaxCategory
from apps.tariffs.domain.lint import SHOWN_BY_OCPP_2_1, Finding, Profile, Severity, lint_tariff
from apps.tariffs.domain.parse import parse_tariff
from apps.tariffs.domain.reach import energy_gaps, is_wider, name_minutes, week_minutes
from apps.tariffs.domain.terms import WEEK, Restrictions, TariffTerms

RATES = {TaxCategory.STANDARD: Decimal("0.19"), TaxCategory.REDUCED: Decimal("0.07")}
WEEKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
CHRISTMAS = ["2026-12-25", "2026-12-26"]


def element(prices: dict, **restrictions: object) -> dict:
    components = [{"type": dimension, "price": price} for dimension, price in prices.items()]
    return {"price_components": components} | ({"restrictions": restrictions} if restrictions else {})


def terms_of(*elements: dict, **fields: object) -> TariffTerms:
    return parse_tariff({"currency": "EUR", "tax_included": "YES", "elements": list(elements), **fields})


def found(terms: TariffTerms, **more: object) -> list[tuple[str, str, str]]:
    return [(finding.severity.value, finding.code, finding.path) for finding in lint_tariff(terms, **more)]


ENERGY = element({"ENERGY": "0.49"})


class TestSoundTariffs:
    @pytest.mark.parametrize("profile", [None, *Profile])
    def test_find_nothing_in_one_energy_price(self, profile):
        assert lint_tariff(terms_of(ENERGY), profiles=[profile] if profile else []) == ()

    @pytest.mark.parametrize("profile", [None, Profile.AD_HOC_FROM_50_KW, Profile.AD_HOC_BELOW_50_KW])
    def test_find_nothing_in_a_tariff_with_peak_hours_and_a_capped_idle_fee(self, profile):
        terms = terms_of(
            element({"ENERGY": "0.59"}, start_time="17:00", end_time="21:00", day_of_week=WEEKDAYS),
            element({"ENERGY": "0.39"}),
            element({"PARKING_TIME": "6"}, min_idle_time=1800),
            idle={"max_amount": "12", "quiet_start": "22:00", "quiet_end": "07:00"},
        )

        assert lint_tariff(terms, profiles=[profile] if profile else [], tax_rates=RATES) == ()

    def test_find_nothing_in_a_reservation_price_under_any_profile(self):
        terms = terms_of(element({"TIME": "5", "FLAT": "1"}, reservation="RESERVATION"), ENERGY)

        assert lint_tariff(terms, profiles=list(Profile)) == ()

    def test_find_nothing_in_a_tariff_that_is_free_of_charge(self):
        terms = terms_of(element({"FLAT": "0", "ENERGY": "0", "TIME": "0", "PARKING_TIME": "0"}))

        assert lint_tariff(terms, profiles=list(Profile)) == ()


class TestFinding:
    def test_is_written_with_its_path(self):
        finding = Finding(severity=Severity.ERROR, code="x", path="elements[0]", message="Remove it.")

        assert str(finding) == "elements[0]: Remove it."
        assert finding.is_error

    def test_comes_with_errors_first(self):
        component = {"type": "ENERGY", "price": "1", "step_size": 500}
        terms = terms_of({"price_components": [component]}, element({"TIME": "1"}, holiday=True, max_duration=60))

        assert [severity for severity, _, _ in found(terms)] == ["error", "warning"]


class TestNeverHolds:
    @pytest.mark.parametrize(
        ("restrictions", "holidays", "path"),
        [
            ({"holiday": True}, [], "holiday"),
            ({"holiday": True, "day_of_week": ["MONDAY"]}, CHRISTMAS, ""),
            ({"holiday": True, "start_date": "2026-12-27"}, CHRISTMAS, ""),
            ({"holiday": True, "end_date": "2026-12-25"}, CHRISTMAS, ""),
            ({"holiday": False, "start_date": "2026-12-25", "end_date": "2026-12-27"}, CHRISTMAS, ""),
            (
                {
                    "holiday": False,
                    "start_date": "2026-12-21",
                    "end_date": "2027-01-01",
                    "day_of_week": ["FRIDAY"],
                },
                ["2026-12-25"],
                "",
            ),
            ({"min_charging_time": 600, "max_duration": 600}, [], "min_charging_time"),
            ({"min_idle_time": 601, "max_duration": 600}, [], "min_idle_time"),
            ({"min_charging_time": 300, "min_idle_time": 300, "max_duration": 600}, [], "min_idle_time"),
        ],
    )
    def test_finds_what_excludes_itself(self, restrictions, holidays, path):
        terms = terms_of(element({"ENERGY": "0.1"}, **restrictions), ENERGY, holidays=holidays)

        where = "elements[0].restrictions" + (f".{path}" if path else "")
        assert found(terms) == [("error", "never_holds", where)]

    @pytest.mark.parametrize(
        "restrictions",
        [{"min_kwh": 1}, {"min_power": 0}, {"max_current": 16}, {"min_charging_time": 1}, {"min_idle_time": 1}],
    )
    def test_finds_what_a_reservation_never_has(self, restrictions):
        terms = terms_of(element({"TIME": "5"}, reservation="RESERVATION", **restrictions), ENERGY)

        name = next(iter(restrictions))
        assert found(terms) == [("error", "never_holds", f"elements[0].restrictions.{name}")]

    @pytest.mark.parametrize(
        "restrictions",
        [
            {"holiday": True, "day_of_week": ["FRIDAY"]},
            {"holiday": True, "start_date": "2026-12-26", "end_date": "2026-12-27"},
            {"holiday": False, "start_date": "2026-12-25", "end_date": "2026-12-28"},
            {"holiday": False, "start_date": "2026-12-25"},
            {"min_charging_time": 299, "min_idle_time": 300, "max_duration": 600},
            {"min_charging_time": 0, "min_idle_time": 0, "max_duration": 1},
        ],
    )
    def test_leaves_what_can_just_hold(self, restrictions):
        terms = terms_of(element({"ENERGY": "0.1"}, **restrictions), ENERGY, holidays=CHRISTMAS)

        assert found(terms) == []

    def test_warns_of_an_element_whose_days_are_over(self):
        terms = terms_of(element({"ENERGY": "0.1"}, start_date="2026-01-01", end_date="2026-02-01"), ENERGY)

        assert found(terms, valid_from=date(2026, 1, 31)) == []
        assert found(terms, valid_from=date(2026, 2, 1)) == [("warning", "over", "elements[0].restrictions")]

    def test_warns_of_holidays_that_are_over(self):
        terms = terms_of(element({"ENERGY": "0.1"}, holiday=True), ENERGY, holidays=CHRISTMAS)

        assert found(terms, valid_from=date(2026, 12, 26)) == []
        assert found(terms, valid_from=date(2026, 12, 27)) == [("warning", "over", "elements[0].restrictions")]


class TestLimits:
    @pytest.mark.parametrize(
        ("least", "most", "rates", "path"),
        [
            ({"excl_vat": "10"}, {"incl_vat": "9.99"}, None, "max_price.incl_vat"),
            ({"excl_vat": "10"}, {"incl_vat": "11.89"}, RATES, "max_price.incl_vat"),
            ({"incl_vat": "11.91"}, {"excl_vat": "10"}, RATES, "max_price.excl_vat"),
        ],
    )
    def test_exclude_each_other_across_sides(self, least, most, rates, path):
        terms = terms_of(ENERGY, min_price=least, max_price=most)

        assert found(terms, tax_rates=rates) == [("error", "min_above_max", path)]

    @pytest.mark.parametrize(
        ("least", "most", "rates"),
        [
            ({"excl_vat": "10"}, {"incl_vat": "10"}, None),
            ({"excl_vat": "10"}, {"incl_vat": "11.90"}, RATES),
            ({"incl_vat": "11.90"}, {"excl_vat": "10"}, RATES),
            ({"incl_vat": "50"}, {"excl_vat": "10"}, None),
            ({"incl_vat": "50"}, {"excl_vat": "10"}, {TaxCategory.REDUCED: Decimal("0.07")}),
        ],
    )
    def test_are_left_where_some_price_is_between(self, least, most, rates):
        terms = terms_of(ENERGY, min_price=least, max_price=most)

        assert found(terms, tax_rates=rates) == []

    def test_disagree_with_the_tax_rate(self):
        terms = terms_of(ENERGY, min_price={"excl_vat": "1.00", "incl_vat": "1.30"})

        findings = lint_tariff(terms, tax_rates=RATES)

        assert [str(finding) for finding in findings] == [
            "min_price: 1.00 without tax is 1.19 with tax, not 1.30; correct one of the two."
        ]

    @pytest.mark.parametrize(("gross", "is_right"), [("1.05", False), ("1.06", True), ("1.20", True), ("1.21", False)])
    def test_may_lie_between_two_rates_and_a_cent_of_rounding(self, gross, is_right):
        components = [
            {"type": "ENERGY", "price": "1"},
            {"type": "FLAT", "price": "1", "tax_category": "reduced"},
        ]
        terms = terms_of({"price_components": components}, max_price={"excl_vat": "1.00", "incl_vat": gross})

        assert (found(terms, tax_rates=RATES) == []) == is_right


class TestUnreachable:
    @pytest.mark.parametrize(
        "later",
        [
            element({"ENERGY": "0.2"}),
            element({"ENERGY": "0.2"}, start_time="08:00", end_time="18:00"),
            element({"ENERGY": "0.2"}, min_kwh=10, max_power=22, holiday=True, start_date="2026-01-01"),
        ],
    )
    def test_is_what_follows_an_unrestricted_element(self, later):
        terms = terms_of(ENERGY, later, holidays=CHRISTMAS)

        assert found(terms) == [("warning", "unreachable", "elements[1]")]

    @pytest.mark.parametrize(
        ("earlier", "later"),
        [
            ({"min_kwh": 5}, {"min_kwh": "5.0", "max_kwh": 10}),
            ({"max_duration": 3600}, {"max_duration": 1800}),
            ({"min_power": 11}, {"min_power": 22}),
            ({"min_power": 0}, {"max_power": 22}),
            ({"start_date": "2026-01-01"}, {"start_date": "2026-02-01", "end_date": "2026-03-01"}),
            ({"start_time": "22:00", "end_time": "06:00"}, {"start_time": "23:00", "end_time": "05:00"}),
            ({"start_time": "22:00", "end_time": "06:00"}, {"start_time": "22:00"}),
            ({"day_of_week": WEEKDAYS}, {"day_of_week": ["MONDAY"], "start_time": "08:00"}),
            ({"holiday": True}, {"holiday": True, "max_kwh": 3}),
        ],
    )
    def test_is_what_an_earlier_element_is_wider_than(self, earlier, later):
        terms = terms_of(
            element({"ENERGY": "1"}, **earlier), element({"ENERGY": "2"}, **later), ENERGY, holidays=CHRISTMAS
        )

        assert found(terms) == [("warning", "unreachable", "elements[1]")]

    @pytest.mark.parametrize(
        ("earlier", "later"),
        [
            ({"min_kwh": 5}, {"max_kwh": 10}),
            ({"max_kwh": 10}, {"min_kwh": 5}),
            ({"min_power": 0}, {"max_kwh": 10}),
            ({"start_date": "2026-01-01"}, {"end_date": "2026-03-01"}),
            ({"end_date": "2026-01-01"}, {"start_date": "2025-03-01"}),
            ({"start_time": "22:00", "end_time": "06:00"}, {"start_time": "05:00", "end_time": "07:00"}),
            ({"day_of_week": WEEKDAYS}, {"start_time": "08:00", "end_time": "09:00"}),
            ({"holiday": True}, {"max_kwh": 3}),
            ({"holiday": False}, {"holiday": True}),
        ],
    )
    def test_is_not_what_an_earlier_element_leaves_some_of(self, earlier, later):
        terms = terms_of(
            element({"ENERGY": "1"}, **earlier), element({"ENERGY": "2"}, **later), ENERGY, holidays=CHRISTMAS
        )

        assert found(terms) == []

    def test_is_a_default_after_elements_that_cover_the_week_together(self):
        terms = terms_of(
            element({"ENERGY": "1"}, day_of_week=WEEKDAYS),
            element({"ENERGY": "2"}, day_of_week=["SATURDAY", "SUNDAY"], start_time="06:00"),
            element({"ENERGY": "3"}, day_of_week=["SATURDAY", "SUNDAY"], end_time="06:00"),
            ENERGY,
        )

        assert found(terms) == [("warning", "unreachable", "elements[3]")]

    def test_is_the_component_alone_where_the_others_price(self):
        terms = terms_of(ENERGY, element({"TIME": "1", "ENERGY": "2"}, max_duration=3600))

        assert found(terms) == [("warning", "unreachable", "elements[1].price_components[1]")]

    def test_keeps_sessions_and_reservations_apart(self):
        terms = terms_of(
            element({"FLAT": "1", "ENERGY": "0.4"}),
            element({"FLAT": "2"}, reservation="RESERVATION"),
            element({"FLAT": "3"}, reservation="RESERVATION_EXPIRES"),
            element({"FLAT": "4"}, reservation="RESERVATION"),
        )

        assert found(terms) == [("warning", "unreachable", "elements[3]")]


class TestEnergyGaps:
    def test_names_the_hours(self):
        terms = terms_of(
            element({"ENERGY": "0.5"}, start_time="06:00", end_time="22:00", day_of_week=WEEKDAYS),
            element({"ENERGY": "0.4"}, day_of_week=["SATURDAY"]),
        )

        findings = lint_tariff(terms)

        assert [(finding.code, finding.message) for finding in findings] == [
            (
                "no_energy_price",
                "Energy costs nothing on Mo–Fr 00:00–06:00, 22:00–24:00; Su all day; "
                "add a last element without restrictions if it should cost.",
            )
        ]

    def test_names_the_minute_that_23_59_leaves_out(self):
        terms = terms_of(element({"ENERGY": "0.5"}, start_time="00:00", end_time="23:59"))

        assert [(finding.code, finding.path) for finding in lint_tariff(terms)] == [
            ("no_energy_price", "elements"),
            ("last_minute", "elements[0].restrictions.end_time"),
        ]
        assert "on Mo–Su 23:59–24:00" in lint_tariff(terms)[0].message

    def test_counts_a_wrapped_window_on_its_days_alone(self):
        terms = terms_of(
            element({"ENERGY": "0.5"}, start_time="22:00", end_time="06:00", day_of_week=["SATURDAY"]),
            element({"ENERGY": "0.4"}, day_of_week=[*WEEKDAYS, "SUNDAY"]),
        )

        assert "on Sa 06:00–22:00" in lint_tariff(terms)[0].message

    @pytest.mark.parametrize("later", [{"min_kwh": 1}, {"min_duration": 60}, {"min_charging_time": 1}])
    def test_counts_no_price_that_comes_only_later(self, later):
        terms = terms_of(element({"ENERGY": "0.5"}, **later))

        assert "at all times" in lint_tariff(terms)[0].message

    @pytest.mark.parametrize("until", [{"max_kwh": 1}, {"max_duration": 60}, {"min_kwh": 0, "min_idle_time": 0}])
    def test_counts_a_price_that_holds_at_the_start(self, until):
        assert found(terms_of(element({"ENERGY": "0.5"}, **until))) == []

    def test_counts_bands_of_power_that_leave_none_out(self):
        low, high = element({"ENERGY": "0.4"}, max_power=11), element({"ENERGY": "0.5"}, min_power=11)

        assert found(terms_of(low, high)) == []
        assert found(terms_of(low)) == [("warning", "no_energy_price", "elements")]

    def test_tells_seasons_and_holidays_apart(self):
        terms = terms_of(
            element({"ENERGY": "0.5"}, start_date="2026-01-01", end_date="2026-07-01", holiday=False),
            element({"ENERGY": "0.4"}, start_date="2026-07-01"),
            holidays=["2026-05-01"],
        )

        findings = lint_tariff(terms, valid_from=date(2026, 1, 1))

        assert [finding.message.partition(";")[0] for finding in findings] == [
            "Energy costs nothing on Fr all day (holidays) from 2026-01-01 until 2026-07-01"
        ]

    def test_looks_at_the_days_of_a_short_season_alone(self):
        terms = terms_of(
            element({"ENERGY": "0.5"}, day_of_week=["MONDAY", "TUESDAY"]),
            element({"ENERGY": "0.4"}, start_date="2026-06-10"),
        )

        # 2026-06-08 is a Monday.
        assert found(terms, valid_from=date(2026, 6, 8)) == []
        assert found(terms, valid_from=date(2026, 6, 7)) == [("warning", "no_energy_price", "elements")]

    def test_says_so_where_there_is_no_energy_price_at_all(self):
        terms = terms_of(element({"FLAT": "5"}))

        assert [finding.message for finding in lint_tariff(terms)] == [
            "Energy has no price and so costs nothing; add a price per kWh if it should."
        ]

    def test_counts_no_price_of_a_reservation(self):
        assert found(terms_of(element({"TIME": "1"}, reservation="RESERVATION"))) == [
            ("warning", "no_energy_price", "elements")
        ]


class TestSmallWarnings:
    @pytest.mark.parametrize(
        ("restrictions", "code", "name"),
        [
            ({"day_of_week": [day.value for day in WEEK]}, "restricts_nothing", "day_of_week"),
            ({"start_time": "08:00", "end_time": "08:00"}, "restricts_nothing", "end_time"),
            ({"start_time": "00:00", "end_time": "00:00"}, "restricts_nothing", "end_time"),
            ({"end_time": "00:00"}, "restricts_nothing", "end_time"),
            ({"holiday": False}, "restricts_nothing", "holiday"),
        ],
    )
    def test_find_what_restricts_nothing(self, restrictions, code, name):
        terms = terms_of(element({"ENERGY": "0.5"}, **restrictions))

        assert found(terms) == [("warning", code, f"elements[0].restrictions.{name}")]

    def test_find_steps_but_for_the_flat_fee(self):
        components = [
            {"type": "FLAT", "price": "1", "step_size": 60},
            {"type": "ENERGY", "price": "1", "step_size": 500},
        ]

        assert found(terms_of({"price_components": components})) == [
            ("warning", "step_size", "elements[0].price_components[1].step_size")
        ]

    def test_find_idle_rules_without_an_idle_price(self):
        terms = terms_of(ENERGY, element({"PARKING_TIME": "0"}), idle={"max_amount": "5"})

        assert found(terms) == [("warning", "idle_unpriced", "idle")]

    def test_find_what_the_display_cannot_show(self):
        terms = terms_of(element({"ENERGY": "0.1"}, holiday=True, min_kwh=0), ENERGY, holidays=CHRISTMAS)

        assert found(terms) == []
        assert found(terms, shown=SHOWN_BY_OCPP_2_1) == [("warning", "not_shown", "elements[0].restrictions.holiday")]
        assert found(terms, shown=()) == [
            ("warning", "not_shown", "elements[0].restrictions.holiday"),
            ("warning", "not_shown", "elements[0].restrictions.min_kwh"),
        ]


class TestDisplaysThatHaveNoRoom:
    HOURS = tuple(
        element({"ENERGY": f"0.{40 + hour}"}, start_time=f"{hour:02}:00", end_time=f"{hour + 2:02}:00")
        for hour in range(0, 20, 2)
    )

    def test_are_warned_of_with_what_they_leave_out(self):
        # Each hour is 25 characters and "; " in ASCII: eight, " ..." and the last line, about VAT, are within 255.
        (finding,) = lint_tariff(terms_of(*self.HOURS, ENERGY))

        assert (finding.severity, finding.code, finding.path) == (Severity.WARNING, "not_shown", "elements")
        assert finding.message == (
            "A station's display has room for 255 characters and leaves out (en): 16:00–18:00: 0.56 €/kWh; "
            "18:00–20:00: 0.58 €/kWh; at other times: 0.49 €/kWh. Use fewer elements, or see that drivers read the "
            "rest elsewhere."
        )

    def test_are_none_where_the_text_fits(self):
        assert lint_tariff(terms_of(*self.HOURS[:4], ENERGY)) == ()

    def test_are_none_where_the_station_shows_the_tariff_itself(self):
        assert lint_tariff(terms_of(*self.HOURS, ENERGY), shown=SHOWN_BY_OCPP_2_1) == ()


class TestUncapped:
    @pytest.mark.parametrize(
        ("dimension", "remedy"),
        [
            ("TIME", "set the most a session costs"),
            ("PARKING_TIME", "set a cap on idle time or the most a session costs"),
        ],
    )
    def test_warns_and_is_an_error_ad_hoc(self, dimension, remedy):
        terms = terms_of(ENERGY, element({dimension: "6"}))

        path = "elements[1].price_components[0]"
        assert found(terms) == [("warning", "uncapped", path)]
        assert found(terms, profiles=[Profile.AD_HOC_BELOW_50_KW]) == [("error", "uncapped", path)]
        assert remedy in lint_tariff(terms)[0].message

    @pytest.mark.parametrize(
        ("dimension", "restrictions", "fields"),
        [
            ("TIME", {}, {"max_price": {"incl_vat": "50"}}),
            ("TIME", {"max_duration": 3600}, {}),
            ("TIME", {"max_charging_time": 3600}, {}),
            ("PARKING_TIME", {}, {"idle": {"max_amount": "12"}}),
            ("PARKING_TIME", {"max_idle_time": 3600}, {}),
            ("PARKING_TIME", {}, {"max_price": {"excl_vat": "50"}}),
        ],
    )
    def test_is_content_with_any_bound(self, dimension, restrictions, fields):
        terms = terms_of(ENERGY, element({dimension: "6"}, **restrictions), **fields)

        assert found(terms, profiles=[Profile.AD_HOC_BELOW_50_KW]) == []

    def test_takes_no_cap_on_idling_for_one_on_charging(self):
        terms = terms_of(ENERGY, element({"TIME": "6"}), idle={"max_amount": "12"})

        assert ("warning", "uncapped", "elements[1].price_components[0]") in found(terms)


class TestProfiles:
    @pytest.mark.parametrize("profile", [Profile.AD_HOC_FROM_50_KW, Profile.AD_HOC_BELOW_50_KW])
    def test_refuse_net_prices_ad_hoc(self, profile):
        terms = terms_of(ENERGY, tax_included="NO")

        assert found(terms, profiles=[profile]) == [("error", "ad_hoc_net", "tax_included")]

    def test_allow_all_components_ad_hoc_below_50_kw(self):
        terms = terms_of(element({"ENERGY": "0.5", "TIME": "1", "FLAT": "1"}), max_price={"incl_vat": "50"})

        assert found(terms, profiles=[Profile.AD_HOC_BELOW_50_KW]) == []

    def test_refuse_more_than_energy_and_occupancy_ad_hoc_from_50_kw(self):
        terms = terms_of(
            element({"ENERGY": "0.5", "TIME": "1", "FLAT": "1", "PARKING_TIME": "6"}),
            min_price={"incl_vat": "1"},
            max_price={"incl_vat": "50"},
        )

        assert found(terms, profiles=[Profile.AD_HOC_FROM_50_KW]) == [
            ("error", "ad_hoc_fee", "elements[0].price_components[2]"),
            ("error", "ad_hoc_time", "elements[0].price_components[1]"),
            ("warning", "ad_hoc_min_price", "min_price"),
        ]

    def test_take_time_after_a_grace_period_for_an_occupancy_fee(self):
        terms = terms_of(ENERGY, element({"TIME": "6"}, min_duration=14400), max_price={"incl_vat": "50"})

        assert found(terms, profiles=[Profile.AD_HOC_FROM_50_KW]) == []

    @pytest.mark.parametrize(
        ("profile", "code"),
        [(Profile.AD_HOC_FROM_50_KW, "ad_hoc_not_by_energy"), (Profile.US_KWH_ONLY, "kwh_only_not_by_energy")],
    )
    def test_want_a_price_of_energy(self, profile, code):
        terms = terms_of(element({"ENERGY": "0", "PARKING_TIME": "6"}), idle={"max_amount": "9"})

        assert ("error", code, "elements") in found(terms, profiles=[profile])

    def test_refuse_time_where_energy_alone_is_sold(self):
        terms = terms_of(
            element({"ENERGY": "0.5", "TIME": "1", "FLAT": "1", "PARKING_TIME": "6"}), max_price={"incl_vat": "50"}
        )

        assert found(terms, profiles=[Profile.US_KWH_ONLY]) == [
            ("error", "kwh_only_time", "elements[0].price_components[1]"),
            ("warning", "kwh_only_fee", "elements[0].price_components[2]"),
            ("warning", "kwh_only_fee", "elements[0].price_components[3]"),
        ]

    def test_refuse_all_time_under_the_calibration_law(self):
        terms = terms_of(
            element({"ENERGY": "0.6"}, min_power=50),
            element({"ENERGY": "0.5", "TIME": "1", "FLAT": "1", "PARKING_TIME": "6"}),
            max_price={"incl_vat": "50"},
        )

        assert found(terms, profiles=[Profile.CALIBRATION_LAW]) == [
            ("error", "calibration_time", "elements[1].price_components[1]"),
            ("error", "calibration_time", "elements[1].price_components[3]"),
            ("warning", "calibration_measured", "elements[0].restrictions.min_power"),
        ]

    def test_hold_together(self):
        terms = terms_of(element({"ENERGY": "0.5", "PARKING_TIME": "6"}), tax_included="NO")

        assert found(terms, profiles=[Profile.AD_HOC_FROM_50_KW, Profile.CALIBRATION_LAW]) == [
            ("error", "ad_hoc_net", "tax_included"),
            ("error", "calibration_time", "elements[0].price_components[1]"),
            ("error", "uncapped", "elements[0].price_components[1]"),
        ]


# --- laws, against a second, obvious reading of the clock ---

MONDAY = datetime(2026, 6, 8)  # noqa: DTZ001 (a wall clock)


def clock_holds(restrictions: Restrictions, at: datetime, holidays: tuple[date, ...]) -> bool:
    start, end = restrictions.start_time or time(0), restrictions.end_time or time(0)
    in_time = start <= at.time() < end if time(0) < end and start < end else at.time() >= start or at.time() < end
    day = at.date()
    return (
        in_time
        and (restrictions.start_date is None or day >= restrictions.start_date)
        and (restrictions.end_date is None or day < restrictions.end_date)
        and (not restrictions.day_of_week or WEEK[day.weekday()] in restrictions.day_of_week)
        and (restrictions.holiday is None or restrictions.holiday == (day in holidays))
    )


def value_holds(restrictions: Restrictions, what: str, value: Decimal | None) -> bool:
    least, most = getattr(restrictions, f"min_{what}"), getattr(restrictions, f"max_{what}")
    if value is None:
        return least is None and most is None
    return (least is None or least <= value) and (most is None or value < most)


def clocks() -> st.SearchStrategy[time]:
    return st.builds(time, st.sampled_from((0, 6, 12, 23)), st.sampled_from((0, 30, 59)))


@st.composite
def restrictions(draw: st.DrawFn) -> Restrictions:
    least, most = st.none() | st.integers(0, 3).map(Decimal), st.none() | st.integers(1, 3).map(Decimal)
    bounds = {
        f"{bound}_{what}": draw(values)
        for what in ("kwh", "power")
        for bound, values in (("min", least), ("max", most))
    }
    days = draw(st.sets(st.sampled_from(WEEK), max_size=6))
    return Restrictions(
        start_time=draw(st.none() | clocks()),
        end_time=draw(st.none() | clocks()),
        start_date=draw(st.none() | st.dates(date(2026, 6, 8), date(2026, 6, 12))),
        end_date=draw(st.none() | st.dates(date(2026, 6, 13), date(2026, 6, 25))),
        day_of_week=tuple(day for day in WEEK if day in days),
        holiday=draw(st.sampled_from((None, None, True, False))),
        **bounds,
    )


def instants() -> st.SearchStrategy[datetime]:
    return st.integers(0, 21 * 1440 - 1).map(lambda minute: MONDAY + timedelta(minutes=minute))


HOLIDAYS = st.lists(st.dates(date(2026, 6, 8), date(2026, 6, 28)), max_size=3, unique=True).map(tuple)


class TestReachLaws:
    @given(restrictions(), restrictions(), instants(), HOLIDAYS, st.data())
    def test_the_wider_holds_wherever_the_narrower_does(self, wide, narrow, at, holidays, data):
        known = st.integers(0, 3).map(Decimal)
        kwh, power = data.draw(known), data.draw(st.none() | known)

        def holds(asked: Restrictions) -> bool:
            return (
                clock_holds(asked, at, holidays)
                and value_holds(asked, "kwh", kwh)
                and value_holds(asked, "power", power)
            )

        if is_wider(wide, narrow, has_holidays=bool(holidays)) and holds(narrow):
            assert holds(wide)

    @given(restrictions(), HOLIDAYS)
    def test_everything_is_as_wide_as_itself(self, one, holidays):
        assert is_wider(one, one, has_holidays=bool(holidays))

    @given(st.lists(restrictions(), min_size=1, max_size=4), instants(), HOLIDAYS)
    def test_a_gap_is_where_no_element_holds_at_the_start(self, several, at, holidays):
        terms = terms_of(*[ENERGY] * len(several), holidays=[day.isoformat() for day in holidays])
        elements = tuple(replace(one, restrictions=asked) for one, asked in zip(terms.elements, several, strict=True))
        tariff = replace(terms, elements=elements)

        gaps = energy_gaps(tariff, valid_from=MONDAY.date(), valid_to=MONDAY.date() + timedelta(days=21))

        minute = at.weekday() * 1440 + at.hour * 60 + at.minute
        in_gap = any(
            gap.minutes >> minute & 1
            and (gap.start_date is None or gap.start_date <= at.date())
            and (gap.end_date is None or at.date() < gap.end_date)
            and gap.is_holiday in (None, at.date() in holidays)
            for gap in gaps
        )
        is_priced_at = [
            any(
                clock_holds(asked, at, holidays)
                and value_holds(asked, "kwh", Decimal(0))
                and value_holds(asked, "power", Decimal(power))
                for asked in several
            )
            for power in range(5)
        ]
        assert in_gap == (not all(is_priced_at))


class TestNameMinutes:
    @pytest.mark.parametrize(
        ("asked", "name"),
        [
            (Restrictions(), "at all times"),
            (Restrictions(start_time=time(22), end_time=time(6)), "Mo–Su 00:00–06:00, 22:00–24:00"),
            (Restrictions(day_of_week=(WEEK[0], WEEK[1], WEEK[6])), "Mo–Tu all day; Su all day"),
            (Restrictions(end_time=time(0, 1), day_of_week=(WEEK[2],)), "We 00:00–00:01"),
        ],
    )
    def test_names_days_and_hours(self, asked, name):
        assert name_minutes(week_minutes(asked)) == name
